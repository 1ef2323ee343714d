"""Holds one actor between two of its transactions while another process acts on the same catalogue.

A *seam* is a place between two database transactions of a command: there anything may happen. The held actor runs
in a process of its own; SQLAlchemy's pool tells when a transaction has ended, the call stack says which one it was. At
the chosen seam the actor waits for a third process, or is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests import small_network

ROOT = Path(__file__).parent.parent
ROOMS = tuple(str(ROOT / room) + os.sep for room in ("flows", "tasks", "db"))


@dataclass(frozen=True)
class Seam:
    """Where a transaction has ended. place: `room/file.py:function` from the command down to the database's own."""

    place: str
    count: int  # how often this place has come in this run, from 1

    def __str__(self) -> str:
        return f"{self.place} #{self.count}"


@dataclass(frozen=True)
class Outcome:
    """What became of an actor. seams: all that it passed; value: what it returned; error: why it failed, if it did."""

    seams: tuple[Seam, ...]
    value: Any = None
    error: str | None = None
    killed: bool = False


def place() -> str:
    """The product's frames on the stack, `outermost > innermost`, as room/file.py:function."""
    frames, frame = [], sys._getframe(1)
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if file.startswith(ROOMS) and not file.endswith("db/engine.py") and not name.startswith("<"):
            frames.append(f"{Path(file).relative_to(ROOT)}:{name}")
        frame = frame.f_back  # type: ignore[assignment]
    if not frames:
        return ""
    return frames[0] if len(frames) == 1 else f"{frames[-1]} > {frames[0]}"


@contextlib.contextmanager
def watched(at: Callable[[Seam], None]) -> Iterator[list[Seam]]:
    """Call `at` after each transaction of this process's main thread."""
    import threading

    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    seen: list[Seam] = []
    counts: dict[str, int] = {}
    main, busy = threading.get_ident(), [False]

    def checked_in(_connection: Any, _record: Any) -> None:
        if threading.get_ident() != main or busy[0]:
            return
        here = place()
        if not here:
            return
        counts[here] = counts.get(here, 0) + 1
        seen.append(Seam(here, counts[here]))
        busy[0] = True
        try:
            at(seen[-1])
        finally:
            busy[0] = False

    event.listen(Pool, "checkin", checked_in)
    try:
        yield seen
    finally:
        event.remove(Pool, "checkin", checked_in)


def _set(environment: dict[str, str]) -> None:
    for name in ("WRIST_HOME", "WRIST_DATABASE_URL"):
        os.environ.pop(name, None)
    os.environ.update(environment)


def _act(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, str | None]:
    import prefect.main  # noqa: F401 (sets its logging up here, not in the middle of the act)
    from prefect.logging import disable_run_logger

    try:
        with disable_run_logger():
            return copy_context().run(work, *arguments), None  # leases that it still holds end with its context
    except Exception as error:  # what it says is the outcome; the test decides whether it may
        traceback.print_exc()
        return None, f"{type(error).__name__}: {error}"


def _serve(pipe: Connection) -> None:
    """An actor's process: does what comes through the pipe, one thing after the other."""
    small_network.known()  # what the stage was trained with
    while True:
        try:
            environment, work, arguments, hold = pipe.recv()
        except EOFError:
            return
        _set(environment)

        def at(seam: Seam, hold: Any = hold) -> None:
            if hold is None or not hold(seam):
                return
            pipe.send(("held", seam))
            if pipe.recv() == "die":
                os.kill(os.getpid(), signal.SIGKILL)

        with watched(at) as seen:
            value, error = _act(work, arguments)
        pipe.send(("done", Outcome(tuple(seen), value, error)))


class Actor:
    """A process that acts; started again when it was killed. Imports stay warm between acts."""

    def __init__(self) -> None:
        self.context = get_context("spawn")
        self.process: Any = None

    def _pipe(self) -> Connection:
        if self.process is None or not self.process.is_alive():
            self.pipe, theirs = self.context.Pipe()
            self.process = self.context.Process(target=_serve, args=(theirs,))
            self.process.start()
            theirs.close()
        return self.pipe

    def act(
        self,
        environment: dict[str, str],
        work: Callable[..., Any],
        *arguments: Any,
        hold: Callable[[Seam], bool] | None = None,
        meanwhile: Callable[[Seam], str] | None = None,
    ) -> Outcome:
        """Run `work` to its end. At seams that `hold` picks `meanwhile` runs here; its answer "die" kills the actor.

        work and hold travel to another process: functions of a module, or instances that can be pickled.
        """
        pipe = self._pipe()
        pipe.send((environment, work, arguments, hold))
        passed: list[Seam] = []
        while True:
            try:
                kind, value = pipe.recv()
            except EOFError:
                self.process.join()
                return Outcome(tuple(passed), killed=True)
            if kind == "done":
                return value
            passed.append(value)
            pipe.send(meanwhile(value) if meanwhile else "go on")

    def stop(self) -> None:
        if self.process is not None and self.process.is_alive():
            self.process.kill()
            self.process.join()


@dataclass(frozen=True)
class At:
    """Picks one seam."""

    seam: Seam

    def __call__(self, seam: Seam) -> bool:
        return seam == self.seam


def copied(home: Path, to: Path) -> Path:
    """A home of its own with the same rows; networks are linked, not copied."""

    def copy(source: str, target: str) -> None:
        if source.endswith(".keras"):
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    return Path(shutil.copytree(home, to, copy_function=copy))
