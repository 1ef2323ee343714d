"""A Prefect process that ends by itself when the processes that need it have ended, also by kill -9.

python -m flows.host.child_process users FILE -- serve 4200                   until nobody holds a lock on FILE
python -m flows.host.child_process parent PID -- worker start --pool wrist    until the process that started it ends
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

from flows.host.serve import serve

CHECK_SECONDS = 1.0
GRACE_SECONDS = 20.0


def main() -> None:
    """Serve, or run `prefect` with the words after `--`; a thread ends it when it is no longer needed."""
    (kind, value), words = sys.argv[1:3], sys.argv[4:]
    unneeded = _nobody_uses(value) if kind == "users" else _orphaned(int(value))
    threading.Thread(target=_end_when, args=(unneeded,), daemon=True, name="end when unneeded").start()
    if words[0] == "serve":
        public = (words[2], int(words[3]), words[4], words[5]) if len(words) > 2 else None
        serve(int(words[1]), public)
        return
    sys.argv = ["prefect", *words]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _end_when(unneeded: Callable[[], bool]) -> None:
    while not unneeded():
        time.sleep(CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _nobody_uses(file: str) -> Callable[[], bool]:
    """Users hold a shared lock. Once none does, the exclusive one is held to the end: a new user waits for that."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)

    def unused() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return unused


def _orphaned(parent: int) -> Callable[[], bool]:
    return lambda: os.getppid() != parent


if __name__ == "__main__":
    main()
