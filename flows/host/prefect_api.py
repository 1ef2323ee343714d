"""Calls of a Prefect server by Prefect's own client, and waiting until the server has recorded a command's runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

REQUEST_SECONDS = 30.0
DRAIN_SECONDS = 60.0
RETRIES = 3  # after 2, 4 and 8 s: a server whose database is locked answers 503


@contextmanager
def connected(url: str, *, seconds: float = REQUEST_SECONDS, retries: int = RETRIES) -> Iterator[SyncPrefectClient]:
    """A client of the API at this URL.

    seconds: how long one request may take. retries: how often the client repeats a request of a busy server.
    Raises CatalogueError when the server doesn't answer or answers with an error; what doesn't exist there is
    Prefect's ObjectNotFound.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    try:
        with (
            temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: retries}),
            get_client(httpx_settings={"timeout": seconds}, sync_client=True) as client,
        ):
            yield client
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CatalogueError(f"The Prefect server at {url} doesn't answer: {reason}") from None


def answers(url: str, seconds: float = 5.0) -> bool:
    """Whether a healthy Prefect API is at this URL."""
    try:
        with connected(url, seconds=seconds, retries=0) as client:
            return client.api_healthcheck() is None
    except (CatalogueError, ValueError):  # no URL at all
        return False


def count_task_runs(client: SyncPrefectClient, **where: object) -> int:
    """How many task runs the server has recorded; where: filters as the REST API takes them."""
    return int(client.request("POST", "/task_runs/count", json=where).json())


def drain(url: str, begun: datetime, seconds: float = DRAIN_SECONDS) -> None:
    """Send what this process still holds, then wait until the server has recorded it.

    That is: no task run begun since is left unfinished, and their number rests for 1.5 s; or it rests for 10 s.
    """
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=10, at_exit=False)
    APILogWorker.drain_all(timeout=10, at_exit=False)
    unfinished = {
        "start_time": {"after_": (begun - timedelta(seconds=1)).isoformat()},
        "state": {"type": {"any_": ["RUNNING", "PENDING"]}},
    }
    end, count, changed = time.monotonic() + seconds, -1, time.monotonic()
    try:
        with connected(url) as client:
            while time.monotonic() < end:
                now = count_task_runs(client)
                if now != count:
                    count, changed = now, time.monotonic()
                rest = time.monotonic() - changed
                if rest > 10 or (rest > 1.5 and not count_task_runs(client, task_runs=unfinished)):
                    return
                time.sleep(0.3)
    except CatalogueError:  # it ended before this command
        return
