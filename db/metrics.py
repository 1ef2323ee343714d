"""Stored metrics of an evaluation, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.evaluations import evaluation_row
from db.lookups import every
from wrist_model.records import (
    Metric,
    Provenance,
)


def add_metrics(engine: Engine, evaluation_id: str, metrics: Sequence[Metric], by: Provenance) -> int:
    """Store metrics; one with the same split, level, subgroup, point and name stays as it is. Returns new rows."""
    with writing(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        key = ("split", "level", "subgroup", "operating_point", "metric")
        stored = {
            tuple(row)
            for row in every(connection, f"SELECT {', '.join(key)} FROM metric WHERE evaluation_id = :id", id=run.id)
        }
        rows = [
            {"evaluation_id": run.id, **asdict(metric)}
            for metric in metrics
            if tuple(getattr(metric, name) for name in key) not in stored
        ]
        if rows:
            append(connection, "metric", rows, by)
    return len(rows)


def metrics(engine: Engine, evaluation_id: str) -> list[Metric]:
    """The stored metrics, in the order in which they were stored."""
    names = ", ".join(Metric.__dataclass_fields__)
    with reading(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        rows = every(connection, f"SELECT {names} FROM metric WHERE evaluation_id = :id ORDER BY id", id=run.id)
    return [Metric(*row) for row in rows]
