"""Which Prefect server a command uses: the one that is named, this home's, or one that it starts."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flows.host.prefect_api import answers, drain
from flows.host.server import Say, prefect_settings, running
from wrist_model.errors import CatalogueError


@contextmanager
def prefect_api(home: Path, say: Say) -> Iterator[str]:
    """Gives the URL of a Prefect API and sets this process to use it.

    It is, in this order: PREFECT_API_URL of the environment or of the user's Prefect profile, the server that this
    home runs already (`wrist up`, or another command), or a new one for this command, which `say` announces.
    At the end the runs' events have been recorded. Raises CatalogueError when PREFECT_API_URL does not answer or
    the new server doesn't start.
    """
    asked, of_profile = os.environ.get("PREFECT_API_URL"), _of_profile()
    with prefect_settings(home):
        chosen = asked or (of_profile if of_profile and answers(of_profile) else None)
        if chosen:
            with _used(chosen):
                yield chosen
        else:
            with running(home, say=say) as url, _used(url):
                yield url


@contextmanager
def _used(url: str) -> Iterator[None]:
    """Point Prefect, imported or not, at this API; record everything before leaving."""
    if not answers(url):
        raise CatalogueError(
            f"PREFECT_API_URL is {url}, and no Prefect server answers there. "
            "Start it, or unset the variable to let Wrist start one of its own."
        )
    os.environ["PREFECT_API_URL"] = url
    from prefect.settings import PREFECT_API_URL, temporary_settings

    begun = datetime.now(UTC)
    with temporary_settings({PREFECT_API_URL: url}):
        try:
            yield
        finally:
            drain(url, begun)


def _of_profile() -> str | None:
    """The API of the user's own active Prefect profile; the file is only read."""
    try:
        folder = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
        profiles = tomllib.loads((folder / "profiles.toml").read_text(encoding="utf-8"))
        return str(profiles["profiles"][profiles["active"]]["PREFECT_API_URL"])
    except (OSError, RuntimeError, tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError):
        return None
