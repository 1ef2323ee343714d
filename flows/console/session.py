"""A Prefect API for the flows of a command, and what can be checked before one is started."""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flows.console import output
from flows.console.output import ROOT, say
from flows.host.prefect_api import answers, drain
from flows.host.server import Say, prefect_settings, running
from wrist_model.errors import CatalogueError


@contextmanager
def prefect() -> Iterator[None]:
    """A Prefect API for the flows of this command, with a log that a person can read."""
    from db.engine import open_catalogue
    from db.home import home

    open_catalogue().dispose()  # a home that can't be written is said before a server is started
    if not output.DEBUG:
        for kind in ("FLOW_RUN", "TASK_RUN"):
            os.environ.setdefault(f"PREFECT_LOGGING_FORMATTERS_STANDARD_{kind}_FMT", "%(asctime)s  %(message)s")
    with prefect_api(home(), say) as url:
        _quiet()
        from tasks.runtime.heartbeat import recover

        for ended in recover(open_catalogue()):
            say(f"{ended.kind} {ended.run_id} had stopped: {ended.reason}; going on from what it had done.")
        say(f"Watch it at {url.removesuffix('/api')}; later `wrist up` shows the same history.")
        yield


class _Ours(logging.Filter):
    """Lines of our own code, and warnings; what failed is said once, by the console."""

    ours = tuple(str(ROOT / room) for room in ("flows", "tasks", "wrist_model", "db"))

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return record.pathname.startswith(self.ours) or (
            record.levelno >= logging.WARNING and not record.exc_info and "Finished in state" not in text
        )


def _quiet() -> None:
    import prefect.main  # noqa: F401 (sets its logging up)
    from prefect.logging.configuration import setup_logging

    setup_logging()
    if output.DEBUG:
        return
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", ""):
        for handler in logging.getLogger(name).handlers:
            if hasattr(handler, "console"):
                handler.addFilter(_Ours())


def check(recipe: str, models: list[str] | None = None, paths: list[str] | None = None, *, roots: bool = False) -> None:
    """What can be known before a server is started: the recipe, the networks' names, the paths.

    roots: without paths, the remembered ones are needed.
    """
    from db.home import home
    from tasks.remembered_roots import read
    from wrist_model.errors import DataError, UsageError
    from wrist_model.recipe import load
    from wrist_model.sources.plan import find

    load(recipe, models)
    if roots and not paths and not read(home()):
        raise UsageError("No path given and none remembered. Give a path, or `wrist ingest PATH --remember` once.")
    for path in paths or ():
        plan = find(path)
        if next(iter(plan.items()), None) is None:
            raise DataError(f"{path}: no files there. Give a folder that holds images, or a list of them.")


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
    folder = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    try:
        profiles = tomllib.loads((folder / "profiles.toml").read_text(encoding="utf-8"))
        return str(profiles["profiles"][profiles["active"]]["PREFECT_API_URL"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError):
        return None
