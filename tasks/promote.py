"""A person's decision about a model version: the answer to the gate's question, or a promotion by hand."""

from __future__ import annotations

from prefect import get_run_logger, task

from db import models, promotions
from db.engine import open_catalogue
from tasks.runtime.provenance import provenance
from wrist_model.errors import DataError


@task(name="record decision", task_run_name="record what the person decided", tags=["gate"])
def record(model_version_id: str, approved: bool, reason: str, person: str) -> str:
    """Writes a person's answer; gives the decision, promoted or refused."""
    decision: promotions.Decision = "promoted" if approved else "refused"
    promotions.add_promotion(open_catalogue(), model_version_id, decision, reason, provenance(), decided_by=person)
    get_run_logger().info("%s: %s by %s: %s", model_version_id, decision, person, reason)
    return decision


def by_hand(model_version_id: str, reason: str) -> dict[str, str]:
    """A person's decision: this version serves from now on. An earlier champion that returns is a roll-back.

    Raises DataError for an unknown version, the one that serves already, or one without locked operating points.
    """
    engine = open_catalogue(existing=True)
    model = models.model(engine, model_version_id)
    if not models.operating_points(engine, model.model_version_id):
        raise DataError(f"{model.model_version_id} has no operating points: `wrist evaluate` locks them first.")
    serving = promotions.champion(engine)
    if serving is not None and serving.model_version_id == model.model_version_id:
        raise DataError(f"{model.model_version_id} serves already; nothing was changed.")
    earlier = {one.model_version_id for one in promotions.earlier_champions(engine)}
    decision: promotions.Decision = "rolled_back" if model.model_version_id in earlier else "promoted"
    promotions.add_promotion(engine, model.model_version_id, decision, reason, provenance())
    return {"model_version_id": model.model_version_id, "decision": decision, "reason": reason}
