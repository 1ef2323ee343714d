"""How the product ends an ingest whose process is gone."""

from __future__ import annotations

from db_story import BY
from sqlalchemy import Engine

from db import leases


def end_killed(engine: Engine, run: str) -> None:
    assert leases.fail_unfinished(engine, run, "ended from outside", BY)
