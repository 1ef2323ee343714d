"""Leases: who works on what only one may work on at a time. Not audited; no result depends on what they say.

A resource is a run (`training tr-…`, `ingest in-…`, `evaluation ev-…`), the retrain, the scoring queue, a tuning study,
or the whole catalogue, which a restore alone takes. Taking one gives a random owner and a fencing number that is higher
than any before it. Every transaction of `db.engine.writing` checks in itself that what its caller holds is still the
caller's (db.fencing), so that a holder that lost a lease writes nothing more.
"""

from __future__ import annotations

from sqlalchemy import Engine

from db import fencing
from db.engine import reading, writing
from db.fencing import Holder, Lease


def acquire(engine: Engine, resource: str, flow_run: str | None = None) -> Lease:
    """Take a resource that nobody holds, or whose holder is gone. Raises LeaseHeld that says who has it."""
    with writing(engine) as connection:
        return fencing.take(connection, resource, flow_run)


def renew(engine: Engine, lease: Lease) -> bool:
    """Say that a resource is still worked on. False: it is not this holder's any more."""
    with writing(engine, chained=False, fenced=False) as connection:
        return fencing.renew(connection, lease)


def release(engine: Engine, lease: Lease) -> None:
    """Give a resource back; one that was lost stays its new holder's."""
    with writing(engine, chained=False, fenced=False) as connection:
        fencing.give_back(connection, lease.resource)


def held(engine: Engine, resource: str) -> Lease | None:
    """The lease by which this context holds a resource."""
    return next((lease for url, lease in fencing.HELD.get() if (url, lease.resource) == (engine.url, resource)), None)


def forget(engine: Engine, lease: Lease) -> None:
    """This context no longer works on what it may have lost."""
    fencing.HELD.set(tuple(one_ for one_ in fencing.HELD.get() if one_ != (engine.url, lease)))


def holders(engine: Engine) -> list[Holder]:
    """Who holds what, gone or not."""
    with reading(engine) as connection:
        return fencing.holders(connection)
