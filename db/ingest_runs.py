"""Ingest runs: their beginning, their end and their counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from sqlalchemy import Connection

from db import leases
from db.audit.chain import append
from db.engine import Catalogue, writing
from db.ingest_counts import ingest_counts
from db.lookups import environment, new_id, one, row_id
from db.unended_runs import resource
from wrist_model.records import IngestCounts, LineageFacts, Provenance


def begin_ingest(engine: Catalogue, source: str, by: Provenance, facts: LineageFacts | None = None) -> str:
    """Write the start of an ingest; returns its ingest_run_id. The caller's context holds its lease until its end."""
    with writing(engine) as connection:
        environment_id = environment(connection, facts, by) if facts else None
        row = {"ingest_run_id": new_id("in"), "source": source, "environment_id": environment_id}
        append(connection, "ingest_run", [row], by)
        leases.take(connection, resource("ingest", str(row["ingest_run_id"])), by.prefect_flow_run_id)
    return str(row["ingest_run_id"])


def finish_ingest(
    engine: Catalogue,
    ingest_run_id: str,
    counts: IngestCounts,
    seconds: float,
    status: Literal["finished", "failed"] = "finished",
    reason: str | None = None,
    by: Provenance | None = None,
) -> None:
    """Write how an ingest ended. n_new is counted from the images that it added, whatever `counts` says of it."""
    with writing(engine) as connection:
        run, by = ingest_run_row(connection, ingest_run_id, by)
        leases.require(connection, resource("ingest", ingest_run_id))
        numbers = {f"n_{name}": value for name, value in asdict(counts).items()}
        numbers["n_new"] = ingest_counts(connection, run)["n_new"]
        row = {"ingest_run_id": run, "status": status, "reason": reason, "seconds": seconds, **numbers}
        append(connection, "ingest_event", [row], by)
        leases.give_back(connection, resource("ingest", ingest_run_id))


def ingest_run_row(connection: Connection, ingest_run_id: str, by: Provenance | None) -> tuple[int, Provenance]:
    number = row_id(connection, "ingest_run", "ingest_run_id", ingest_run_id)
    leases.require(connection, resource("ingest", ingest_run_id), or_free=True)
    if by is not None:
        return number, by
    start = one(
        connection,
        "SELECT a.actor, a.prefect_flow_run_id FROM ingest_run r JOIN audit_entry a ON a.seq = r.entry "
        "WHERE r.id = :id",
        id=number,
    )
    return number, Provenance(start.actor, start.prefect_flow_run_id)
