"""One retrain at a time, whoever starts it: a lock in the catalogue, renewed by a heartbeat."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from sqlalchemy import Engine

from db import leases
from db.engine import open_catalogue
from wrist_model.errors import CatalogueError

RENEW_SECONDS = 20


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold the lock `name` of this catalogue, or raise CatalogueError that says who holds it.

    A holder on this machine whose process is gone is replaced at once; one elsewhere after its heartbeat is stale.
    """
    engine, owner = open_catalogue(), _me()
    held = leases.holder(engine, name)
    if held is not None and _is_gone(held.owner):
        leases.release(engine, name, held.owner)
    if leases.acquire(engine, name, owner) is None:
        raise CatalogueError(
            f"Another {name} is running on this catalogue ({held.owner if held else 'just begun'}): "
            "wait until it is done."
        )
    done = threading.Event()
    beat = threading.Thread(target=_renew, args=(engine, name, owner, done), daemon=True, name=f"{name} lock")
    beat.start()
    try:
        yield
    finally:
        done.set()
        beat.join()
        leases.release(engine, name, owner)


def _me() -> str:
    process = psutil.Process()
    return f"{socket.gethostname()} process {process.pid} begun {process.create_time():.0f}"


def _is_gone(owner: str) -> bool:
    """Whether an owner of this machine is no more; the begin time tells a reused process number."""
    host, _, process = owner.partition(" process ")
    number, _, begun = process.partition(" begun ")
    if host != socket.gethostname() or not number.isdigit() or int(number) == os.getpid():
        return False
    try:
        return f"{psutil.Process(int(number)).create_time():.0f}" != begun
    except psutil.NoSuchProcess:
        return True


def _renew(engine: Engine, name: str, owner: str, done: threading.Event) -> None:
    while not done.wait(RENEW_SECONDS):
        leases.renew(engine, name, owner)
