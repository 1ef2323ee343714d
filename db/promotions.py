"""Promotions: who serves, who served, what was decided about a model version, by whom and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import every, new_id, one, row_id
from db.metrics import first_test_auc
from db.models import LAST_PROMOTION, SERVES, ModelVersion, refuse_replicate, select_models
from wrist_model.errors import DataError
from wrist_model.records import Provenance

Decision = Literal["promoted", "refused", "undecided", "rolled_back"]


@dataclass(frozen=True)
class LastDecision:
    """A promotion row. outdated: another model has begun to serve since."""

    model_version_id: str
    decision: str
    reason: str
    decided_by: str
    created_at: str
    promotion_id: str
    prefect_flow_run_id: str | None
    outdated: bool


def champion(engine: Catalogue) -> ModelVersion | None:
    """The model that serves, or None."""
    with reading(engine) as connection:
        return next(iter(select_models(connection, SERVES)), None)


def earlier_champions(engine: Catalogue) -> tuple[ModelVersion, ...]:
    """Those that served before, oldest first."""
    with reading(engine) as connection:
        return select_models(connection, "v.role = 'retired'")


def references(engine: Catalogue, challenger: str | None = None) -> tuple[str, ...]:
    """Whom the gate compares with: the champion and, of those that served before, the one with the highest first test
    AUC (undefined is the lowest); without the challenger itself."""
    with reading(engine) as connection:
        serving = champion(connection)
        earlier = [
            (one_.model_version_id, first_test_auc(connection, one_.model_version_id))
            for one_ in earlier_champions(connection)
        ]
    found = [serving.model_version_id] if serving else []
    found += [max(earlier, key=lambda pair: -1.0 if pair[1] is None else pair[1])[0]] if earlier else []
    return tuple(dict.fromkeys(name for name in found if name != challenger))


def add_promotion(
    engine: Catalogue,
    model_version_id: str,
    decision: Decision,
    reason: str,
    by: Provenance,
    comparison_ids: Sequence[str] = (),
    decided_by: str | None = None,
) -> str:
    """Write a decision and the comparisons it rests on; returns promotion_id. decided_by: the actor unless given. What
    is rolled back points to the promotion that it takes back. Raises DataError about a replicate.
    """
    if decision not in get_args(Decision):
        raise DataError(f"Decision {decision!r}; expected one of {', '.join(get_args(Decision))}.")
    with writing(engine) as connection:
        model = row_id(connection, "model_version", "model_version_id", model_version_id)
        refuse_replicate(connection, model, "be decided about")
        row = {
            "promotion_id": new_id("pm"),
            "model_version_id": model,
            "decision": decision,
            "reason": reason,
            "decided_by": decided_by or by.actor,
            "corrects_id": one(connection, f"SELECT {LAST_PROMOTION} AS id").id if decision == "rolled_back" else None,
        }
        number = append(connection, "promotion", [row], by)
        links = [
            {"promotion_id": number, "comparison_id": row_id(connection, "comparison", "comparison_id", one_)}
            for one_ in comparison_ids
        ]
        if links:
            append(connection, "promotion_comparison", links, by)
    return str(row["promotion_id"])


def decision(engine: Catalogue, promotion_id: str) -> LastDecision:
    """One promotion row. Raises DataError when there is none of this id."""
    with reading(engine) as connection:
        row_id(connection, "promotion", "promotion_id", promotion_id)
        return _decisions(connection, "p.promotion_id = :id", id=promotion_id)[0]


def rests_on(engine: Catalogue, model_version_id: str) -> tuple[str, ...]:
    """The comparisons of the newest decision about a model version that names some."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT c.comparison_id FROM promotion_comparison k JOIN comparison c ON c.id = k.comparison_id "
            "WHERE k.promotion_id = (SELECT max(p.id) FROM promotion p JOIN model_version m ON m.id = "
            "p.model_version_id JOIN promotion_comparison o ON o.promotion_id = p.id WHERE m.model_version_id = :id) "
            "ORDER BY k.id",
            id=model_version_id,
        )
    return tuple(row.comparison_id for row in rows)


def compared_with(engine: Catalogue, promotion_id: str) -> set[str]:
    """The model versions with which a decision compared."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT DISTINCT m.model_version_id FROM promotion p JOIN promotion_comparison k ON k.promotion_id = p.id "
            "JOIN comparison c ON c.id = k.comparison_id JOIN model_version m ON m.id = c.reference_id "
            "WHERE p.promotion_id = :id",
            id=promotion_id,
        )
    return {row.model_version_id for row in rows}


def last_decision(engine: Catalogue, model_version_id: str) -> LastDecision | None:
    """What was last decided about a model version, or None."""
    with reading(engine) as connection:
        found = _last_decisions(connection, "m.model_version_id = :id", id=model_version_id)
    return found[0] if found else None


def undecided(engine: Catalogue) -> list[LastDecision]:
    """What waits for a person: last decisions that are `undecided` and newer than the champion's, oldest first."""
    with reading(engine) as connection:
        return _last_decisions(connection, f"p.decision = 'undecided' AND p.id > coalesce({LAST_PROMOTION}, 0)")


def _last_decisions(connection: Connection, where: str, **values: Any) -> list[LastDecision]:
    """The last decision of each model version, oldest first. where: as for `_decisions`."""
    newest = "p.id = (SELECT max(q.id) FROM promotion q WHERE q.model_version_id = p.model_version_id)"
    return _decisions(connection, f"{newest} AND {where}", **values)


def _decisions(connection: Connection, where: str, **values: Any) -> list[LastDecision]:
    """Decisions, oldest first. where: of p (promotion) and m (model_version)."""
    rows = every(
        connection,
        "SELECT m.model_version_id, p.decision, p.reason, p.decided_by, a.at, p.promotion_id, a.prefect_flow_run_id, "
        f"CASE WHEN coalesce({LAST_PROMOTION}, 0) > p.id THEN 1 ELSE 0 END AS outdated FROM promotion p "
        "JOIN model_version m ON m.id = p.model_version_id JOIN audit_entry a ON a.seq = p.entry "
        f"WHERE {where} ORDER BY p.id",
        **values,
    )
    return [LastDecision(*(*row[:7], bool(row[7]))) for row in rows]
