"""What `verify` checks of rows whose place later ones took: reports written over, predictions scored again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from db.audit.anchor_file import Found

KEPT = 20

_WRITTEN_OVER = """
SELECT r.report_id, r.path, r.file_sha256 AS sha, n.report_id AS newest, n.file_sha256 AS now
FROM report r JOIN report n ON n.id = (SELECT max(x.id) FROM report x WHERE x.path = r.path)
WHERE n.file_sha256 <> r.file_sha256 ORDER BY r.id
"""


def standing_reports(connection: Connection, after: int = 0) -> Iterator[tuple[str, str, str]]:
    """(path, SHA-256, report_id) of each report (after that row) that no later one was written over, oldest first."""
    over = {row.report_id for row in connection.execute(text(_WRITTEN_OVER)) if not _named_by_content(row)}
    for row in connection.execute(
        text(f"SELECT report_id, path, file_sha256 AS sha FROM report WHERE id > {after:d} ORDER BY id")
    ):
        if row.report_id not in over:
            yield row.path, row.sha, row.report_id


def overwritten_reports(connection: Connection, home: Path) -> Iterator[Found]:
    """Reports of which a Wrist before schema 0003 kept no file: it gave each report of an evaluation the same name.

    Nothing says that anybody changed them: the file is the one that was recorded last under that name, which
    `standing_reports` lists to be checked like any other. A name that holds its content's hash was never shared, so
    there another content stays a broken file.
    """
    for row in connection.execute(text(_WRITTEN_OVER)).all():
        if not _named_by_content(row) and _sha256(home / row.path) == row.now:
            yield (
                "overwritten",
                row.report_id,
                f"{row.path}: an earlier Wrist wrote {row.newest} over this report, whose content is lost; the file "
                f"is {row.newest} as it was recorded. Nobody changed it; later reports keep their files.",
            )


def predictions(connection: Connection) -> Iterator[Found]:
    """Scored studies whose number of images is not that of the image predictions beside them."""
    rows = connection.execute(
        text(
            "SELECT p.id, p.n_images, e.evaluation_id, (SELECT count(*) FROM image i JOIN image_prediction q "
            "ON q.image_id = i.id WHERE i.study_id = p.study_id AND q.evaluation_id = e.id) AS n "
            "FROM evaluation e JOIN study_prediction p ON p.evaluation_id = e.id WHERE e.purpose = 'prospective' "
            "ORDER BY p.id"
        )
    )
    kept = 0
    for row in rows:
        if row.n != row.n_images and kept < KEPT:
            kept += 1
            yield (
                "count",
                f"study_prediction row {row.id}",
                f"It says {row.n_images} images; {row.evaluation_id} predicted {row.n} images of this study.",
            )


def scored_twice(connection: Connection) -> Iterator[Found]:
    """Studies that a model scored again though they had got no image: two scorings at once, before schema 0003."""
    rows = connection.execute(
        text(
            "SELECT s.study_uid, m.model_version_id, p.id AS first, q.id AS again FROM evaluation e "
            "JOIN study_prediction p ON p.evaluation_id = e.id JOIN study s ON s.id = p.study_id "
            "JOIN study_prediction q ON q.study_id = p.study_id AND q.id > p.id AND q.n_images = p.n_images "
            "JOIN evaluation f ON f.id = q.evaluation_id AND f.purpose = 'prospective' "
            "AND f.model_version_id = e.model_version_id JOIN model_version m ON m.id = e.model_version_id "
            "WHERE e.purpose = 'prospective' AND NOT EXISTS (SELECT 1 FROM image i "
            "JOIN image_prediction n ON n.image_id = i.id AND n.evaluation_id = f.id WHERE i.study_id = p.study_id "
            "AND NOT EXISTS (SELECT 1 FROM image_prediction o WHERE o.image_id = i.id AND o.evaluation_id = e.id))"
        )
    ).fetchmany(KEPT)
    for row in rows:
        yield (
            "scored_twice",
            f"sp-{row.again}",
            f"{row.model_version_id} scored {row.study_uid} again, with the same images as in sp-{row.first}: two "
            "scorings ran at once. The later one is current.",
        )


def _named_by_content(row: object) -> bool:
    return row.sha[:12] in Path(row.path).name or row.now[:12] in Path(row.path).name  # type: ignore[attr-defined]


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
