"""Fixtures that several rooms share. Each room's own stand beside its tests."""

from __future__ import annotations

import os

# Before anything imports TensorFlow or Prefect: quiet, and nothing leaves the machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["DO_NOT_TRACK"] = "1"
os.environ.pop("WRIST_HOME", None)
os.environ.pop("WRIST_DATABASE_URL", None)

from db_fixtures import catalogue, home, new_database, postgresql  # noqa: F401
from gate_hall import hall  # noqa: F401
from prefect_fixtures import prefect_server, wrist_up  # noqa: F401
from whole_fixtures import whole  # noqa: F401
