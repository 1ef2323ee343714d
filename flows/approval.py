"""A person's decision, asked for in the Prefect UI: the run suspends, frees its process, and goes on when answered."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.client.orchestration import get_client
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, keyset_from_base_key
from prefect.input.actions import read_flow_run_input
from pydantic import Field

from db.engine import open_catalogue
from flows.host.crash_recovery import AGAIN, PAUSE
from flows.parameters import LONGEST_DAYS
from tasks.promote import record
from tasks.question import question


class Approval(RunInput):
    """The form behind the Resume button."""

    decision: Literal["approve", "reject"] = Field(description="Approve: it serves from now on. Reject: it never does.")
    reason: str = Field(min_length=3, description="Why; kept in the catalogue for ever.")
    name: str = Field(min_length=2, description="Who decides; kept beside the reason.")


def ask(verdict: dict[str, Any], report: str, days: float = LONGEST_DAYS) -> str:
    """The decision of the gate, or of the person that it asks for; call it in a flow, never in a task.

    report: the page's path. A deployment's run suspends for so many days. A run from the console can't: the model stays
    challenger, and the line that promotes it is printed. An answer that never comes leaves it challenger too: `wrist
    up` prints that line then.
    """
    if not verdict["ask"]:
        return str(verdict["decision"])
    model = verdict["model_version_id"]
    if runtime.deployment.get_id() is None:
        words = '%s: undecided: %s. To let it serve: wrist promote %s --reason "…"'
        get_run_logger().warning(words, model, verdict["reason"], model)
        return str(verdict["decision"])
    key, answer = _question(model)
    if answer is None:
        text = question(open_catalogue(), verdict, runtime.flow_run.get_id(), report)
        form = Approval.with_initial_data(description=text)
        wait = timedelta(days=days)
        until = f"{datetime.now().astimezone() + wait:%Y-%m-%d %H:%M %Z}"
        words = (
            "%s: undecided: %s. Press Resume until %s. Unanswered, it stays challenger; then: "
            'wrist promote %s --reason "…"'
        )
        get_run_logger().warning(words, model, verdict["reason"], until, model)
        answer = suspend_flow_run(wait_for_input=form, timeout=math.ceil(wait.total_seconds()), key=key)
    return record(model, answer.decision == "approve", answer.reason, answer.name, verdict["promotion_id"])


def is_answered() -> bool:
    """Whether this run has its answer: it was resumed, or tried again after that. All up to the question is done."""
    run = runtime.flow_run.get_id()
    if run is None or runtime.deployment.get_id() is None:
        return False
    with get_client(sync_client=True) as client:
        inputs = client.filter_flow_run_input(UUID(run), f"suspended-{PAUSE}", 100, set())
    return any(one.key.endswith("-response") for one in inputs)


def _question(model: str) -> tuple[str, Approval | None]:
    """The key of this run's question about a model version, and its answer where there is one.

    A question whose run failed before it was answered is asked under a new key: Prefect keeps a key's form for ever.
    """
    for number in itertools.count(1):
        key = PAUSE + model + (f"{AGAIN}{number}" if number > 1 else "")
        keys = keyset_from_base_key(f"suspended-{key}")
        given: Any = read_flow_run_input(keys["response"])
        if given:
            return key, Approval(**given)
        if read_flow_run_input(keys["schema"]) is None:
            return key, None
    raise AssertionError
