"""What keeps runs in order: heartbeats, locks and unended runs (not audited); costs and drift checks (audited)."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from db.chain import append, now
from db.engine import reading, writing
from db.rows import every, new_id, one, row_id
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


@dataclass(frozen=True)
class StageCost:
    """What a stage took; peak_bytes is the process's peak resident memory."""

    flow: str
    stage: str
    wall_seconds: float
    cpu_seconds: float | None = None
    peak_bytes: int | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class StoredCost:
    flow: str
    run_id: str | None
    stage: str
    wall_seconds: float
    cpu_seconds: float | None
    peak_bytes: int | None
    created_at: str


@dataclass(frozen=True)
class DriftCheck:
    feature: str
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    psi: float | None
    alert: bool
    n_reference: int
    n_current: int


@dataclass(frozen=True)
class StoredDrift:
    drift_id: str
    model_version_id: str | None
    created_at: str
    checks: tuple[DriftCheck, ...]


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


def add_stage_cost(engine: Engine, cost: StageCost, by: Provenance) -> None:
    """Write what a stage took."""
    with writing(engine) as connection:
        append(connection, "stage_cost", [asdict(cost)], by)


def stage_costs(engine: Engine, flow: str, last: int = 6) -> list[StoredCost]:
    """The costs of the last runs of a flow, oldest first; `last` counts runs, not rows."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT flow, run_id, stage, wall_seconds, cpu_seconds, peak_bytes, created_at FROM stage_costs "
            "WHERE flow = :flow ORDER BY created_at",
            flow=flow,
        )
    found = [StoredCost(*row) for row in rows]
    runs = list(dict.fromkeys(cost.run_id for cost in found))[-last:]
    return [cost for cost in found if cost.run_id in runs]


def add_drift_checks(engine: Engine, checks: Sequence[DriftCheck], model_version_id: str | None, by: Provenance) -> str:
    """Write one check of new studies, a row a feature; returns drift_id."""
    drift_id = new_id("dr")
    with writing(engine) as connection:
        model = row_id(connection, "model_version", "model_version_id", model_version_id) if model_version_id else None
        head = {"drift_id": drift_id, "model_version_id": model}
        append(connection, "drift_check", [{**head, **asdict(check)} for check in checks], by)
    return drift_id


def drift_checks(engine: Engine, last: int = 1) -> list[StoredDrift]:
    """The newest checks, newest first."""
    names = ", ".join(DriftCheck.__dataclass_fields__)
    with reading(engine) as connection:
        ids = every(
            connection,
            "SELECT d.drift_id, m.model_version_id, a.at, min(d.id) AS first FROM drift_check d "
            "JOIN audit_entry a ON a.seq = d.entry LEFT JOIN model_version m ON m.id = d.model_version_id "
            "GROUP BY d.drift_id, m.model_version_id, a.at ORDER BY first DESC LIMIT :last",
            last=last,
        )
        found = []
        for row in ids:
            rows = every(connection, f"SELECT {names} FROM drift_check WHERE drift_id = :id ORDER BY id", id=row[0])
            checks = tuple(DriftCheck(*(*one_[:5], bool(one_[5]), *one_[6:])) for one_ in rows)
            found.append(StoredDrift(row[0], row[1], row[2], checks))
    return found


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
