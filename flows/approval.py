"""A person's decision, asked for in the Prefect UI: the run suspends, frees its process, and goes on when answered."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, Literal

from prefect import get_run_logger, runtime
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from flows.host.crash_recovery import PAUSE
from tasks.gate import record

LONGEST_DAYS = 14.0


class Approval(RunInput):
    """The form behind the Resume button."""

    decision: Literal["approve", "reject"] = Field(description="Approve: it serves from now on. Reject: it never does.")
    reason: str = Field(min_length=3, description="Why; kept in the catalogue for ever.")
    name: str = Field(min_length=2, description="Who decides; kept beside the reason.")


def ask(verdict: dict[str, Any], days: float = LONGEST_DAYS) -> str:
    """The decision of the gate, or of the person that it asks for; call it in a flow, never in a task.

    A deployment's run suspends for so many days. A run from the console can't: the model stays challenger, and the line
    that promotes it is printed. An answer that never comes leaves it challenger too: `wrist up` prints that line then.
    """
    if not verdict["ask"]:
        return str(verdict["decision"])
    model = verdict["model_version_id"]
    if runtime.deployment.get_id() is None:
        get_run_logger().warning("%s waits for a person. To let it serve: wrist promote %s --reason …", model, model)
        return str(verdict["decision"])
    form = Approval.with_initial_data(
        description=f"## Shall {model} serve?\n\nIt {verdict['reason']}.\n\n"
        "The comparison is in this run's artifact `gate`, the metrics in its artifact `report`.",
    )
    wait = timedelta(days=days)
    if runtime.flow_run.get_run_count() == 1:  # the answered run comes through here again
        until = f"{datetime.now().astimezone() + wait:%Y-%m-%d %H:%M %Z}"
        words = "%s waits for a person until %s: press Resume. Unanswered, it stays challenger; then: wrist promote %s"
        get_run_logger().warning(words, model, until, model)
    answer = suspend_flow_run(wait_for_input=form, timeout=math.ceil(wait.total_seconds()), key=f"{PAUSE}{model}")
    return record(model, answer.decision == "approve", answer.reason, answer.name)
