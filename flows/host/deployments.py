"""What a Prefect server has scheduled and has run: the deployments, what is under way, and what waits for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.host.crash_recovery import AGAIN, PAUSE, UNDER_WAY
from flows.host.prefect_api import connected
from tasks.local_time import local

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

RED = ("FAILED", "CRASHED")
ENDED = (*RED, "COMPLETED", "CANCELLED")
LATE_SECONDS = 120.0
IN_A_QUEUE = "AwaitingConcurrencySlot"  # the run before it is still at work


@dataclass(frozen=True)
class Result:
    """How a deployment's last run ended. state: Completed, Skipped, Failed, Broken, Drift …; at: when."""

    state: str
    is_red: bool
    at: datetime
    run_id: str
    message: str


@dataclass(frozen=True)
class Deployment:
    """name: `flow/deployment`. next: its next run, later than now; soon: it has a schedule of which the scheduler has
    made no run yet. late_since: when a run that nobody has begun was due."""

    name: str
    paused: bool
    next: datetime | None
    soon: bool
    late_since: datetime | None
    last: Result | None

    @property
    def due(self) -> str:
        """When it runs next, in words."""
        if self.paused:
            return "paused"
        return local(self.next) if self.next else "soon" if self.soon else "when asked"


def deployments(url: str) -> list[Deployment]:
    """Wrist's deployments by name. Raises CatalogueError when the server doesn't answer."""
    now = datetime.now(UTC)
    with connected(url) as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        found = []
        for row in client.read_deployments():
            late = _first(client, row.id, ("SCHEDULED",), before=now - timedelta(seconds=LATE_SECONDS))
            due = _first(client, row.id, ("SCHEDULED",), after=now)
            last = _first(client, row.id, ENDED)
            found.append(
                Deployment(
                    name=f"{flows.get(row.flow_id, '?')}/{row.name}",
                    paused=row.paused,
                    next=due.expected_start_time if due else None,
                    soon=any(schedule.active for schedule in row.schedules),
                    late_since=late.expected_start_time if late and late.state_name != IN_A_QUEUE else None,
                    last=_result(last) if last else None,
                )
            )
    return sorted(found, key=lambda one: one.name)


def _first(
    client: SyncPrefectClient,
    deployment: Any,
    types: tuple[str, ...],
    *,
    before: datetime | None = None,
    after: datetime | None = None,
) -> FlowRun | None:
    """The earliest run of a deployment that is expected in that time; of ended ones the one that ended last."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterDeploymentId,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    kinds = FlowRunFilterStateType(any_=[StateType(name) for name in types])
    wanted = FlowRunFilter(
        state=FlowRunFilterState(type=kinds), deployment_id=FlowRunFilterDeploymentId(any_=[deployment])
    )
    if before or after:
        wanted.expected_start_time = FlowRunFilterExpectedStartTime.model_validate({"before_": before, "after_": after})
    sort = FlowRunSort.END_TIME_DESC if types == ENDED else FlowRunSort.EXPECTED_START_TIME_ASC
    return next(iter(client.read_flow_runs(flow_run_filter=wanted, sort=sort, limit=1)), None)


def _result(run: FlowRun) -> Result:
    kind = run.state_type.value if run.state_type else ""
    message = (run.state.message if run.state else None) or ""
    at = run.end_time or run.expected_start_time or datetime.now(UTC)
    return Result(run.state_name or "?", kind in RED, at, str(run.id), message)


def under_way(url: str) -> list[str]:
    """One line for each run at work: its name, what of it is at work now, and since when.

    Raises CatalogueError when the server doesn't answer.
    """
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    kinds = FlowRunFilterStateType(any_=[StateType(name) for name in UNDER_WAY])
    with connected(url) as client:
        running = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=kinds)))
        lines = []
        for run in running:
            if run.parent_task_run_id is None:
                parts = " → ".join(_parts(client, run))
                lines.append(f"{run.name}{': ' if parts else ''}{parts}, since {local(run.start_time)}")
    return sorted(lines)


def _parts(client: SyncPrefectClient, run: FlowRun) -> list[str]:
    """The subflow at work and its own part, or the tasks."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterId,
        FlowRunFilterParentFlowRunId,
        FlowRunFilterState,
        FlowRunFilterStateType,
        TaskRunFilter,
        TaskRunFilterState,
        TaskRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    at_work = [StateType.RUNNING]
    inner = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=at_work)),
        )
    )
    if inner:
        return [inner[0].name, *_parts(client, inner[0])]
    tasks = client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
        task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=at_work))),
        limit=3,
    )
    return [", ".join(task.name for task in tasks)] if tasks else []


def waiting_for_an_answer(url: str, shown_at: str) -> list[str]:
    """One line, with the address of its page, for each run that is suspended until a person answers.

    shown_at: the address that people use.
    """
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    paused = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
    with connected(url) as client:
        runs = client.read_flow_runs(flow_run_filter=paused)
    return [f"{run.name} waits for an answer{_on(run)}: press Resume at {page(shown_at, run.id)}" for run in runs]


def _on(run: FlowRun) -> str:
    """Which model version a suspended run asks about, by its pause's key."""
    key = run.state.state_details.pause_key or "" if run.state else ""
    return f" on {key.removeprefix(PAUSE).partition(AGAIN)[0]}" if key.startswith(PAUSE) else ""


def page(shown_at: str, run_id: object) -> str:
    """The address of a run's page."""
    return f"{shown_at}/runs/flow-run/{run_id}"
