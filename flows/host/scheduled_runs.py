"""Runs that the scheduler has made and nobody has begun: missed ones become one, and each is named by its flow.

Prefect begins each missed run when a server or a machine comes back: ninety-six scorings after a day. Each looks at all
that has come in, so that one is enough.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows.host.deployments import IN_A_QUEUE
from flows.host.prefect_api import connected
from tasks.local_time import local

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

MOST = 200  # runs that Prefect tells at once


def tidy(url: str) -> list[str]:
    """One line for each deployment that catches up; safe to call at any time. Raises CatalogueError when the server
    doesn't answer.

    Of a deployment's scheduled runs that are due, or wait for the one before, the newest stays. What a person or an
    event asked for stays, too.
    """
    from prefect.exceptions import ObjectNotFound

    now, lines = datetime.now(UTC), []
    with connected(url) as client:
        due = _made(client, expected_start_time={"before_": now.isoformat()})
        waiting = _made(client, state_name=IN_A_QUEUE)
        for missed in _by_deployment([*due, *waiting]).values():
            *earlier, last = missed
            for run in earlier:
                try:
                    client.delete_flow_run(run.id)
                except ObjectNotFound:  # it was begun, or taken away, meanwhile
                    continue
            if earlier:
                first, flow = local(earlier[0].expected_start_time), client.read_flow(last.flow_id).name
                lines.append(f"{flow}: {len(earlier) + 1} runs were due since {first}; one makes up for all.")
        flows = {flow.id: flow.name for flow in client.read_flows()}
        for run in _made(client, expected_start_time={"after_": now.isoformat()}):
            if run.name != flows.get(run.flow_id, run.name):
                with suppress(ObjectNotFound):  # it was taken away meanwhile
                    client.update_flow_run(run.id, name=flows[run.flow_id])
    return lines


def begun(url: str, seconds: float) -> list[str]:
    """Wait, so long at most, until the workers have begun what is due: deploying takes away what nobody has begun.

    Gives a line where they have not. Raises CatalogueError when the server doesn't answer.
    """
    end = time.monotonic() + seconds
    with connected(url) as client:
        while is_due(client):
            if time.monotonic() > end:
                return [f"Missed runs have not begun within {seconds:.0f} s and are left out: is the worker at work?"]
            time.sleep(0.5)
    return []


def is_due(client: SyncPrefectClient, deployment: UUID | None = None, seconds: float = 0.0) -> bool:
    """Whether a run that the scheduler made is due, or will be within so many seconds, and nobody has begun it.

    deployment: of this one; None: of any.
    """
    where: dict[str, Any] = {"deployment_id": {"any_": [str(deployment)]}} if deployment else {}
    before = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    found = _made(client, expected_start_time={"before_": before}, **where)
    return any(run.state_name != IN_A_QUEUE for run in found)


def _made(client: SyncPrefectClient, *, state_name: str | None = None, **where: Any) -> list[FlowRun]:
    """What the scheduler made and nobody has begun, the earliest first."""
    from prefect.client.schemas.objects import FlowRun

    state: dict[str, Any] = {"type": {"any_": ["SCHEDULED"]}}
    if state_name:
        state["name"] = {"any_": [state_name]}
    asked = {"flow_runs": {"state": state, **where}, "sort": "EXPECTED_START_TIME_ASC", "limit": MOST}
    rows = client.request("POST", "/flow_runs/filter", json=asked).json()
    found = (FlowRun.model_validate(row) for row in rows)
    return [run for run in found if run.auto_scheduled and run.deployment_id and run.run_count == 0]


def _by_deployment(runs: Iterable[FlowRun]) -> dict[UUID, list[FlowRun]]:
    """Each run once, in the order in which they were due."""
    found: dict[UUID, dict[UUID, FlowRun]] = defaultdict(dict)
    for run in runs:
        assert run.deployment_id is not None
        found[run.deployment_id][run.id] = run
    return {one: sorted(of.values(), key=_due) for one, of in found.items()}


def _due(run: FlowRun) -> datetime:
    return run.next_scheduled_start_time or run.expected_start_time or datetime.max.replace(tzinfo=UTC)
