"""Reports that were written, with their hashes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.home import latest_report_file
from db.lookups import every, new_id, row_id
from wrist_model.records import Provenance


def add_report(
    engine: Catalogue,
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


def link_newest(engine: Catalogue, home: Path) -> None:
    """Let reports/latest.html lead to the newest recorded report whose page lies there; without one there is no link.

    The caller holds `home_lock.alone(home, "reports")`. Raises OSError where the folder can't be written.
    """
    with reading(engine) as connection:
        rows = every(connection, "SELECT path FROM report WHERE kind = 'html' ORDER BY id DESC")
    link = latest_report_file(home)
    newest = next((Path(row.path).name for row in rows if (home / row.path).is_file()), None)
    if newest is None:
        link.unlink(missing_ok=True)
        return
    part = link.with_name(f"{link.name}.{uuid.uuid4().hex}.part")
    part.symlink_to(newest)
    part.replace(link)
