"""Quarantined files: what was seen and refused, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import writing
from db.ingest_runs import ingest_run_row
from db.known_files import remember_files
from db.lookups import every
from wrist_model.records import Provenance, QuarantinedFile


def add_quarantined(
    engine: Engine, ingest_run_id: str, files: Sequence[QuarantinedFile], by: Provenance | None = None
) -> int:
    """Write refused files; the same root, path, hash and reason again make no second row. Returns new rows."""
    if not files:
        return 0
    with writing(engine) as connection:
        run, by = ingest_run_row(connection, ingest_run_id, by)
        rows, seen = [], set()
        for file in files:
            key = (file.root, file.path, file.file_sha256, file.reason_code)
            stored = every(
                connection,
                "SELECT file_sha256, reason_code FROM quarantined_file WHERE root = :root AND path = :path",
                root=file.root,
                path=file.path,
            )
            if key in seen or any(key[2:] == tuple(row) for row in stored):
                continue
            seen.add(key)
            row: dict[str, Any] = {"ingest_run_id": run, **asdict(file)}
            del row["file_mtime_ns"]
            rows.append(row)
        if rows:
            append(connection, "quarantined_file", rows, by)
        remember_files(connection, [(file, file.reason_code) for file in files])
    return len(rows)
