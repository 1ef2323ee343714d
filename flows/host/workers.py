"""The worker processes of `wrist up`: started, started again when one dies, and given up when they all die at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from db.home import prefect_folder, temporary_folder
from flows.host.environment import process_environment
from flows.host.server import Deaths, Say, last_line
from flows.host.work_pool import POOL, TYPE
from wrist_model.errors import CatalogueError

LONGEST_FOLDER = 70  # bytes: Python binds Unix sockets in it, whose paths may have 107
_WORKER = ("worker", "start", "--pool", POOL, "--type", TYPE)


def command() -> list[str]:
    """A worker that ends with this process."""
    return [sys.executable, "-m", "flows.host.child_process", "parent", str(os.getpid()), "--", *_WORKER]


class Workers:
    """Worker processes of this command; one that died is started again."""

    def __init__(self, home: Path, url: str, count: int, temporary: Path, words: Sequence[str], say: Say) -> None:
        self.home, self.log = home, prefect_folder(home) / "worker.log"
        self._environment = {**process_environment(home, url), "TMPDIR": str(temporary)}
        self._words, self._say = words, say
        self.processes = [self._start() for _ in range(count)]
        self._deaths = [Deaths() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as sink:
            return subprocess.Popen(
                self._words,
                env=self._environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    def restart_ended(self) -> None:
        """Start those again that have ended. Raises CatalogueError when they have died again and again by themselves:
        SIGKILL comes from outside, and may go away."""
        for number, process in enumerate(self.processes):
            if process.poll() is None:
                continue
            if process.returncode != -signal.SIGKILL and self._deaths[number].too_many():
                raise CatalogueError(
                    f"A worker ended {Deaths.MOST} times as soon as it had started (status {process.returncode}). "
                    f"{last_line(self.log)}"
                )
            self._say(f"A worker ended (status {process.returncode}); starting another. {last_line(self.log)}")
            self.processes[number] = self._start()

    def stop(self) -> None:
        """Ask all to end, and make those end that don't within 20 s."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        end = time.monotonic() + 20
        for process in self.processes:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def workers(home: Path, url: str, count: int, *, say: Say, words: Sequence[str] | None = None) -> Iterator[Workers]:
    """Workers until the block ends. words: the command of each, where it is another.

    Their temporary folder is the home's own: in the shared one another user may have made what Prefect's runner needs.
    """
    folder = temporary_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    place = (
        nullcontext(str(folder))
        if len(os.fsencode(folder)) <= LONGEST_FOLDER
        else tempfile.TemporaryDirectory(prefix="wrist-")  # shared, but with a folder of our own in it
    )
    with place as temporary:
        pool = Workers(home, url, count, Path(temporary), words or command(), say)
        try:
            yield pool
        finally:
            pool.stop()
