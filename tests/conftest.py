"""Fixtures that several rooms share. Each room's own stand beside its tests."""

from __future__ import annotations

import os

import pytest

# Before anything imports TensorFlow or Prefect: quiet, and nothing leaves the machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["DO_NOT_TRACK"] = "1"
os.environ.pop("WRIST_HOME", None)
os.environ.pop("WRIST_DATABASE_URL", None)

from db_fixtures import catalogue, home, new_database, postgresql  # noqa: F401
from prefect_fixtures import prefect_server, wrist_up  # noqa: F401
from whole_fixtures import whole  # noqa: F401

SHARED = {"prefect_server", "whole", "wrist_up"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In two processes (`-n 2`) a file's tests stay together, and so do all that share the session's servers."""
    for item in items:
        shares = SHARED & set(getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group("servers" if shares else item.path.name))
