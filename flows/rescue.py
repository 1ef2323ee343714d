"""After a crash: end what has no process, in the catalogue by its own heartbeats and in Prefect by Prefect's.

`wrist up` calls it every quarter of a minute; the console calls the catalogue's part before each command.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.server import ask
from tasks.alive import recover

QUIET_SECONDS = 90.0  # three of Prefect's heartbeats (prefect.toml: one in 30 s)


def rescue(url: str, seen: dict[str, float]) -> list[str]:
    """One sentence for each run that was ended. `seen` is kept by the caller between calls.

    A run of Prefect's counts as dead when it has been under way, and watched from here, for QUIET_SECONDS without a
    heartbeat: a server that was itself away has recorded none.
    """
    from db.engine import open_catalogue

    told = [f"{run.kind} {run.run_id}: {run.reason}" for run in recover(open_catalogue())]
    running = ask(url, "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "CANCELLING"]}}}})
    now = time.monotonic()
    for gone in set(seen) - {run["id"] for run in running}:
        del seen[gone]
    for run in running:
        began = seen.setdefault(run["id"], now)
        if now - began < QUIET_SECONDS or _heard(url, run):
            continue
        _crash(url, run)
        told.append(f"Prefect's run {run['name']!r} had no process any more")
    return told


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
