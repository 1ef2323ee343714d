"""Stored paired differences between model versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.evaluations import evaluation_row, looks_at
from db.lookups import every, new_id, row_id
from wrist_model.records import (
    Comparison,
    Provenance,
)


def add_comparisons(
    engine: Engine, evaluation_id: str, comparisons: Sequence[Comparison], by: Provenance
) -> tuple[str, ...]:
    """Store paired comparisons (challenger and reference are model version ids); returns their ids, in order.

    One with the same pair, metric and method in this evaluation stays as it is.
    """
    with writing(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        looks = looks_at(connection, run.dataset_version_id) if run.dataset_version_id else 0
        stored = {
            tuple(row[1:]): row[0]
            for row in every(
                connection,
                "SELECT comparison_id, challenger_id, reference_id, metric, method FROM comparison "
                "WHERE evaluation_id = :id",
                id=run.id,
            )
        }
        ids, rows = [], []
        for one_ in comparisons:
            values: dict[str, Any] = asdict(one_)
            for side in ("challenger", "reference"):
                values[f"{side}_id"] = row_id(connection, "model_version", "model_version_id", values.pop(side))
            key = (values["challenger_id"], values["reference_id"], one_.metric, one_.method)
            if key not in stored:
                stored[key] = new_id("cm")
                head = {"comparison_id": stored[key], "evaluation_id": run.id, "holdout_looks": looks}
                rows.append({**head, **values})
            ids.append(stored[key])
        if rows:
            append(connection, "comparison", rows, by)
    return tuple(ids)


def comparisons(engine: Engine, evaluation_id: str) -> list[tuple[str, Comparison, int]]:
    """(comparison_id, comparison, looks at the hold-out by then), in the order in which they were stored."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT c.comparison_id, x.model_version_id, y.model_version_id, c.metric, c.difference, c.ci_low, "
            "c.ci_high, c.method, c.n_patients, c.p_value, c.holdout_looks FROM comparison c "
            "JOIN model_version x ON x.id = c.challenger_id JOIN model_version y ON y.id = c.reference_id "
            "WHERE c.evaluation_id = :id ORDER BY c.id",
            id=evaluation_row(connection, evaluation_id).id,
        )
    return [(row[0], Comparison(*row[1:10]), row[10]) for row in rows]
