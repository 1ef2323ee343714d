"""Images: what the catalogue keeps of each file or DICOM frame."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from db.audit.chain import append
from db.designations import designated, straddling
from db.engine import Catalogue, reading, writing
from db.exclusions import leave_out_studies
from db.ingest_runs import ingest_run_row
from db.known_files import Outcome, remember_files
from db.lookups import among, every
from db.patient_identity import apart
from db.patients import add_studies
from wrist_model.records import ImageRecord, Provenance

_AS_THEY_ARE = (
    *("image_uid", "path", "format", "frame", "file_sha256", "file_size", "pixel_sha256", "rows", "columns"),
    *("photometric", "view", "sex", "age", "manufacturer_key", "perceptual_hash", "mean_intensity"),
    *("decode_rule", "suspicious", "image_label"),
)

_FLAGS = ("inverted", "multi_view", "hardware", "burned_in")


def add_images(
    engine: Catalogue,
    ingest_run_id: str,
    records: Sequence[ImageRecord],
    by: Provenance | None = None,
    *,
    anew: bool = False,
) -> dict[str, Outcome]:
    """Catalogue images with their patients, studies and first labels; image_uid → outcome. One transaction.

    unchanged: catalogued with the same file hash (a moved data set's new place is kept), or a copy of a DICOM instance
    that its study has. changed: the file under the same root has other content; the row stays. taken: another file
    under another root already has this image_uid. straddling: it is said to be held out, and its patient isn't. A
    patient known already keeps its split, a study its label; a new one stands as its source is designated.
    anew: an instance that its study has already becomes a row of its own, decoded by a later rule.
    """
    if not records:
        return {}
    with writing(engine) as connection:
        run, by = ingest_run_row(connection, ingest_run_id, by)
        records = designated(connection, records)
        known = _known_images(connection, [record.image_uid for record in records])
        instances = _known_instances(connection, records)
        strangers = apart(connection, records)
        moved = straddling(connection, records)
        outcomes: dict[str, Outcome] = {}
        fresh: list[ImageRecord] = []
        places: list[ImageRecord] = []
        for record in records:
            if record.image_uid in outcomes:
                continue
            if record.image_uid in strangers:
                outcomes[record.image_uid] = "conflicting"
                continue
            stored = known.get(record.image_uid)
            if stored is None and record.format == "dicom" and not anew:
                first = instances.setdefault((record.study_uid, record.file_sha256, record.frame), record.image_uid)
                if first != record.image_uid:
                    outcomes[record.image_uid] = "unchanged"
                    places.append(replace(record, image_uid=first))
                    continue
            if stored is None and record.image_uid in moved:
                outcomes[record.image_uid] = "straddling"
            elif stored is None:
                outcomes[record.image_uid] = "new"
                fresh.append(record)
            elif stored[0] == record.file_sha256:
                outcomes[record.image_uid] = "unchanged"
            else:
                outcomes[record.image_uid] = "changed" if stored[1] == record.root else "taken"
            if outcomes[record.image_uid] in ("new", "unchanged"):
                places.append(record)
        studies = add_studies(connection, records, outcomes, by)
        if fresh:
            append(connection, "image", [_image_row(record, run, *studies[record.study_uid]) for record in fresh], by)
            doubts = {record.study_uid: record.doubt for record in fresh if record.doubt}
            leave_out_studies(connection, {studies[uid][0]: doubt for uid, doubt in doubts.items()}, by)
        _place(connection, places)
    return outcomes


def sources(engine: Catalogue) -> tuple[str, ...]:
    """The sources of all catalogued studies, sorted."""
    with reading(engine) as connection:
        return tuple(row.source for row in every(connection, "SELECT DISTINCT source FROM study ORDER BY source"))


def studies_of_images(engine: Catalogue, image_uids: Iterable[str]) -> dict[str, str]:
    """image_uid → its study, of those of these that are catalogued."""
    sql = "SELECT i.image_uid, s.study_uid FROM image i JOIN study s ON s.id = i.study_id WHERE i.image_uid IN :values"
    with reading(engine) as connection:
        return dict(among(connection, sql, image_uids))


def still_coming(engine: Catalogue, study_uids: Iterable[str], quiet_minutes: float) -> set[str]:
    """Of these studies those whose last image was catalogued less than so many minutes ago.

    A time in the future (a clock set back since) says nothing: such a study counts as complete.
    """
    until = datetime.now(UTC)
    since = until - timedelta(minutes=quiet_minutes)
    sql = (
        "SELECT s.study_uid, max(a.at) AS last FROM study s JOIN image i ON i.study_id = s.id "
        "JOIN audit_entry a ON a.seq = i.entry WHERE s.study_uid IN :values GROUP BY s.study_uid"
    )
    with reading(engine) as connection:
        rows = among(connection, sql, study_uids)
    return {row.study_uid for row in rows if since < datetime.fromisoformat(row.last) <= until}


def studies_at_paths(engine: Catalogue, paths: Iterable[str]) -> dict[str, set[str]]:
    """Stored path → the studies of the images that were catalogued under it, below whatever root."""
    sql = "SELECT DISTINCT i.path, s.study_uid FROM image i JOIN study s ON s.id = i.study_id WHERE i.path IN :values"
    found: dict[str, set[str]] = {}
    with reading(engine) as connection:
        for row in among(connection, sql, paths):
            found.setdefault(row.path, set()).add(row.study_uid)
    return found


@dataclass(frozen=True)
class Reading:
    """An image row as what was read of a file, or of one of its frames."""

    image_uid: str
    pixel_sha256: str


_SAME_FILE = "{0}.study_id = {1}.study_id AND {0}.path = {1}.path AND {0}.frame = {1}.frame"
"""SQL: whether two image rows are readings of one file: `--recheck --take` adds readings to that of an ingest."""
REPLACED = f"EXISTS (SELECT 1 FROM image n WHERE {_SAME_FILE.format('n', '{0}')} AND n.id > {{0}}.id)"
"""SQL: whether an image row, by its alias, is no longer the newest reading of its file."""


def newest_readings(engine: Catalogue, image_uids: Iterable[str]) -> dict[str, Reading]:
    """image_uid → the newest reading of its file, of those that are catalogued."""
    sql = (
        f"SELECT i.image_uid AS asked, n.image_uid, n.pixel_sha256 FROM image i "
        f"JOIN image n ON {_SAME_FILE.format('n', 'i')} WHERE i.image_uid IN :values ORDER BY n.id"
    )
    with reading(engine) as connection:
        return {row.asked: Reading(row.image_uid, row.pixel_sha256) for row in among(connection, sql, image_uids)}


def _known_images(connection: Connection, image_uids: Sequence[str]) -> dict[str, tuple[str, str]]:
    sql = (
        "SELECT i.image_uid, i.file_sha256, l.root FROM image i LEFT JOIN image_location l ON l.image_id = i.id "
        "WHERE i.image_uid IN :values"
    )
    return {row[0]: (row[1], row[2]) for row in among(connection, sql, image_uids)}


def _known_instances(connection: Connection, records: Sequence[ImageRecord]) -> dict[tuple[str, str, int], str]:
    """(study_uid, file hash, frame) → image_uid, for the DICOM frames that the records' studies have."""
    sql = (
        "SELECT s.study_uid, i.file_sha256, i.frame, i.image_uid FROM image i JOIN study s ON s.id = i.study_id "
        "WHERE i.format = 'dicom' AND s.study_uid IN :values"
    )
    studies = {record.study_uid for record in records if record.format == "dicom"}
    return {(row[0], row[1], row[2]): row[3] for row in among(connection, sql, studies)} if studies else {}


def _image_row(record: ImageRecord, run: int, study: int, patient: int) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(record, name) for name in _AS_THEY_ARE}
    for name in _FLAGS:
        value = getattr(record, name)
        row[name] = None if value is None else int(value)
    row["decode_steps"] = json.dumps(list(record.decode_steps))
    row["extra"] = json.dumps([list(pair) for pair in record.extra])
    return {**row, "study_id": study, "patient_id": patient, "ingest_run_id": run}


def _place(connection: Connection, records: Sequence[ImageRecord]) -> None:
    """Remember where images lie now, and with each the other readings of its file."""
    sql = (
        f"SELECT i.image_uid, n.id FROM image i JOIN image n ON {_SAME_FILE.format('n', 'i')} "
        "WHERE i.image_uid IN :values"
    )
    readings: dict[str, list[int]] = {}
    for row in among(connection, sql, {record.image_uid for record in records}):
        readings.setdefault(row.image_uid, []).append(row.id)
    rows = [(image, record.root, record.path) for record in records for image in readings[record.image_uid]]
    if rows:
        connection.execute(
            text(
                "INSERT INTO image_location (image_id, root, path) VALUES (:image, :root, :path) "
                "ON CONFLICT (image_id) DO UPDATE SET root = excluded.root, path = excluded.path"
            ),
            [{"image": image, "root": root, "path": path} for image, root, path in rows],
        )
    remember_files(connection, [(record, None) for record in records])


def replaced(engine: Catalogue, study_uids: Iterable[str]) -> set[str]:
    """The image_uids of these studies in whose place a later reading of the same file stands."""
    sql = (
        "SELECT i.image_uid FROM study s JOIN image i ON i.study_id = s.id "
        f"WHERE s.study_uid IN :values AND {REPLACED.format('i')}"
    )
    with reading(engine) as connection:
        return {row.image_uid for row in among(connection, sql, study_uids)}


def suspicious_counts(engine: Catalogue, dataset_id: str) -> dict[str, int]:
    """What looks wrong about a version's included images though they decoded → how many."""
    sql = (
        "SELECT i.suspicious, count(*) AS n FROM dataset_version d "
        "JOIN dataset_member m ON m.dataset_version_id = d.id JOIN image i ON i.id = m.image_id "
        "WHERE d.dataset_id = :dataset AND m.included = 1 "
        "AND i.suspicious IS NOT NULL GROUP BY i.suspicious ORDER BY i.suspicious"
    )
    with reading(engine) as connection:
        return {row.suspicious: int(row.n) for row in every(connection, sql, dataset=dataset_id)}
