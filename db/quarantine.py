"""Quarantined files: what was seen and refused, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.ingest_runs import ingest_run_row
from db.known_files import remember_files
from db.lookups import among, every
from wrist_model.records import Provenance, QuarantinedFile


def add_quarantined(
    engine: Catalogue, ingest_run_id: str, files: Sequence[QuarantinedFile], by: Provenance | None = None
) -> int:
    """Write refused files; the same root, path, hash and reason again make no second row. Returns new rows."""
    if not files:
        return 0
    with writing(engine) as connection:
        run, by = ingest_run_row(connection, ingest_run_id, by)
        rows, seen = [], _stored(connection, files)
        for file in files:
            key = (file.root, file.path, file.file_sha256, file.reason_code)
            if key in seen:
                continue
            seen.add(key)
            row: dict[str, Any] = {"ingest_run_id": run, **asdict(file)}
            del row["file_mtime_ns"]
            rows.append(row)
        if rows:
            append(connection, "quarantined_file", rows, by)
        remember_files(connection, [(file, file.reason_code) for file in files])
    return len(rows)


def quarantine_counts(engine: Catalogue) -> dict[str, int]:
    """reason_code → how many files."""
    sql = "SELECT reason_code, count(DISTINCT path) AS n FROM quarantined_file GROUP BY reason_code ORDER BY 1"
    with reading(engine) as connection:
        return {row.reason_code: int(row.n) for row in every(connection, sql)}


def _stored(connection: Connection, files: Sequence[QuarantinedFile]) -> set[tuple[str, str, str | None, str]]:
    """(root, path, file hash, reason) of what is quarantined at the places of these files."""
    sql = "SELECT root, path, file_sha256, reason_code FROM quarantined_file WHERE root = :root AND path IN :values"
    found: set[tuple[str, str, str | None, str]] = set()
    for root in {file.root for file in files}:
        paths = [file.path for file in files if file.root == root]
        found |= {(row[0], row[1], row[2], row[3]) for row in among(connection, sql, paths, root=root)}
    return found
