"""A process that holds a lease of the home's catalogue until it is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from db import leases
from db.engine import reading, writing

ROOT = Path(__file__).parent.parent
CODE = """
import ctypes, os, sys, threading
from db import leases
from db.engine import open_catalogue, writing
def work():
    with writing(open_catalogue()) as connection:
        leases.take(connection, sys.argv[1])
    print("held", os.getpid(), flush=True)
    sys.stdin.read(1)
if sys.argv[2] == "leave":
    threading.Thread(target=work).start()
    ctypes.CDLL(None).pthread_exit(None)
work()
"""


def acquire(engine: Engine, resource: str) -> leases.Lease:
    with writing(engine) as connection:
        return leases.take(connection, resource)


def renew(engine: Engine, lease: leases.Lease) -> bool:
    with writing(engine, chained=False, fenced=False) as connection:
        return leases.renew(connection, lease)


def release(engine: Engine, lease: leases.Lease) -> None:
    with writing(engine, chained=False, fenced=False) as connection:
        leases.give_back(connection, lease.resource)


def holders(engine: Engine) -> list[leases.Holder]:
    with reading(engine) as connection:
        return leases.holders(connection)


@dataclass
class Holding:
    process: subprocess.Popen[str]
    pid: int  # as it sees itself

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def hold(resource: str, inside: Sequence[str] = (), *, leave: bool = False) -> Iterator[Holding]:
    """inside: a command that starts it, such as `unshare`. leave: its first thread ends while another holds."""
    command = [*inside, sys.executable, "-c", CODE, resource, "leave" if leave else "stay"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        word, number = process.stdout.readline().split()
        assert word == "held"
        yield Holding(process, int(number))
    finally:
        process.kill()
        process.wait()
