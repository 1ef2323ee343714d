"""Leases: who works on what only one may work on at a time. Not audited; no result depends on what they say.

A resource is a run (`training tr-…`, `ingest in-…`, `evaluation ev-…`), the retrain, the scoring queue, a tuning study,
or the whole catalogue, for a restore or `wrist prune`. Taking one gives a random owner and a fencing number that is
higher than any before it. Every transaction of `db.engine.writing` checks in itself that what its caller holds is
still the caller's, so that a holder that lost a lease writes nothing more.

Time is the server's `clock_timestamp()` on PostgreSQL, and the time since the boot on SQLite; never the wall clock of a
client. A holder is gone when its process has certainly ended, when the machine was started anew, or when it has not
renewed for TTL_SECONDS. What can't be seen (another machine, a PID namespace, a hidden /proc) is not gone before that.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from db import process_identity
from db.audit.chain import now
from db.lookups import among, every, one
from wrist_model.errors import LeaseHeld, LeaseLost

TTL_SECONDS = 120.0
RENEW_SECONDS = 20.0  # six tries, or one that meets a database locked for a minute
LOOK_AGAIN_SECONDS = RENEW_SECONDS + 6  # a machine that slept: its processes renew within that after they wake

RETRAIN = "retrain"
SCORING = "scoring queue"
CATALOGUE = "catalogue"  # for `wrist db restore` and `wrist prune` alone


@dataclass(frozen=True)
class Lease:
    """A resource that this process holds. at: `process_identity.seconds` just before it was taken or last renewed."""

    resource: str
    owner: str
    fence: int
    at: float


@dataclass(frozen=True)
class Holder:
    """Who holds a resource. lost: why it counts as gone, None while it is heard of or that can't be told.

    silent: it has not been heard of for too long, but its process is there, and may only have slept with its machine.
    """

    resource: str
    process: process_identity.Process
    prefect_flow_run_id: str | None
    acquired_at: str
    renewed_at: str
    lost: str | None
    silent: bool = False

    @property
    def words(self) -> str:
        return f"process {self.process.pid} on {self.process.host}, since {self.acquired_at[:16].replace('T', ' ')} UTC"


HELD: ContextVar[tuple[tuple[Any, Lease], ...]] = ContextVar("leases", default=())
_silent: dict[tuple[Any, str], tuple[Any, float]] = {}
_SAME = "resource = :resource AND owner = :owner AND fence = :fence"
_COLUMNS = (
    "resource, fence, owner, host, boot_id, pid_namespace, pid, begun, prefect_flow_run_id, renewed, acquired_at, "
    "renewed_at"
)


def take(connection: Connection, resource: str, flow_run: str | None = None) -> Lease:
    """Take a resource that nobody holds, or whose holder is gone: from the commit on this context holds it.

    Raises LeaseHeld that says who has it.
    """
    if resource == CATALOGUE:
        require_alone(connection)
    connection.execute(
        text("INSERT INTO lease (resource, fence) VALUES (:resource, 0) ON CONFLICT (resource) DO NOTHING"),
        {"resource": resource},
    )
    row = one(connection, f"SELECT {_COLUMNS} FROM lease WHERE resource = :r {_lock(connection, 'UPDATE')}", r=resource)
    if row.owner is not None:
        holder = _holder(connection, row)
        if holder.lost is None:
            raise _refusal(holder)
    lease = Lease(resource, secrets.token_hex(16), row.fence + 1, process_identity.seconds())
    me = process_identity.this_process()
    connection.execute(
        text(
            "UPDATE lease SET fence = :fence, owner = :owner, host = :host, boot_id = :boot_id, "
            "pid_namespace = :pid_namespace, pid = :pid, begun = :begun, prefect_flow_run_id = :flow_run, "
            f"renewed = {_clock(connection)}, acquired_at = :at, renewed_at = :at WHERE resource = :resource"
        ),
        {
            **vars(lease),
            **vars(me),
            "flow_run": flow_run,
            "at": now(),
            "seconds": process_identity.seconds(),
        },
    )
    _later(connection, lease, True)
    return lease


def require_alone(connection: Connection) -> None:
    """Raises LeaseHeld while somebody holds anything but the catalogue as a whole."""
    for other in holders(connection):
        if other.lost is None and other.resource != CATALOGUE:
            raise LeaseHeld(f"The catalogue is in use: {other.resource} ({other.words}). Wait until it is done.")


def give_back(connection: Connection, resource: str) -> None:
    """From the commit on nobody holds what this context holds; one that was lost stays its new holder's."""
    for lease in mine(connection):
        if lease.resource == resource:
            values = {"resource": resource, "owner": lease.owner, "fence": lease.fence}
            connection.execute(text(f"UPDATE lease SET owner = NULL WHERE {_SAME}"), values)
            _later(connection, lease, False)


def require(connection: Connection, resource: str, *, or_free: bool = False) -> None:
    """Raises LeaseLost unless this context holds the resource, which `check` has made sure of; for writes of a run.

    or_free: one that nobody holds will do.
    """
    if any(lease.resource == resource for lease in mine(connection)):
        return
    row = one(connection, f"SELECT {_COLUMNS} FROM lease WHERE resource = :resource", resource=resource)
    free = row is None or row.owner is None
    if free and or_free:
        return
    by = "nobody, it was ended" if free else _holder(connection, row).words
    raise LeaseLost(f"{resource} isn't this process's: it is held by {by}. Nothing of this step was stored.")


def check(connection: Connection) -> None:
    """The fence of a writing transaction: raises LeaseLost when something that this context holds was taken over, and
    LeaseHeld while a restore or a prune has the catalogue. Nobody can take it over until the transaction has ended.
    """
    ours = {lease.resource: lease for lease in mine(connection)}
    sql = f"SELECT {_COLUMNS} FROM lease WHERE resource IN :values {_lock(connection, 'KEY SHARE')}"
    there = {row.resource: row for row in among(connection, sql, [*ours, CATALOGUE])}
    for resource, lease in ours.items():
        row = there.get(resource)
        if row is None or (row.owner, row.fence) != (lease.owner, lease.fence):
            raise LeaseLost(lost(resource, None if row is None or not row.owner else _holder(connection, row)))
    row = there.get(CATALOGUE)
    if row is not None and row.owner is not None and CATALOGUE not in ours:
        holder = _holder(connection, row)
        if holder.lost is None:
            raise _refusal(holder)


def lost(resource: str, by: Holder | None = None) -> str:
    """What a holder is told that was overtaken."""
    new = f" by {by.words}" if by else ""
    return (
        f"This process was not heard of for too long, and {resource} was taken over{new}: it stops here. What it had "
        "stored stays, and nothing of this step was stored; run the same command again."
    )


def settle(connection: Connection) -> None:
    """After the commit: what the transaction took or gave back counts from now on. `writing` calls it."""
    for lease, taken in connection.info.pop("wrist_leases", ()):
        this = (connection.engine.url, lease.resource)
        others = tuple((url, other) for url, other in HELD.get() if (url, other.resource) != this)
        HELD.set((*others, (this[0], lease)) if taken else others)


def held(engine: Engine, resource: str) -> Lease | None:
    """The lease by which this context holds a resource."""
    return next((lease for url, lease in HELD.get() if (url, lease.resource) == (engine.url, resource)), None)


def forget(engine: Engine, lease: Lease) -> None:
    """This context no longer works on what it may have lost."""
    HELD.set(tuple(one_ for one_ in HELD.get() if one_ != (engine.url, lease)))


def refresh(connection: Connection) -> None:
    """Renew all that this context holds, within its own long transaction, during which nobody else could."""
    for lease in mine(connection):
        renew(connection, lease)


def holder(connection: Connection, resource: str, *, lock: bool = False) -> Holder | None:
    """Who holds a resource. lock: nobody else may take it, or give it back, before the caller's transaction ends."""
    for_update = _lock(connection, "UPDATE") if lock else ""
    row = one(connection, f"SELECT {_COLUMNS} FROM lease WHERE resource = :r {for_update}", r=resource)
    return _holder(connection, row) if row is not None and row.owner is not None else None


def expel(connection: Connection, resource: str) -> None:
    """Take a resource from a holder that is gone, for nobody: its fence rises, so that it never writes again."""
    connection.execute(
        text("UPDATE lease SET owner = NULL, fence = fence + 1 WHERE resource = :resource"), {"resource": resource}
    )


def expel_all(connection: Connection) -> None:
    """`expel` for every resource."""
    connection.execute(text("UPDATE lease SET owner = NULL, fence = fence + 1"))


def holders(connection: Connection) -> list[Holder]:
    """Who holds what, gone or not."""
    rows = every(connection, f"SELECT {_COLUMNS} FROM lease WHERE owner IS NOT NULL ORDER BY resource")
    return [_holder(connection, row) for row in rows]


def _holder(connection: Connection, row: Any) -> Holder:
    process = process_identity.Process(row.host, row.boot_id, row.pid_namespace, row.pid, row.begun)
    lost, silent = _judged(connection, row, process)
    return Holder(row.resource, process, row.prefect_flow_run_id, row.acquired_at, row.renewed_at, lost, silent)


def _judged(connection: Connection, row: Any, process: process_identity.Process) -> tuple[str | None, bool]:
    """Why a holder counts as gone, or None, and whether it is silent."""
    sqlite = connection.dialect.name == "sqlite"
    heard = f"last heard of at {row.renewed_at}"
    gone, silence = process_identity.is_gone(process), _time(connection) - row.renewed
    rebooted = row.boot_id and process_identity.boot_id() and row.boot_id != process_identity.boot_id()
    if sqlite and (rebooted or silence < 0):  # below 0: it counts from a boot whose id can't be seen
        return f"the machine was started anew since; {heard}", False
    if gone:
        return f"its process was ended from outside; {heard}", False
    if 0 <= silence < TTL_SECONDS:
        return None, False
    if (gone is None and silence > 0) or _looked_again(connection, row):
        return f"nothing was heard of its process for {silence:.0f} s", False
    return None, True


def _looked_again(connection: Connection, row: Any) -> bool:
    """Whether this process saw the holder just as silent a while ago: a machine that slept wakes all at once, and a
    server's clock that was set back tells nothing of the time before."""
    key = (connection.engine.url, row.resource)
    stamp, since = _silent.get(key, (None, 0.0))
    if stamp != (row.owner, row.renewed):
        _silent[key] = ((row.owner, row.renewed), time.monotonic())
        return False
    return time.monotonic() - since >= LOOK_AGAIN_SECONDS


def _refusal(holder: Holder) -> LeaseHeld:
    if holder.resource == CATALOGUE:
        said = f"The catalogue is being restored or pruned ({holder.words}): run this again when that is done."
    elif holder.resource in (RETRAIN, SCORING):
        said = f"Another {holder.resource} is running on this catalogue ({holder.words}): wait until it is done."
    else:
        said = f"Somebody is at work on {holder.resource} ({holder.words}): wait until that is done."
    return LeaseHeld(said, holder.silent)


def renew(connection: Connection, lease: Lease) -> bool:
    """Say that a resource is still worked on. False: it is not this holder's any more."""
    done = connection.execute(
        text(f"UPDATE lease SET renewed = {_clock(connection)}, renewed_at = :at WHERE {_SAME}"),
        {
            "resource": lease.resource,
            "owner": lease.owner,
            "fence": lease.fence,
            "at": now(),
            "seconds": process_identity.seconds(),
        },
    )
    return done.rowcount == 1


def mine(connection: Connection) -> Sequence[Lease]:
    """What this context holds of the connection's catalogue."""
    return [lease for url, lease in HELD.get() if url == connection.engine.url]


def _later(connection: Connection, lease: Lease, taken: bool) -> None:
    connection.info.setdefault("wrist_leases", []).append((lease, taken))


def _clock(connection: Connection) -> str:
    return ":seconds" if connection.dialect.name == "sqlite" else "extract(epoch FROM clock_timestamp())"


def _time(connection: Connection) -> float:
    if connection.dialect.name == "sqlite":
        return process_identity.seconds()
    return float(one(connection, "SELECT extract(epoch FROM clock_timestamp())::float AS at").at)


def _lock(connection: Connection, strength: str) -> str:
    """PostgreSQL's row lock: a check's KEY SHARE keeps a taker's UPDATE waiting, and lets a renewal pass."""
    return "" if connection.dialect.name == "sqlite" else f"FOR {strength}"
