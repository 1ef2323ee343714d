"""Which Prefect API a command uses, calls of it, and waiting until it has recorded a run."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

DRAIN_SECONDS = 60

BUSY, BUSY_TRIES = 503, 8  # what Prefect answers while its database is locked


def answers(url: str, seconds: float = 5.0) -> bool:
    """Whether a healthy Prefect API is at this URL."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=seconds) as reply:  # noqa: S310 (loopback or the user's)
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def ask(url: str, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """A call of the Prefect REST API; the parsed answer. A server that is busy is asked again."""
    request = urllib.request.Request(  # noqa: S310 (the server found above)
        f"{url}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    for attempt in range(BUSY_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
                return json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != BUSY or attempt == BUSY_TRIES - 1:
                raise
            time.sleep(0.5 * (attempt + 1))
    return None


def drain(url: str, begun: float, seconds: float = DRAIN_SECONDS) -> None:
    """Send what this process still holds, then wait until the server has recorded it.

    That is: no task run begun since is left unfinished, and their number rests for 1.5 s; or it rests for 10 s.
    """
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=10, at_exit=False)
    APILogWorker.drain_all(timeout=10, at_exit=False)
    since = {"start_time": {"after_": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun - 1))}}
    states = {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}
    end, count, rested = time.monotonic() + seconds, -1, time.monotonic()
    while time.monotonic() < end:
        try:
            now = ask(url, "/task_runs/count", {})
            unfinished = ask(url, "/task_runs/count", {"task_runs": {**since, **states}})
        except (urllib.error.URLError, OSError):
            return
        if now != count:
            count, rested = now, time.monotonic()
        rest = time.monotonic() - rested
        if (not unfinished and rest > 1.5) or rest > 10:
            return
        time.sleep(0.3)
