"""What a Prefect server has scheduled: the deployments and their next runs, and the runs that wait for an answer."""

from __future__ import annotations

from typing import Any

from flows.host.prefect_api import connected

SOON = "soon"  # an active schedule of which the scheduler has made no run yet


def deployments(url: str) -> list[dict[str, Any]]:
    """Name, and the time of the next scheduled run (UTC), of each of Wrist's deployments.

    Raises CatalogueError when the server doesn't answer.
    """
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterDeploymentId,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    scheduled = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    found = []
    with connected(url) as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        for row in client.read_deployments():
            wanted = FlowRunFilter(state=scheduled, deployment_id=FlowRunFilterDeploymentId(any_=[row.id]))
            runs = client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=1)
            due = runs[0].expected_start_time if runs else None
            soon = SOON if any(schedule.active for schedule in row.schedules) else None
            name = f"{flows.get(row.flow_id, '?')}/{row.name}"
            found.append({"name": name, "next": f"{due:%Y-%m-%d %H:%M} UTC" if due else soon, "paused": row.paused})
    return sorted(found, key=lambda row: str(row["name"]))


def waiting_for_an_answer(url: str) -> list[str]:
    """One line, with the address of its page, for each run that is suspended until a person answers."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    paused = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
    page = url.removesuffix("/api")
    with connected(url) as client:
        runs = client.read_flow_runs(flow_run_filter=paused)
    return [f"{run.name} waits for an answer: {page}/runs/flow-run/{run.id}" for run in runs]
