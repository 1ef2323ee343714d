"""What keeps runs in order, not audited: heartbeats, locks, and runs without an end."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from db.audit.chain import append, now
from db.engine import reading, writing
from db.lookups import every, one
from wrist_model.errors import DataError
from wrist_model.records import Provenance

_KINDS = {
    "ingest": ("ingest_run", "ingest_run_id", "ingest_event"),
    "training": ("training_run", "training_run_id", "training_event"),
    "evaluation": ("evaluation", "evaluation_id", "evaluation_event"),
}


@dataclass(frozen=True)
class Unfinished:
    """A run without an end. kind: ingest, training or evaluation."""

    kind: str
    run_id: str
    since: str
    last_beat: str | None


@dataclass(frozen=True)
class Held:
    name: str
    owner: str
    acquired_at: str
    renewed_at: str


def beat(engine: Engine, run_id: str, note: str = "") -> None:
    """Say that a run is alive. run_id: any id, of the catalogue or of a flow run."""
    with writing(engine, chained=False) as connection:
        connection.execute(
            text(
                "INSERT INTO heartbeat (run_id, at, host, pid, note) VALUES (:run, :at, :host, :pid, :note) "
                "ON CONFLICT (run_id) DO UPDATE SET at = excluded.at, host = excluded.host, pid = excluded.pid, "
                "note = excluded.note"
            ),
            {"run": run_id, "at": now(), "host": socket.gethostname(), "pid": os.getpid(), "note": note},
        )


def last_beat(engine: Engine, run_id: str) -> str | None:
    """When a run last said that it is alive."""
    with reading(engine) as connection:
        found = one(connection, "SELECT at FROM heartbeat WHERE run_id = :run", run=run_id)
    return found.at if found else None


def unfinished(engine: Engine, older_than_seconds: float = 120.0) -> list[Unfinished]:
    """Runs without an end that were begun, and last heard of, longer ago than this."""
    limit = _ago(older_than_seconds)
    found = []
    with reading(engine) as connection:
        for kind, (table, column, events) in _KINDS.items():
            rows = every(
                connection,
                f"SELECT r.{column} AS run_id, a.at AS since, h.at AS beat FROM {table} r "
                f"JOIN audit_entry a ON a.seq = r.entry LEFT JOIN heartbeat h ON h.run_id = r.{column} "
                f"LEFT JOIN {events} e ON e.id = (SELECT max(id) FROM {events} WHERE {column} = r.id) "
                "WHERE (e.status IS NULL OR e.status = 'resumed') AND a.at <= :limit "
                "AND (h.at IS NULL OR h.at <= :limit) ORDER BY r.id",
                limit=limit,
            )
            found += [Unfinished(kind, row.run_id, row.since, row.beat) for row in rows]
    return found


def fail_unfinished(engine: Engine, run_id: str, reason: str, by: Provenance) -> bool:
    """Write that a run without an end has failed. A training stays resumable. False when it has an end by now."""
    with writing(engine) as connection:
        for kind, (table, column, events) in _KINDS.items():
            row = one(connection, f"SELECT id FROM {table} WHERE {column} = :run", run=run_id)
            if row is None:
                continue
            last = one(
                connection, f"SELECT status FROM {events} WHERE {column} = :id ORDER BY id DESC LIMIT 1", id=row.id
            )
            if last is not None and last.status != "resumed":
                return False
            event: dict[str, Any] = {column: row.id, "status": "failed", "reason": reason}
            if kind == "training":
                event |= {"resumable": 1, "weights_source": None, "weights_sha256": None}
                event |= {"best_epoch": None, "seconds": None}
            elif kind == "evaluation":
                event |= {"n_image_predictions": 0, "n_study_predictions": 0}
            else:
                names = ("new", "unchanged", "changed", "filtered", "ignored", "quarantined")
                event |= {**{f"n_{name}": 0 for name in names}, "seconds": None}
            append(connection, events, [event], by)
            return True
    raise DataError(f"No run {run_id!r} in the catalogue.")


def acquire(engine: Engine, name: str, owner: str, stale_after_seconds: float = 180.0) -> Held | None:
    """Take a lock, also from an owner that has not renewed it for so long. None: somebody else holds it."""
    with writing(engine) as connection:
        held = one(
            connection, "SELECT name, owner, acquired_at, renewed_at FROM work_lock WHERE name = :name", name=name
        )
        if held and held.owner != owner and held.renewed_at > _ago(stale_after_seconds):
            return None
        at = now()
        since = held.acquired_at if held and held.owner == owner else at
        connection.execute(text("DELETE FROM work_lock WHERE name = :name"), {"name": name})
        connection.execute(
            text("INSERT INTO work_lock (name, owner, acquired_at, renewed_at) VALUES (:name, :owner, :since, :at)"),
            {"name": name, "owner": owner, "since": since, "at": at},
        )
    return Held(name, owner, since, at)


def holder(engine: Engine, name: str) -> Held | None:
    """Who holds a lock."""
    with reading(engine) as connection:
        row = one(
            connection, "SELECT name, owner, acquired_at, renewed_at FROM work_lock WHERE name = :name", name=name
        )
    return Held(*row) if row else None


def renew(engine: Engine, name: str, owner: str) -> bool:
    """Say that the lock is still needed. False: it is not this owner's any more."""
    with writing(engine, chained=False) as connection:
        done = connection.execute(
            text("UPDATE work_lock SET renewed_at = :at WHERE name = :name AND owner = :owner"),
            {"at": now(), "name": name, "owner": owner},
        )
        return done.rowcount == 1


def release(engine: Engine, name: str, owner: str) -> None:
    """Give the lock back; another owner's stays."""
    with writing(engine, chained=False) as connection:
        connection.execute(
            text("DELETE FROM work_lock WHERE name = :name AND owner = :owner"), {"name": name, "owner": owner}
        )


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
