"""Ingest runs: their beginning, their end and their counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, writing
from db.lookups import environment, new_id, one, row_id
from wrist_model.records import IngestCounts, LineageFacts, Provenance


def begin_ingest(engine: Catalogue, source: str, by: Provenance, facts: LineageFacts | None = None) -> str:
    """Write the start of an ingest; returns its ingest_run_id."""
    with writing(engine) as connection:
        environment_id = environment(connection, facts, by) if facts else None
        row = {"ingest_run_id": new_id("in"), "source": source, "environment_id": environment_id}
        append(connection, "ingest_run", [row], by)
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
        numbers = {f"n_{name}": value for name, value in asdict(counts).items()}
        numbers["n_new"] = counts_of_rows(connection, run)["n_new"]
        row = {"ingest_run_id": run, "status": status, "reason": reason, "seconds": seconds, **numbers}
        append(connection, "ingest_event", [row], by)


def counts_of_rows(connection: Connection, run: int) -> dict[str, int | None]:
    """What the rows of an ingest tell of its counts, all that is known of one that was killed: files of which images
    were added, and files that were newly refused. None: nobody knows."""
    found = [  # of the rows since its beginning: there is no index
        one(
            connection,
            f"SELECT count(DISTINCT path) AS n FROM {table} WHERE ingest_run_id = :run AND id >= "
            "(SELECT min(a.first_row) FROM audit_entry a JOIN ingest_run r ON r.id = :run "
            "WHERE a.seq > r.entry AND a.table_name = :table)",
            run=run,
            table=table,
        ).n
        for table in ("image", "quarantined_file")
    ]
    unknown = dict.fromkeys(("n_unchanged", "n_changed", "n_filtered", "n_ignored"))
    return {"n_new": int(found[0]), **unknown, "n_quarantined": int(found[1])}


def ingest_run_row(connection: Connection, ingest_run_id: str, by: Provenance | None) -> tuple[int, Provenance]:
    number = row_id(connection, "ingest_run", "ingest_run_id", ingest_run_id)
    if by is not None:
        return number, by
    start = one(
        connection,
        "SELECT a.actor, a.prefect_flow_run_id FROM ingest_run r JOIN audit_entry a ON a.seq = r.entry "
        "WHERE r.id = :id",
        id=number,
    )
    return number, Provenance(start.actor, start.prefect_flow_run_id)
