"""How the product ends an ingest whose process is gone."""

from __future__ import annotations

from db_story import BY
from sqlalchemy import Engine

from db import leases
from db.unended_runs import end_abandoned


def end_killed(engine: Engine, run: str) -> None:
    """As after the death of the process that held its lease."""
    leases.forget(engine, leases.held(engine, f"ingest {run}"))
    assert [one.run_id for one in end_abandoned(engine, BY)] == [run]
