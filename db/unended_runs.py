"""Runs without an end: who works on them, and an end for those whose process is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from db import leases
from db.audit.chain import append
from db.engine import reading, writing
from db.ingest_counts import evaluation_counts, ingest_counts
from db.lookups import every, one
from wrist_model.errors import DataError
from wrist_model.records import Provenance

KINDS = {
    "ingest": ("ingest_run", "ingest_run_id", "ingest_event"),
    "training": ("training_run", "training_run_id", "training_event"),
    "evaluation": ("evaluation", "evaluation_id", "evaluation_event"),
}


@dataclass(frozen=True)
class Unended:
    """A run without an end. kind: ingest, training or evaluation. holder: who has its lease, None for nobody."""

    kind: str
    run_id: str
    since: str
    holder: leases.Holder | None

    @property
    def lost(self) -> str | None:
        """Why nobody works on it any more; None while somebody does or may."""
        return "its process left it without an end" if self.holder is None else self.holder.lost

    @property
    def last_renewed(self) -> str:
        """When its lease was last renewed."""
        return self.since if self.holder is None else self.holder.renewed_at


@dataclass(frozen=True)
class Ended:
    """A run that was found without its process, and is failed now."""

    kind: str
    run_id: str
    reason: str


def resource(kind: str, run_id: str) -> str:
    """What a run's lease is called."""
    return f"{kind} {run_id}"


def unended(engine: Engine) -> list[Unended]:
    """All runs without an end, in the order in which they were begun."""
    found = []
    with reading(engine) as connection:
        for kind, (table, column, events) in KINDS.items():
            rows = every(
                connection,
                f"SELECT r.{column} AS run_id, a.at AS since FROM {table} r JOIN audit_entry a ON a.seq = r.entry "
                f"LEFT JOIN {events} e ON e.id = (SELECT max(id) FROM {events} WHERE {column} = r.id) "
                "WHERE e.status IS NULL OR e.status = 'resumed' ORDER BY r.id",
            )
            for row in rows:
                holder = leases.holder(connection, resource(kind, row.run_id))
                found.append(Unended(kind, row.run_id, row.since, holder))
    return found


def end_abandoned(engine: Engine, by: Provenance) -> list[Ended]:
    """Write that the runs have failed whose holder is gone, each in one transaction that takes its lease away.

    A training stays resumable. Safe to call at any time, by anybody: a run that somebody works on is left alone.
    """
    found = []
    for run in unended(engine):
        if run.lost is None:
            continue
        with writing(engine) as connection:
            reason = fail_if_abandoned(connection, run.kind, run.run_id, by)
        if reason:
            found.append(Ended(run.kind, run.run_id, reason))
    return found


def fail_if_abandoned(connection: Connection, kind: str, run_id: str, by: Provenance) -> str | None:
    """Write a run's end unless it has one or its holder is there; gives the reason that was written."""
    table, column, events = KINDS[kind]
    name = resource(kind, run_id)
    holder = leases.holder(connection, name, lock=True)
    if holder is not None and holder.lost is None:
        return None
    row = one(connection, f"SELECT id FROM {table} WHERE {column} = :run", run=run_id)
    if row is None:
        raise DataError(f"No {kind} {run_id!r} in the catalogue.")
    last = one(connection, f"SELECT status FROM {events} WHERE {column} = :id ORDER BY id DESC LIMIT 1", id=row.id)
    if last is not None and last.status != "resumed":
        return None
    reason = "its process left it without an end" if holder is None else str(holder.lost)
    event: dict[str, Any] = {column: row.id, "status": "failed", "reason": reason}
    if kind == "training":
        event |= {"resumable": 1, "weights_source": None, "weights_sha256": None}
        event |= {"best_epoch": None, "seconds": None}
    elif kind == "evaluation":
        event |= evaluation_counts(connection, row.id)
    else:
        event |= {**ingest_counts(connection, row.id), "seconds": None}
    append(connection, events, [event], by)
    leases.expel(connection, name)
    return reason
