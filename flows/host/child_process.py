"""A Prefect process that ends by itself when those who need it are gone, also by kill -9.

python -m flows.host.child_process users FILE -- server start --port 4200     until nobody holds a lock on FILE
python -m flows.host.child_process parent PID -- worker start --pool wrist    until the process that started it is gone
"""

from __future__ import annotations

import fcntl
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0
GRACE_SECONDS = 20.0


def main() -> None:
    """Run `prefect` with the words after `--`, and watch."""
    (kind, value), words = sys.argv[1:3], sys.argv[4:]
    gone = _nobody_uses(value) if kind == "users" else _orphaned(int(value))
    threading.Thread(target=_watch, args=(gone,), daemon=True, name="keeper").start()
    sys.argv = ["prefect", *words]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _watch(gone: Callable[[], bool]) -> None:
    while not gone():
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _nobody_uses(file: str) -> Callable[[], bool]:
    """Users hold a shared lock. Once none does, the exclusive one is kept to the end: a new user waits it out."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)

    def gone() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return gone


def _orphaned(parent: int) -> Callable[[], bool]:
    return lambda: os.getppid() != parent


if __name__ == "__main__":
    main()
