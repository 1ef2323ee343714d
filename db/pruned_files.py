"""Heat maps whose prediction a later one has superseded, and that their files were deleted to make room.

The row of a map stays, with its file's hash. That the file was pruned is an audited fact, stored before it is deleted:
a file that is gone without one is a finding of `wrist verify`. Nothing but heat maps can be pruned so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import every
from wrist_model.records import Provenance

_PRUNED = "pruned_file:"


@dataclass(frozen=True)
class SupersededMap:
    """path: below the home. because: which later predictions took the place of those that it explains."""

    path: str
    file_sha256: str
    because: str


def superseded_maps(engine: Catalogue, before: str) -> list[SupersededMap]:
    """The maps stored before that time (UTC, ISO 8601) of predictions that are superseded: the same model version has
    predicted the same picture again later. A file that another map needs is not among them."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT x.path, x.file_sha256, a.at, (SELECT min(q.id) FROM image_prediction q "
            "JOIN evaluation f ON f.id = q.evaluation_id WHERE q.image_id = p.image_id AND q.id > p.id "
            "AND f.model_version_id = e.model_version_id AND f.purpose = e.purpose) AS later "
            "FROM explanation x JOIN audit_entry a ON a.seq = x.entry "
            "JOIN image_prediction p ON p.id = x.image_prediction_id "
            "JOIN evaluation e ON e.id = p.evaluation_id ORDER BY x.id",
        )
    found: dict[str, SupersededMap] = {}
    needed = set()
    for row in rows:
        if row.later is None or row.at >= before:
            needed.add(row.path)
        found[row.path] = SupersededMap(row.path, row.file_sha256, f"superseded by ip-{row.later}")
    return [one for path, one in found.items() if path not in needed]


def add_pruned(engine: Catalogue, maps: Sequence[SupersededMap], by: Provenance) -> None:
    """Store that these files are being deleted; one that is stored already stays one row, unless the map was stored
    again since."""
    with writing(engine) as connection:
        known, times = pruned(connection), Counter(path for path, _, _ in _facts(connection))
        rows = [
            {
                "name": f"{_PRUNED}{one.path}" + (f" {times[one.path] + 1}" if times[one.path] else ""),
                "value": json.dumps(
                    {"because": one.because, "path": one.path, "sha256": one.file_sha256}, sort_keys=True
                ),
            }
            for one in maps
            if one.path not in known
        ]
        if rows:
            append(connection, "fact", rows, by)


def pruned(engine: Catalogue) -> dict[str, str]:
    """path below the home → SHA-256 of each map whose file was pruned, and that was not stored again since."""
    with reading(engine) as connection:
        said = {(path, sha256): entry for path, sha256, entry in _facts(connection)}
        if not said:
            return {}
        maps = every(connection, "SELECT path, file_sha256, max(entry) AS entry FROM explanation GROUP BY 1, 2")
    return {row.path: row.file_sha256 for row in maps if said.get((row.path, row.file_sha256), 0) > row.entry}


def _facts(connection: Connection) -> list[tuple[str, str | None, int]]:
    """(path, SHA-256, link of the chain) of what is stored as pruned, in its order. The first facts name the path in
    their names alone."""
    rows = every(
        connection, "SELECT name, value, entry FROM fact WHERE name LIKE :begin ORDER BY entry", begin=f"{_PRUNED}%"
    )
    facts = [(row, json.loads(row.value)) for row in rows]
    return [(said.get("path", row.name.removeprefix(_PRUNED)), said.get("sha256"), row.entry) for row, said in facts]
