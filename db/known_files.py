"""Files that an ingest has seen before: sizes and times that let it pass over what is unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Engine, text

from db.engine import reading
from db.lookups import every
from wrist_model.records import ImageRecord, QuarantinedFile

Outcome = Literal["new", "unchanged", "changed", "taken"]


@dataclass(frozen=True)
class KnownFile:
    """What a file below a root looked like when it was last read. reason_code: why it was refused, else None."""

    size: int | None
    mtime_ns: int | None
    file_sha256: str | None
    reason_code: str | None


def known_files(engine: Engine, root: str) -> dict[str, KnownFile]:
    """path → what is known, for all catalogued and refused files below one root."""
    with reading(engine) as connection:
        rows = every(
            connection, "SELECT path, size, mtime_ns, file_sha256, reason_code FROM file WHERE root = :root", root=root
        )
    return {row[0]: KnownFile(row[1], row[2], row[3], row[4]) for row in rows}


def roots(engine: Engine) -> set[str]:
    """The folders below which files were looked at."""
    with reading(engine) as connection:
        return {row.root for row in every(connection, "SELECT DISTINCT root FROM file")}


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
