"""How long work says how far it is: a bar on a terminal, plain lines elsewhere, and an artifact of the Prefect run."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from wrist_model.records import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

LINE_SECONDS = 15.0  # between plain lines
ARTIFACT_SECONDS = 10.0  # between updates of the artifact: each costs 11 ms and a row's write
_screen = threading.RLock()
_shown: list[Bar] = []


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Give a `Progress` to pass to pure work; what it is told is shown until the block ends.

    Calls are cheap: at most a few are drawn a second. Work that takes under LINE_SECONDS writes no plain line, and
    none shorter than ARTIFACT_SECONDS makes an artifact.
    """
    teller = _Artifact(title)
    with _bar(title) if sys.stderr.isatty() else _lines(title) as show:

        def tell(stage: str, done: int, total: int, note: str) -> None:
            show(stage, done, total, note)
            teller.tell(stage, done, total, note)

        try:
            yield tell
        finally:
            teller.close()


@contextmanager
def _bar(title: str) -> Iterator[Progress]:
    """A Rich bar on stderr; Prefect's log lines go above it through the same console. A nested one joins the first."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with _screen:
        first = not _shown
        if first:
            _shown.append(
                Bar(
                    TextColumn("{task.description}"),
                    BarColumn(bar_width=28),
                    MofNCompleteColumn(),
                    TimeElapsedColumn(),
                    TextColumn("[dim]{task.fields[note]}"),
                    console=Console(stderr=True),
                )
            )
        bar = _shown[0]
    stages: dict[str, Any] = {}
    lock = threading.Lock()

    def show(stage: str, done: int, total: int, note: str) -> None:
        with lock:
            if stage not in stages:
                label = title if stage in title else f"{title} · {stage}"
                stages[stage] = bar.add_task(label, total=total or None, note="")
            bar.update(stages[stage], completed=done, total=total or None, note=note)

    if not first:
        yield show
        return
    try:
        with bar, _logs_through(bar.console):
            yield show
    finally:
        with _screen:
            _shown.clear()


@contextmanager
def _logs_through(console: Console) -> Iterator[None]:
    """Swap the console of Prefect's handlers, or its lines and the bar garble each other."""
    swapped: list[tuple[Any, Any]] = []
    names = ["", *(name for name in logging.root.manager.loggerDict if name.startswith("prefect"))]
    for name in names:
        for handler in logging.getLogger(name).handlers:
            if type(handler).__name__ == "PrefectConsoleHandler" and all(handler is not one for one, _ in swapped):
                swapped.append((handler, handler.console))  # type: ignore[attr-defined]
                handler.console = console  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for handler, before in swapped:
            handler.console = before


@contextmanager
def _lines(title: str) -> Iterator[Progress]:
    """A line to stderr every LINE_SECONDS."""
    told = time.monotonic()

    def show(stage: str, done: int, total: int, note: str) -> None:
        nonlocal told
        if time.monotonic() - told >= LINE_SECONDS:
            told = time.monotonic()
            print(_words(title, stage, done, total, note), file=sys.stderr, flush=True)

    yield show


def _words(title: str, stage: str, done: int, total: int, note: str) -> str:
    where = title if stage in title else f"{title}: {stage}"
    count = f"{done} of {total} ({100 * done // total}%)" if total else str(done)
    return f"{where}: {count}{', ' + note if note else ''}"


class _Artifact:
    """The progress artifact of the run at hand. An API that doesn't answer ends the artifact, never the work."""

    def __init__(self, title: str) -> None:
        self.title, self.began, self.told = title, time.monotonic(), time.monotonic()
        self.key = re.sub(r"[^a-z0-9]+", "-", f"progress {title}".lower()).strip("-")
        self.id: UUID | None = None
        self.last: tuple[float, str] | None = None
        self.ended = not _in_a_run()
        self.thread = threading.get_ident()

    def tell(self, stage: str, done: int, total: int, note: str) -> None:
        if self.ended or not total:
            return
        self.last = (min(100.0, 100.0 * done / total), _words(self.title, stage, done, total, note))
        if time.monotonic() - self.told >= ARTIFACT_SECONDS and threading.get_ident() == self.thread:
            self.told = time.monotonic()
            self._send(*self.last)

    def close(self) -> None:
        if self.id is not None and self.last is not None and not self.ended:
            self._send(*self.last)
        self.ended = True

    def _send(self, percent: float, words: str) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        try:
            if self.id is None:
                self.id = cast(UUID, create_progress_artifact(percent, key=self.key, description=words))
            else:
                update_progress_artifact(self.id, percent, description=words)
        except Exception as error:
            self.ended = True
            logging.getLogger("prefect.wrist").debug("No progress artifact: %s", error)


def _in_a_run() -> bool:
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext, TaskRunContext

    return TaskRunContext.get() is not None or FlowRunContext.get() is not None
