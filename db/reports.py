"""Reports that were written, with their hashes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import writing
from db.lookups import new_id, row_id
from wrist_model.records import (
    Provenance,
)


def add_report(
    engine: Engine,
    *,
    path: str,
    file_sha256: str,
    kind: str,
    dataset_id: str | None,
    evaluation_ids: Sequence[str],
    by: Provenance,
) -> str:
    """Write that a report (or model card, checklist) was made; path below WRIST_HOME. Returns report_id."""
    with writing(engine) as connection:
        dataset = row_id(connection, "dataset_version", "dataset_id", dataset_id) if dataset_id else None
        row = {
            "report_id": new_id("rp"),
            "kind": kind,
            "path": path,
            "file_sha256": file_sha256,
            "dataset_version_id": dataset,
            "evaluation_ids": json.dumps(list(evaluation_ids)),
        }
        append(connection, "report", [row], by)
    return str(row["report_id"])
