"""What the console's commands share: their common options, lines for the person, and a Prefect API for their flows."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

DEBUG = False
ROOT = Path(__file__).parent.parent.parent

Paths = Annotated[list[str] | None, typer.Argument(metavar="PATH…", help="Files or folders; else remembered roots.")]
Labels = Annotated[list[str] | None, typer.Option("--labels", help="CSV with study_uid or accession_number, label.")]
Source = Annotated[str | None, typer.Option("--source", help="Name space of the identifiers; default by the place.")]
BodyPart = Annotated[str, typer.Option("--body-part", help="WRIST or ANY.", callback=lambda word: _body_part(word))]
RecipeFile = Annotated[str, typer.Option("--recipe", help="A TOML file, or the name of one in recipes/.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="One network only; may be repeated.")]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Processes that decode; default: all cores.")]
Cluster = Annotated[str | None, typer.Option("--cluster", help="A Dask scheduler that works, tcp://host:8786.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="A frozen version's id; default: the newest.")]


def _body_part(word: str) -> str:
    from flows.form import body_part

    try:
        return body_part(word)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def say(message: str) -> None:
    """A line for the person, beside results: on stderr."""
    print(message, file=sys.stderr, flush=True)


def say_if_new() -> None:
    """In the wrong folder a new catalogue is made, and an empty one answers everything with nothing."""
    from db.engine import home, is_there

    if not is_there():
        say(f"No catalogue was in {home()}: a new, empty one is made. WRIST_HOME names another.")


@contextmanager
def prefect() -> Iterator[None]:
    """A Prefect API for the flows of this command, with a log that a person can read."""
    from db.engine import home, open_catalogue
    from flows.server import prefect_api

    open_catalogue().dispose()  # a home that can't be written is said before a server is started
    if not DEBUG:
        for kind in ("FLOW_RUN", "TASK_RUN"):
            os.environ.setdefault(f"PREFECT_LOGGING_FORMATTERS_STANDARD_{kind}_FMT", "%(asctime)s  %(message)s")
    with prefect_api(home(), say) as url:
        _quiet()
        from tasks.alive import recover

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
    if DEBUG:
        return
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", ""):
        for handler in logging.getLogger(name).handlers:
            if hasattr(handler, "console"):
                handler.addFilter(_Ours())


def check(recipe: str, models: list[str] | None = None, paths: list[str] | None = None, *, roots: bool = False) -> None:
    """What can be known before a server is started: the recipe, the networks' names, the paths.

    roots: without paths, the remembered ones are needed.
    """
    from db.engine import home
    from tasks.roots import read
    from wrist_model.errors import DataError, UsageError
    from wrist_model.recipe import load
    from wrist_model.sources.find import find

    load(recipe, models)
    if roots and not paths and not read(home()):
        raise UsageError("No path given and none remembered. Give a path, or `wrist ingest PATH --remember` once.")
    for path in paths or ():
        plan = find(path)
        if next(iter(plan.items()), None) is None:
            raise DataError(f"{path}: no files there. Give a folder that holds images, or a list of them.")


def counted(number: int, one: str, many: str = "") -> str:
    """`1 study`, `2 studies`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def show(result: Any, as_json: bool, tell: Callable[[], None]) -> None:
    """The result as JSON, or as `tell` prints it."""
    if as_json:
        print(json.dumps(result, indent=2, default=str))
    else:
        tell()
