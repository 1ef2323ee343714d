"""Holding a lease while work goes on: a thread renews it, and the work stops when it is lost.

The catalogue's word on who is at work rests on these alone, never on Prefect's: Prefect can call a run crashed that is
not, and running that is not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from sqlalchemy import Engine

from db import leases, process_identity
from db.engine import open_catalogue, writing
from db.unended_runs import Ended, end_abandoned
from tasks.runtime.provenance import provenance
from wrist_model.errors import CatalogueError, LeaseHeld, LeaseLost

AGAIN_SECONDS = 2.0  # between two tries to renew, or to take
Found = TypeVar("Found")
_log = logging.getLogger(__name__)
_keepers: ContextVar[tuple[_Keeper, ...]] = ContextVar("keepers", default=())


@contextmanager
def held(resource: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold a resource of the home's catalogue while the block runs, or raise LeaseHeld that says who has it.

    wait_seconds: how long to wait for whoever has it. Raises LeaseLost from a write, or from `progress`, of the block
    once it was taken over or could not be renewed in time.
    """
    engine = open_catalogue()
    flow_run = provenance().prefect_flow_run_id

    def take() -> None:
        with writing(engine) as connection:
            leases.take(connection, resource, flow_run)

    patiently(take, wait_seconds)
    with kept(engine, resource):
        yield


@contextmanager
def kept(engine: Engine, resource: str) -> Iterator[None]:
    """Renew what this context holds until the block ends, and then give it back, unless the block has."""
    lease = leases.held(engine, resource)
    if lease is None:
        raise LeaseLost(f"{resource} isn't held by this process: nothing was begun.")
    keeper = _Keeper(engine, lease)
    before = _keepers.set((*_keepers.get(), keeper))
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()
        _keepers.reset(before)
        if leases.held(engine, resource) == lease:
            try:
                with writing(engine, chained=False, fenced=False) as connection:
                    leases.give_back(connection, resource)
            except CatalogueError as error:  # it ends by itself; what the work has to say comes first
                _log.warning("%s could not be given back: %s", resource, error)
            leases.forget(engine, lease)


def patiently(take: Callable[[], Found], wait_seconds: float = 0.0) -> Found:
    """What `take` gives once nobody holds what it takes, waited for so long; else its LeaseHeld.

    A holder whose process is there but silent is given the time in which it would be heard of again.
    """
    begun, told = time.monotonic(), False
    while True:
        try:
            return take()
        except LeaseHeld as error:
            waited = time.monotonic() - begun
            longest = leases.LOOK_AGAIN_SECONDS + AGAIN_SECONDS if error.silent else 0.0
            if waited > max(wait_seconds, longest):
                raise
            if not told:
                _log.warning("%s Waiting for it.", error)
                told = True
        time.sleep(AGAIN_SECONDS)


def watch() -> Callable[[], None]:
    """What raises LeaseLost, from any thread, once something is lost that this context holds now."""
    keepers = _keepers.get()

    def look() -> None:
        for keeper in keepers:
            if keeper.lost:
                raise LeaseLost(keeper.lost)

    return look


def recover(engine: Engine) -> list[Ended]:
    """`end_abandoned` in this process's name."""
    return end_abandoned(engine, provenance())


class _Keeper(threading.Thread):
    """Renews a lease. lost: why this process must stop, None while all is well."""

    def __init__(self, engine: Engine, lease: leases.Lease) -> None:
        super().__init__(daemon=True, name=f"lease of {lease.resource}")
        self.engine, self.lease = engine, lease
        self.lost: str | None = None
        self.until = lease.at + leases.TTL_SECONDS
        self.done = threading.Event()

    def run(self) -> None:
        wait = leases.RENEW_SECONDS
        while not self.done.wait(wait):
            asked = process_identity.seconds()
            try:
                with writing(self.engine, chained=False, fenced=False) as connection:
                    if not leases.renew(connection, self.lease):
                        self.lost = leases.lost(self.lease.resource)
                        return
                self.until, wait = asked + leases.TTL_SECONDS, leases.RENEW_SECONDS
            except Exception as error:  # a locked database, a server that starts anew: again until it is too late
                wait = AGAIN_SECONDS
                if process_identity.seconds() > self.until:
                    self.lost = (
                        f"{self.lease.resource} could not be renewed for {leases.TTL_SECONDS:.0f} s ({error}): "
                        "somebody else may have taken it, so this process stops here. Run the same command again."
                    )
                    return

    def stop(self) -> None:
        self.done.set()
        self.join()
