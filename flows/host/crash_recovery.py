"""After a crash: end runs that have no process, in the catalogue by its leases, in Prefect by its processes.

`wrist up` calls it every quarter of a minute; the console calls the catalogue's part before each command. The workers
of a home's server, and the runs they start, are processes of this machine.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import psutil

from flows.host.prefect_api import connected

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

NO_PROCESS_SECONDS = 12.0  # how long a worker's run may have no process
STARTING_SECONDS = 60.0  # from the worker's report that it starts a run to that run's process
NO_HEARTBEAT_SECONDS = 90.0  # three of Prefect's heartbeats (prefect.toml: one in 30 s)
NEVER_RESUMED = "The flow was paused and never resumed."  # Prefect's words where an answer did not come in time
PAUSE = "gate-"  # what the key of a pause for a person's decision begins with; the model version follows
AGAIN = "-asked-"  # what follows in the key where a run asks once more
UNDER_WAY = ("RUNNING", "PENDING", "CANCELLING")


def end_crashed_runs(url: str, without_process: dict[UUID, float]) -> list[str]:
    """One sentence for each run that was ended. Raises CatalogueError when the server doesn't answer.

    without_process: since when (monotonic seconds) each running flow run was seen to have no process of a worker; the
    caller passes the same dictionary each time. A worker's run counts as crashed after NO_PROCESS_SECONDS without a
    process, a subflow's when its parent has ended, and one of the console after NO_HEARTBEAT_SECONDS of watching
    without a heartbeat: a server that was itself down has recorded none. One that holds a lease in the catalogue is at
    work, seen or not. The subflows of a crashed run end with it.
    """
    from db.engine import open_catalogue, reading
    from db.leases import holders
    from tasks.runtime.lease import recover

    engine = open_catalogue()
    sentences = [f"{run.kind} {run.run_id}: {run.reason}" for run in recover(engine)]
    with connected(url) as client:
        running = _under_way(client)
        at_work = runs_with_a_process() if running else set()
        if running:
            with reading(engine) as connection:
                at_work |= {str(one.prefect_flow_run_id) for one in holders(connection) if one.lost is None}
        now = time.monotonic()
        for run_id in set(without_process) - {run.id for run in running}:
            del without_process[run_id]
        for run in running:
            if str(run.id) in at_work:
                without_process.pop(run.id, None)
            elif _has_crashed(client, run, now - without_process.setdefault(run.id, now)):
                _mark_crashed(client, run)
                ended = f"Prefect's run {run.name!r} had no process any more and is marked as crashed"
                sentences.append(f"{ended}: `wrist status` says how to go on")
        return sentences + _mark_unanswered(client)


def _under_way(client: SyncPrefectClient, parent: UUID | None = None) -> list[FlowRun]:
    """Flow runs that Prefect holds for running; those of one parent alone, where it is given."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterParentFlowRunId,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    kinds = FlowRunFilterStateType(any_=[StateType(name) for name in UNDER_WAY])
    wanted = FlowRunFilter(state=FlowRunFilterState(type=kinds))
    if parent is not None:
        wanted.parent_flow_run_id = FlowRunFilterParentFlowRunId(any_=[parent])
    return client.read_flow_runs(flow_run_filter=wanted)


def _mark_unanswered(client: SyncPrefectClient) -> list[str]:
    """One line for each retrain whose question nobody answered; its run gets the line and the state `Unanswered`."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateName,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.states import Failed

    kinds, names = FlowRunFilterStateType(any_=[StateType.FAILED]), FlowRunFilterStateName(any_=["Failed"])
    failed = FlowRunFilter(state=FlowRunFilterState(type=kinds, name=names))
    lines = []
    for run in client.read_flow_runs(flow_run_filter=failed, sort=FlowRunSort.END_TIME_DESC, limit=50):
        if run.state is None or run.state.message != NEVER_RESUMED:
            continue
        keys = {state.state_details.pause_key or "" for state in client.read_flow_run_states(run.id)}
        for model in sorted({key.removeprefix(PAUSE).partition(AGAIN)[0] for key in keys if key.startswith(PAUSE)}):
            line = (
                f"Nobody answered in time: {model} stays challenger. To let it serve: wrist promote {model} --reason …"
            )
            client.set_flow_run_state(run.id, Failed(name="Unanswered", message=line), force=True)
            lines.append(line)
    return lines


def _has_crashed(client: SyncPrefectClient, run: FlowRun, watched: float) -> bool:
    """Whether a run without a worker's process has been watched for long enough (seconds) to be called crashed."""
    if run.deployment_id is not None:
        starting = run.state is not None and run.state.is_pending()
        return watched >= (STARTING_SECONDS if starting else NO_PROCESS_SECONDS)
    if watched >= NO_PROCESS_SECONDS and _parent_has_ended(client, run):
        return True
    return watched >= NO_HEARTBEAT_SECONDS and not _sent_a_heartbeat(client, run)


def _parent_has_ended(client: SyncPrefectClient, run: FlowRun) -> bool:
    from prefect.exceptions import ObjectNotFound

    if run.parent_task_run_id is None:
        return False
    try:
        parent = client.read_task_run(run.parent_task_run_id).flow_run_id
    except ObjectNotFound:  # not recorded
        return False
    state = client.read_flow_run(parent).state if parent is not None else None
    return state is not None and state.is_final()


def runs_with_a_process() -> set[str]:
    """The flow runs for which workers of this machine have a process now."""
    found = set()
    for process in psutil.process_iter():
        try:
            run = process.environ().get("PREFECT__FLOW_RUN_ID")
        except (psutil.Error, OSError):  # it has ended, or is another user's
            continue
        if run:
            found.add(run)
    return found


def _sent_a_heartbeat(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether this run sent a heartbeat in the last NO_HEARTBEAT_SECONDS; subflows send their own."""
    from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter

    wanted = EventFilter(
        event=EventNameFilter(name=["prefect.flow-run.heartbeat"]),
        occurred=EventOccurredFilter.model_validate(
            {"since": datetime.now(UTC) - timedelta(seconds=NO_HEARTBEAT_SECONDS)}
        ),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
    )
    return bool(client.read_events(wanted, limit=1).events)


def _mark_crashed(client: SyncPrefectClient, run: FlowRun) -> None:
    from prefect.states import Crashed

    message = "Its process has ended; the next run goes on with the work."
    client.set_flow_run_state(run.id, Crashed(message=message), force=True)
    for part in _under_way(client, run.id):
        _mark_crashed(client, part)
