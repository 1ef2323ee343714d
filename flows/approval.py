"""A person's decision, asked for in the Prefect UI: the run suspends, frees its process, and goes on when answered."""

from __future__ import annotations

from typing import Any, Literal

from prefect import get_run_logger, runtime
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from tasks.promote import record

WAIT_SECONDS = 14 * 24 * 3600


class Approval(RunInput):
    """The form behind the Resume button."""

    decision: Literal["approve", "reject"] = Field(description="Approve: this model serves from now on.")
    reason: str = Field(min_length=3, description="Why; kept in the catalogue for ever.")
    name: str = Field(min_length=2, description="Who decides; kept beside the reason.")


def ask(verdict: dict[str, Any]) -> str:
    """The decision of the gate, or of the person that it asks for; call it in a flow, never in a task.

    A deployment's run suspends, up to 14 days. A run from the console can't: the model stays challenger, and the line
    that promotes it is printed. An answer that never comes leaves it challenger too.
    """
    if not verdict["ask"]:
        return str(verdict["decision"])
    model = verdict["model_version_id"]
    if runtime.deployment.get_id() is None:
        get_run_logger().warning("%s waits for a person. To let it serve: wrist promote %s --reason …", model, model)
        return str(verdict["decision"])
    form = Approval.with_initial_data(
        description=f"# Shall {model} serve?\n\n{verdict['reason']}\n\n"
        "The comparison is in this run's artifact `gate`, the metrics in its artifact `report`.",
    )
    answer = suspend_flow_run(wait_for_input=form, timeout=WAIT_SECONDS, key=f"gate-{model}")
    return record(model, answer.decision == "approve", answer.reason, answer.name)
