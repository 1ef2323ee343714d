"""A Prefect API for the flows of a command, and what can be checked before one is started."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.console import output
from flows.console.output import ROOT, say
from flows.host.server import recorded
from flows.host.server_choice import prefect_api
from flows.host.server_record import shown_at
from wrist_model.terminal_text import escaped


@contextmanager
def prefect() -> Iterator[None]:
    """A Prefect API for the flows of this command, with a log that a person can read."""
    from db.engine import open_catalogue
    from db.home import home, prefect_password_file

    open_catalogue().dispose()  # a home that can't be written is said before a server is started
    if not output.DEBUG:
        for kind in ("FLOW_RUN", "TASK_RUN"):
            os.environ.setdefault(f"PREFECT_LOGGING_FORMATTERS_STANDARD_{kind}_FMT", "%(asctime)s  %(message)s")
    with prefect_api(home(), say) as url:
        _quiet()
        from tasks.runtime.lease import recover

        for ended in recover(open_catalogue()):
            say(f"{ended.kind} {ended.run_id} had stopped: {ended.reason}; going on from what it had done.")
        if url == recorded(home()):
            say(
                f"Watch it at {shown_at(home())}, which asks for the password in {prefect_password_file(home())}; "
                "later `wrist up` shows the same history."
            )
        else:
            say(f"Watch it at {url.removesuffix('/api')}.")
        yield


def with_link(flow: Any) -> Any:
    """The same flow; when its run begins, a line says where the run is seen."""

    def tell(_flow: Any, run: Any, _state: Any) -> None:
        from db.home import home

        own = os.environ.get("PREFECT_API_URL") == recorded(home())
        at = shown_at(home()) if own else os.environ["PREFECT_API_URL"].removesuffix("/api")
        say(f"This run: {at}/runs/flow-run/{run.id}")

    return flow.with_options(on_running=[tell])


class _Escaped(logging.Filter):
    """Lines whose names and reasons can't command the terminal."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = escaped(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = escaped(logging.Formatter().formatException(record.exc_info))
        return True


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
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", ""):
        for handler in logging.getLogger(name).handlers:
            if hasattr(handler, "console"):
                handler.addFilter(_Escaped())
                if not output.DEBUG:
                    handler.addFilter(_Ours())


def check(
    recipe: str,
    models: list[str] | None = None,
    paths: list[str] | None = None,
    *,
    labels: list[str] | None = None,
    boxes: str | None = None,
    roots: bool = False,
    networks: bool = True,
) -> None:
    """What can be known before a server is started: the recipe, the networks' names, the paths, the labels, the
    boxes, Keras's settings.

    roots: without paths, the remembered ones are needed. networks: some will be trained or run.
    """
    from db.home import home
    from tasks.named_files import require_data
    from tasks.sources_toml import read
    from wrist_model.boxes import box_files
    from wrist_model.errors import DataError, UsageError
    from wrist_model.network import keras_settings
    from wrist_model.recipe import load
    from wrist_model.sources.recognise_source import find, read_labels

    if networks:
        keras_settings.refuse_environment()
    load(recipe, models)
    if roots and not paths and not read(home()):
        raise UsageError("No path given and none remembered. Give a path, or `wrist ingest PATH --remember` once.")
    for file in filter(None, labels or ()):
        require_data(file, "--labels")
        read_labels(Path(file))
    for path in paths or ():
        require_data(path, "PATH")
        plan = find(path)
        if next(iter(plan.items()), None) is None:
            raise DataError(f"{path}: no files there. Give a folder that holds images, or a list of them.")
    if boxes is not None:
        require_data(boxes, "--boxes")
        next(box_files.find(boxes))
