"""Files that an ingest has seen: where they lie, and the sizes and times that let it pass over what is unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, text

from db.engine import Catalogue, reading
from db.lookups import among, every, one
from wrist_model.errors import DataError
from wrist_model.records import ImageRecord, QuarantinedFile

LOOK_AGAIN = frozenset(
    {
        *("decompression_bomb", "missing_file", "unreadable", "outside_folder", "name_taken", "conflicting_identity"),
        *("unknown_label", "conflicting_label", "unknown_split", "conflicting_split", "unusable_text"),
        *("not_listed", "incomplete_row", "conflicting_rows"),
    }
)
"""Reasons for which a quarantined file is examined again though it hasn't changed: a setting, the place, its list, or
another file of its study may have."""

BACKED = (
    "coalesce(CASE WHEN f.reason_code IS NULL "
    "THEN (f.file_sha256, f.size) IN (SELECT file_sha256, file_size FROM image) "
    "ELSE EXISTS (SELECT 1 FROM quarantined_file q WHERE q.root = f.root AND q.path = f.path "
    "AND q.reason_code = f.reason_code AND coalesce(q.file_sha256, '') = coalesce(f.file_sha256, '') "
    "AND coalesce(q.file_size, -1) = coalesce(f.size, -1)) END, false)"
)
"""Whether an audited row says what a row of `file f` says: the table itself is a cache, which nothing protects."""

Outcome = Literal["new", "unchanged", "changed", "taken", "conflicting", "straddling"]


@dataclass(frozen=True)
class KnownFile:
    """What a file below a root looked like when it was last read. reason_code: why it was refused, else None."""

    size: int | None
    mtime_ns: int | None
    file_sha256: str | None
    reason_code: str | None


def known_files(engine: Catalogue, root: str) -> dict[str, KnownFile]:
    """path → what is known, for all catalogued and refused files below one root; what no audited row says isn't."""
    sql = f"SELECT path, size, mtime_ns, file_sha256, reason_code FROM file f WHERE root = :root AND {BACKED}"
    with reading(engine) as connection:
        rows = every(connection, sql, root=root)
    return {row[0]: KnownFile(row[1], row[2], row[3], row[4]) for row in rows}


def roots(engine: Catalogue) -> set[str]:
    """The folders below which files were examined."""
    with reading(engine) as connection:
        return {row.root for row in every(connection, "SELECT DISTINCT root FROM file")}


def places(engine: Catalogue) -> set[str]:
    """The folders below which files were examined, or images lie now."""
    with reading(engine) as connection:
        rows = every(connection, "SELECT root FROM file UNION SELECT root FROM image_location")
    return {row.root for row in rows}


def seen_below(engine: Catalogue, root: str) -> dict[str, set[str]]:
    """path → the content hashes that were seen there: catalogued, refused, or said by the cache."""
    sql = (
        "SELECT path, file_sha256 FROM file WHERE root = :root AND file_sha256 IS NOT NULL "
        "UNION SELECT l.path, i.file_sha256 FROM image_location l JOIN image i ON i.id = l.image_id "
        "WHERE l.root = :root"
    )
    found: dict[str, set[str]] = {}
    with reading(engine) as connection:
        for path, sha256 in every(connection, sql, root=root):
            found.setdefault(path, set()).add(sha256)
    return found


def studies_at(engine: Catalogue, root: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """study_uid → the stored paths of its images, of those that lie below a root at one of these stored paths. A DICOM
    instance may lie at several."""
    sql = (
        "SELECT s.study_uid, l.path FROM image_location l JOIN image i ON i.id = l.image_id "
        "JOIN study s ON s.id = i.study_id WHERE l.root = :root AND l.path IN :values "
        "UNION SELECT s.study_uid, f.path FROM file f JOIN image i ON i.file_sha256 = f.file_sha256 "
        "JOIN study s ON s.id = i.study_id WHERE f.root = :root AND f.path IN :values AND i.format = 'dicom' "
        "ORDER BY 1, 2"
    )
    found: dict[str, list[str]] = {}
    with reading(engine) as connection:
        for row in among(connection, sql, paths, root=root):
            found.setdefault(row.study_uid, []).append(row.path)
    return found


def stored_file(engine: Catalogue, target: str) -> tuple[str, str | None]:
    """(stored path, file hash) of an image's id (im-…), or of the stored path of an image or a refused file.

    Raises DataError for anything else.
    """
    sql = (
        "SELECT path, file_sha256 FROM image WHERE image_uid = :target OR path = :target "
        "UNION SELECT path, file_sha256 FROM quarantined_file WHERE path = :target ORDER BY 1, 2"
    )
    with reading(engine) as connection:
        row = one(connection, sql, target=target)
    if row is None:
        raise DataError(f"{target}: no image or refused file; expected an image's id (im-…) or a stored path (pa-…).")
    return str(row.path), row.file_sha256


def files_seen(engine: Catalogue) -> int:
    """How many files are known: catalogued (frames of one file counted once) and quarantined."""
    sql = (
        "SELECT (SELECT count(*) FROM (SELECT DISTINCT root, path FROM image_location) AS a) "
        "+ (SELECT count(DISTINCT path) FROM quarantined_file) AS n"
    )
    with reading(engine) as connection:
        return int(one(connection, sql).n)


def remember_files(connection: Connection, files: Sequence[tuple[ImageRecord | QuarantinedFile, str | None]]) -> None:
    if not files:
        return
    connection.execute(
        text(
            "INSERT INTO file (root, path, size, mtime_ns, file_sha256, reason_code) "
            "VALUES (:root, :path, :size, :mtime, :sha, :code) ON CONFLICT (root, path) DO UPDATE SET "
            "size = excluded.size, mtime_ns = excluded.mtime_ns, file_sha256 = excluded.file_sha256, "
            "reason_code = excluded.reason_code"
        ),
        [
            {
                "root": file.root,
                "path": file.path,
                "size": file.file_size,
                "mtime": file.file_mtime_ns,
                "sha": file.file_sha256,
                "code": reason_code,
            }
            for file, reason_code in files
        ],
    )
