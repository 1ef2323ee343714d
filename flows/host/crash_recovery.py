"""After a crash: end what has no process, in the catalogue by its leases and in Prefect by its processes.

`wrist up` calls it every quarter of a minute; the console calls the catalogue's part before each command. The server
of a home listens on 127.0.0.1 alone, so that its workers, and the runs they start, are processes of this machine.
"""

from __future__ import annotations

import time
import urllib.error
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

from flows.host.prefect_api import ask
from tasks.runtime.lease import recover

GONE_SECONDS = 12.0  # a worker's run without a process, at two looks
STARTING_SECONDS = 60.0  # from a worker's word that it starts a run to that run's process
QUIET_SECONDS = 90.0  # three of Prefect's heartbeats (prefect.toml: one in 30 s)
NEVER_RESUMED = "The flow was paused and never resumed."  # Prefect's words where an answer did not come in time
PAUSE = "gate-"  # what the key of a pause for a person's decision begins with; the model version follows
UNDER_WAY = {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}


def rescue(url: str, seen: dict[str, float]) -> list[str]:
    """One sentence for each run that was ended. `seen` is kept by the caller between calls.

    A worker's run counts as dead when it has had no process since the last look, a part of a run when that has ended,
    and one of the console when it has been watched for QUIET_SECONDS without a heartbeat: a server that was itself
    away has recorded none. One that holds a lease in the catalogue is alive, seen or not. The parts of a run that is
    ended here end with it.
    """
    from db.engine import open_catalogue
    from db.leases import holders

    engine = open_catalogue()
    told = [f"{run.kind} {run.run_id}: {run.reason}" for run in recover(engine)]
    running = ask(url, "/flow_runs/filter", {"flow_runs": {"state": UNDER_WAY}})
    here = {*_processes(), *(one.prefect_flow_run_id for one in holders(engine) if one.lost is None)} if running else ()
    now = time.monotonic()
    for gone in set(seen) - {run["id"] for run in running}:
        del seen[gone]
    for run in running:
        if run["id"] in here:
            seen.pop(run["id"], None)
            continue
        if not _is_dead(url, run, now - seen.setdefault(run["id"], now)):
            continue
        _crash(url, run)
        told.append(f"Prefect's run {run['name']!r} had no process any more")
    return told + _unanswered(url)


def _unanswered(url: str) -> list[str]:
    """One line for each retrain that asked a person in vain; the run is given it too, and the state `Unanswered`."""
    failed = {"type": {"any_": ["FAILED"]}, "name": {"any_": ["Failed"]}}
    newest = {"flow_runs": {"state": failed}, "sort": "END_TIME_DESC", "limit": 50}
    told = []
    for run in ask(url, "/flow_runs/filter", newest):
        if run["state"]["message"] != NEVER_RESUMED:
            continue
        states = ask(url, f"/flow_run_states/?flow_run_id={run['id']}")
        keys = [str(state["state_details"].get("pause_key") or "") for state in states]
        for model in {key.removeprefix(PAUSE) for key in keys if key.startswith(PAUSE)}:
            line = (
                f"Nobody answered in time: {model} stays challenger. To let it serve: wrist promote {model} --reason …"
            )
            state = {"type": "FAILED", "name": "Unanswered", "message": line}
            ask(url, f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
            told.append(line)
    return told


def _is_dead(url: str, run: dict[str, Any], watched: float) -> bool:
    """Whether a run that is no process of a worker's has been watched for long enough to be called dead."""
    if run["deployment_id"] is not None:
        return watched >= (STARTING_SECONDS if run["state_type"] == "PENDING" else GONE_SECONDS)
    if watched >= GONE_SECONDS and _parent_is_over(url, run):
        return True
    return watched >= QUIET_SECONDS and not _heard(url, run)


def _parent_is_over(url: str, run: dict[str, Any]) -> bool:
    if run["parent_task_run_id"] is None:
        return False
    try:
        parent = ask(url, f"/task_runs/{run['parent_task_run_id']}")["flow_run_id"]
    except urllib.error.HTTPError:  # not recorded
        return False
    return ask(url, f"/flow_runs/{parent}")["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def _processes() -> dict[str, int]:
    """Flow run → process, of all that workers of this machine have started."""
    found = {}
    for process in psutil.process_iter():
        try:
            run = process.environ().get("PREFECT__FLOW_RUN_ID")
        except (psutil.Error, OSError):  # ended by now, or another user's
            continue
        if run:
            found[run] = process.pid
    return found


def _heard(url: str, run: dict[str, Any]) -> bool:
    """Whether a heartbeat of this run came lately; parts of a run have their own."""
    since = datetime.now(UTC) - timedelta(seconds=QUIET_SECONDS)
    found = ask(
        url,
        "/events/filter",
        {
            "filter": {
                "event": {"name": ["prefect.flow-run.heartbeat"]},
                "occurred": {"since": since.isoformat()},
                "resource": {"id": [f"prefect.flow-run.{run['id']}"]},
            },
            "limit": 1,
        },
    )
    return bool(found["events"])


def _crash(url: str, run: dict[str, Any]) -> None:
    state = {
        "type": "CRASHED",
        "name": "Crashed",
        "message": "Its process is gone; the next run goes on with the work.",
    }
    ask(url, f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    parts = {"state": UNDER_WAY, "parent_flow_run_id": {"any_": [run["id"]]}}
    for part in ask(url, "/flow_runs/filter", {"flow_runs": parts}):
        _crash(url, part)
