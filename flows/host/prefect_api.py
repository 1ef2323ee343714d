"""Calls of a Prefect server by Prefect's own client, and waiting until the server has recorded a command's runs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

REQUEST_SECONDS = 30.0
DRAIN_SECONDS = 60.0
RETRIES = 3  # after 2, 4 and 8 s: a server whose database is locked answers 503
REFUSALS = (401, 403)


class NotLetIn(CatalogueError):
    """The server is there and refuses these credentials: waiting changes nothing."""


class Kind(Enum):
    """What is at a URL."""

    PREFECT = "a Prefect API"
    REFUSES = "a Prefect API that refuses these credentials"
    NOBODY = "nobody that answers in time"
    OTHER = "something else"


@dataclass(frozen=True)
class Answer:
    """version: Prefect's, of the server; empty where it isn't told (Prefect Cloud)."""

    kind: Kind
    version: str = ""


@contextmanager
def connected(url: str, *, seconds: float = REQUEST_SECONDS, retries: int = RETRIES) -> Iterator[SyncPrefectClient]:
    """A client of the API at this URL, with the credentials and settings that this process's environment holds.

    seconds: how long one request may take. retries: how often the client repeats a request of a busy server.
    Raises NotLetIn when the server refuses the credentials, CatalogueError when it doesn't answer or answers with an
    error; what doesn't exist there is Prefect's ObjectNotFound.
    """
    import httpx

    try:
        with _client(url, seconds, retries) as client:
            yield client
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status in REFUSALS:
            raise NotLetIn(f"The Prefect server at {shown(url)} refuses these credentials (status {status}).") from None
        raise CatalogueError(f"The Prefect server at {shown(url)} answers with status {status}.") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CatalogueError(f"The Prefect server at {shown(url)} doesn't answer: {reason}") from None


@contextmanager
def _client(url: str, seconds: float, retries: int) -> Iterator[SyncPrefectClient]:
    from prefect.client.orchestration import get_client
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_KEY,
        PREFECT_API_URL,
        PREFECT_CLIENT_MAX_RETRIES,
        temporary_settings,
    )

    updates = {
        PREFECT_API_URL: url,
        PREFECT_API_AUTH_STRING: os.environ.get("PREFECT_API_AUTH_STRING"),
        PREFECT_API_KEY: os.environ.get("PREFECT_API_KEY"),
        PREFECT_CLIENT_MAX_RETRIES: retries,
    }
    with (
        temporary_settings(updates),
        get_client(httpx_settings={"timeout": seconds}, sync_client=True) as client,
    ):
        yield client


def shown(url: str) -> str:
    """The URL without a password that it may hold."""
    before, at, after = url.rpartition("@")
    return f"{before.partition('://')[0]}://{after}" if at else url


def answers(url: str, seconds: float = 5.0) -> bool:
    """Whether a healthy Prefect API is at this URL; it is asked without credentials."""
    try:
        with connected(url, seconds=seconds, retries=0) as client:
            return client.request("GET", "/health").json() is True
    except (CatalogueError, ValueError):  # no URL at all, or no JSON
        return False


def look(url: str, seconds: float = 5.0) -> Answer:
    """What is at this URL, and whether it lets this process in."""
    import httpx
    from prefect.client.base import ServerType

    try:
        with _client(url, seconds, 0) as client:
            if client.server_type is ServerType.CLOUD:
                client.read_work_pools(limit=1)
                return Answer(Kind.PREFECT)
            if client.request("GET", "/health").json() is not True:
                return Answer(Kind.OTHER)
            version = client.api_version()
            return Answer(Kind.PREFECT, version) if isinstance(version, str) else Answer(Kind.OTHER)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        return Answer(Kind.REFUSES if status in REFUSALS else Kind.NOBODY if status >= 500 else Kind.OTHER)
    except httpx.HTTPError:
        return Answer(Kind.NOBODY)
    except (ValueError, httpx.InvalidURL):  # no JSON, or no URL
        return Answer(Kind.OTHER)


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
