"""Prefect's own client of a server: one connection for a few calls, and whether a server answers at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

REQUEST_SECONDS = 30.0
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
