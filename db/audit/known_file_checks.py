"""The cache of known files, which lets an ingest pass over what it has read: does an audited row stand behind each?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from db.audit.anchor_file import Found
from db.known_files import BACKED

KEPT = 20

_ELSEWHERE = """
SELECT i.image_uid, l.path FROM image_location l JOIN image i ON i.id = l.image_id WHERE l.path <> i.path
AND NOT EXISTS (SELECT 1 FROM file f WHERE f.root = l.root AND f.path = l.path AND f.file_sha256 = i.file_sha256
  AND f.reason_code IS NULL) ORDER BY i.id
"""


def known_files(connection: Connection) -> Iterator[Found]:
    """Files that the cache says to pass over though no image and no quarantined file of that content was recorded, and
    images whose file is looked for where none of its content was seen."""
    rows = connection.execute(text(f"SELECT f.path, f.reason_code FROM file f WHERE NOT ({BACKED}) ORDER BY 1"))
    for row in rows.fetchmany(KEPT):
        said = "catalogued" if row.reason_code is None else f"refused ({row.reason_code})"
        yield "known_file", f"file {row.path}", f"The cache says that it was {said}; no audited row says so."
    for row in connection.execute(text(_ELSEWHERE)).fetchmany(KEPT):
        yield "known_file", row.image_uid, f"Its file is looked for at {row.path}, where its content was never seen."
