"""A person's decision about a model version: the answer to the gate's question, or a decision by hand."""

from __future__ import annotations

from prefect import get_run_logger, task
from sqlalchemy import Connection

from db import models, promotions
from db.engine import open_catalogue, writing
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import TRANSIENT
from wrist_model.errors import DataError


@task(
    name="record decision",
    task_run_name="record what the person decided",
    tags=["gate"],
    **TRANSIENT,
)
def record(model_version_id: str, approved: bool, reason: str, person: str, question: str | None = None) -> str:
    """Writes a person's answer, once, with the comparisons that it rests on; gives the decision, promoted or refused.

    An answer to a question that the catalogue has left behind (another model serves since, or somebody has decided
    about this one) changes nobody's role: it is stored as undecided, with what the person said and why.
    question: the promotion_id of the row that asks; without one the model version's last decision.
    """
    decision: promotions.Decision = "promoted" if approved else "refused"
    with writing(open_catalogue()) as connection:
        last = promotions.last_decision(connection, model_version_id)
        asked = promotions.decision(connection, question) if question else last
        said = reason
        if behind := _left_behind(connection, model_version_id, approved, asked, last):
            decision, said = "undecided", f"{person} said {decision} ({reason}); {behind}"
        if last is None or (last.decision, last.reason, last.decided_by) != (decision, said, person):
            held = () if behind else promotions.rests_on(connection, model_version_id)
            promotions.add_promotion(connection, model_version_id, decision, said, provenance(), held, person)
    get_run_logger().info("%s: %s by %s: %s", model_version_id, decision, person, said)
    return decision


def _left_behind(
    connection: Connection,
    model_version_id: str,
    approved: bool,
    asked: promotions.LastDecision | None,
    last: promotions.LastDecision | None,
) -> str:
    """Why an answer comes too late, or nothing. The same answer given again does not."""
    wanted = "promoted" if approved else "refused"
    if asked is None or last is None or (last.decision == wanted and not last.outdated):
        return ""
    if last.decision in ("promoted", "rolled_back", "refused") and last.promotion_id != asked.promotion_id:
        return f"{last.decided_by} decided {last.decision} before that: `wrist promote` or `wrist reject` decides"
    serving = promotions.champion(connection)
    if approved and serving is not None and serving.model_version_id == model_version_id:
        return "it serves already"
    if approved and asked.outdated and serving is not None:
        return (
            f"{serving.model_version_id} serves since the question was asked, and they were not compared: "
            "`wrist retrain` compares them, `wrist promote` decides by hand"
        )
    return ""


def by_hand(model_version_id: str, reason: str) -> dict[str, str]:
    """A person's decision: this version serves from now on. An earlier champion that returns is a roll-back.

    Raises DataError for an unknown version, the one that serves already, or one without locked operating points.
    """
    with writing(open_catalogue(existing=True)) as connection:
        model = models.model(connection, model_version_id)
        if not models.operating_points(connection, model.model_version_id):
            raise DataError(f"{model.model_version_id} has no operating points: `wrist evaluate` locks them first.")
        if model.role == "champion":
            raise DataError(f"{model.model_version_id} serves already; nothing was changed.")
        decision: promotions.Decision = "rolled_back" if model.role == "retired" else "promoted"
        return _decide(connection, model.model_version_id, decision, reason)


def reject(model_version_id: str, reason: str) -> dict[str, str]:
    """A person's decision: this version never serves.

    Raises DataError for an unknown version, one that serves or served, or one that is rejected already.
    """
    with writing(open_catalogue(existing=True)) as connection:
        model = models.model(connection, model_version_id)
        if model.role == "champion":
            raise DataError(f"{model.model_version_id} serves: `wrist promote` another one in its place.")
        if model.role == "retired":
            raise DataError(f"{model.model_version_id} has served; it is retired, and nothing was changed.")
        if model.role == "rejected":
            raise DataError(f"{model.model_version_id} is rejected already; nothing was changed.")
        return _decide(connection, model.model_version_id, "refused", reason)


def _decide(
    connection: Connection, model_version_id: str, decision: promotions.Decision, reason: str
) -> dict[str, str]:
    held = promotions.rests_on(connection, model_version_id)
    promotions.add_promotion(connection, model_version_id, decision, reason, provenance(), held)
    return {"model_version_id": model_version_id, "decision": decision, "reason": reason}
