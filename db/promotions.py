"""Promotions: who serves, who served, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import writing
from db.lookups import new_id, one, row_id
from db.models import ModelVersion, models
from wrist_model.errors import DataError
from wrist_model.records import Provenance

Decision = Literal["promoted", "refused", "undecided", "rolled_back"]
_SERVING = "SELECT max(id) AS id FROM promotion WHERE decision IN ('promoted', 'rolled_back')"


def champion(engine: Engine) -> ModelVersion | None:
    """The model that serves, or None."""
    return next((one_ for one_ in models(engine) if one_.role == "champion"), None)


def earlier_champions(engine: Engine) -> tuple[ModelVersion, ...]:
    """Those that served before, oldest first."""
    return tuple(one_ for one_ in models(engine) if one_.role == "retired")


def add_promotion(
    engine: Engine,
    model_version_id: str,
    decision: Decision,
    reason: str,
    by: Provenance,
    comparison_ids: Sequence[str] = (),
    decided_by: str | None = None,
) -> str:
    """Write a decision and the comparisons it rests on; returns promotion_id. decided_by: the actor unless given. What
    is rolled back points to the promotion that it takes back.
    """
    if decision not in get_args(Decision):
        raise DataError(f"Decision {decision!r}; expected one of {', '.join(get_args(Decision))}.")
    with writing(engine) as connection:
        row = {
            "promotion_id": new_id("pm"),
            "model_version_id": row_id(connection, "model_version", "model_version_id", model_version_id),
            "decision": decision,
            "reason": reason,
            "decided_by": decided_by or by.actor,
            "corrects_id": one(connection, _SERVING).id if decision == "rolled_back" else None,
        }
        number = append(connection, "promotion", [row], by)
        links = [
            {"promotion_id": number, "comparison_id": row_id(connection, "comparison", "comparison_id", one_)}
            for one_ in comparison_ids
        ]
        if links:
            append(connection, "promotion_comparison", links, by)
    return str(row["promotion_id"])
