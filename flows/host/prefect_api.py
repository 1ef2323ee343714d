"""Which Prefect API a command uses, calls of it, and waiting until it has recorded a run."""

from __future__ import annotations

import json
import os
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.host.server import Say, environment, running
from wrist_model.errors import CatalogueError

DRAIN_SECONDS = 60

BUSY, BUSY_TRIES = 503, 8  # what Prefect answers while its database is locked


@contextmanager
def prefect_api(home: Path, say: Say) -> Iterator[str]:
    """Gives the URL of a Prefect API and sets this process to use it.

    It is, in this order: PREFECT_API_URL of the environment or of the user's Prefect profile, the server that this
    home runs already (`wrist up`, or another command), or a new one for this command; `say` is told of that one.
    At the end the runs' events have been recorded. Raises CatalogueError when PREFECT_API_URL does not answer or
    the new server doesn't start.
    """
    before = dict(os.environ)
    asked = os.environ.get("PREFECT_API_URL") or _of_profile()
    os.environ.update(environment(home))
    try:
        if asked:
            with _used(asked) as url:
                yield url
        else:
            with running(home, say=say) as url, _used(url):
                yield url
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _used(url: str) -> Iterator[str]:
    """Point Prefect, imported or not, at this API; record everything before leaving."""
    if not answers(url):
        raise CatalogueError(
            f"PREFECT_API_URL is {url}, and no Prefect server answers there. "
            "Start it, or unset the variable to let Wrist start one of its own."
        )
    os.environ["PREFECT_API_URL"] = url
    from prefect.settings import PREFECT_API_URL, temporary_settings

    begun = time.time()
    with temporary_settings({PREFECT_API_URL: url}):
        try:
            yield url
        finally:
            drain(url, begun)


def _of_profile() -> str | None:
    """The API of the user's own active Prefect profile, if it answers; the file is only read."""
    folder = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    try:
        profiles = tomllib.loads((folder / "profiles.toml").read_text(encoding="utf-8"))
        url = profiles["profiles"][profiles["active"]]["PREFECT_API_URL"]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError):
        return None
    return str(url) if answers(str(url)) else None


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
