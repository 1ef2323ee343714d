"""Frozen data-set versions: who is in, who is out and why, and what training needs of each image."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from db.audit.chain import append, append_rows
from db.engine import reading, writing
from db.labels import current_version
from db.lookups import every, one, row_id
from wrist_model.errors import DataError, LeakError
from wrist_model.records import Candidate, ImageRef, Member, Provenance, Split

_LATEST_LABEL = """
SELECT l.study_id, l.label FROM label l
JOIN (SELECT study_id, max(label_version) AS version FROM label GROUP BY study_id) n
  ON n.study_id = l.study_id AND n.version = l.label_version
"""
_REF = """
SELECT i.image_uid, s.study_uid, p.patient_key, i.format, i.pixel_sha256, l.root, l.path, s.source, s.body_part,
  i.view, i.sex, i.age, i.hardware, i.inverted, i.multi_view, i.burned_in, i.study_id, i.decode_rule,
  (SELECT count(*) FROM image o WHERE o.study_id = i.study_id) AS n_views, {columns}
FROM {tables} JOIN study s ON s.id = i.study_id JOIN patient p ON p.id = s.patient_id
LEFT JOIN image_location l ON l.image_id = i.id
"""


@dataclass(frozen=True)
class DatasetVersion:
    """guard is the guard's report as JSON text; the counts are of included images."""

    dataset_id: str
    manifest_sha256: str
    label_version: int
    n_patients: int
    n_studies: int
    n_images: int
    guard_status: str
    guard: str
    frozen_at: str


def candidates(engine: Engine) -> tuple[Candidate, ...]:
    """Every catalogued image with its patient's split, its study's label now, and why a person left it out, if so."""
    with reading(engine) as connection:
        labels = dict(tuple(row) for row in every(connection, _LATEST_LABEL))
        left_out: dict[str, dict[int, str | None]] = {"image_id": {}, "study_id": {}, "patient_id": {}}
        for row in every(
            connection, "SELECT image_id, study_id, patient_id, reason, undone FROM exclusion ORDER BY id"
        ):
            for name, reasons in left_out.items():
                if (number := getattr(row, name)) is not None:
                    reasons[number] = None if row.undone else row.reason
        rows = every(
            connection,
            "SELECT i.id, i.image_uid, i.study_id, s.study_uid, i.patient_id, p.patient_key, p.split, i.pixel_sha256, "
            "i.perceptual_hash FROM image i JOIN study s ON s.id = i.study_id JOIN patient p ON p.id = i.patient_id "
            "ORDER BY i.image_uid",
        )
    return tuple(
        Candidate(
            row.image_uid,
            row.study_uid,
            row.patient_key,
            row.split,
            labels.get(row.study_id),
            row.pixel_sha256,
            row.perceptual_hash,
            left_out["image_id"].get(row.id)
            or left_out["study_id"].get(row.study_id)
            or left_out["patient_id"].get(row.patient_id),
        )
        for row in rows
    )


def add_dataset(
    engine: Engine, members: Sequence[Member], by: Provenance, guard_status: str = "clean", guard: str = ""
) -> str:
    """Freeze a version; returns its dataset_id. The same manifest again writes nothing and gives the same id.

    Raises LeakError when an included patient or picture stands in two splits or not in the patient's own, DataError
    for an image that is not catalogued. Then nothing is written.
    """
    with writing(engine) as connection:
        known = _images(connection)
        for member in members:
            row = known.get(member.image_uid)
            if row is None or (row.study_uid, row.patient_key) != (member.study_uid, member.patient_key):
                raise DataError(f"Image {member.image_uid} is not catalogued with that study and patient.")
        included = [member for member in members if member.included]
        if not included:
            raise DataError("Nothing to freeze: no labelled image is left. Ingest labelled studies first.")
        pixels = _one_split_each((known[one.image_uid].pixel_sha256, one.split) for one in included)
        _one_split_each((member.patient_key, member.split) for member in members)
        for member in members:
            if member.split != known[member.image_uid].split:
                raise LeakError(
                    f"Patient {member.patient_key} stands in {known[member.image_uid].split} and can't be frozen in "
                    f"{member.split}: a patient never moves."
                )
        version = current_version(connection)
        manifest = manifest_sha256(members, {uid: row.pixel_sha256 for uid, row in known.items()}, version)
        dataset_id = f"ds-{manifest[:12]}"
        if one(connection, "SELECT id FROM dataset_version WHERE dataset_id = :id", id=dataset_id):
            return dataset_id
        number = append(
            connection,
            "dataset_version",
            [
                {
                    "dataset_id": dataset_id,
                    "manifest_sha256": manifest,
                    "label_version": version,
                    "n_patients": len({member.patient_key for member in included}),
                    "n_studies": len({member.study_uid for member in included}),
                    "n_images": len(included),
                    "guard_status": guard_status,
                    "guard": guard,
                }
            ],
            by,
        )
        _add_members(connection, number, members, known, pixels, by)
    return dataset_id


def manifest_sha256(members: Iterable[Member], pixels: dict[str, str], label_version: int) -> str:
    """SHA-256 of the label version and, by image_uid, each member with its pixels' hash, one JSON list a line."""
    digest = hashlib.sha256(f"label version {label_version}\n".encode())
    for one_ in sorted(members, key=lambda member: member.image_uid):
        fields = [one_.image_uid, pixels[one_.image_uid], one_.study_uid, one_.patient_key]
        fields += [one_.split, one_.label, int(one_.included), one_.excluded_reason]  # type: ignore[list-item]
        digest.update(json.dumps(fields, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def dataset(engine: Engine, dataset_id: str | None = None) -> DatasetVersion:
    """One version, or the newest. Raises DataError when there is none."""
    found = _datasets(engine, dataset_id)
    if not found:
        what = f"No data-set version {dataset_id!r}" if dataset_id else "No data-set version is frozen yet"
        raise DataError(f"{what}. Freeze one with `wrist split --freeze`.")
    return found[-1]


def latest_dataset(engine: Engine) -> DatasetVersion | None:
    """The newest version, or None."""
    found = _datasets(engine, None)
    return found[-1] if found else None


def members(engine: Engine, dataset_id: str) -> tuple[Member, ...]:
    """All members of a version, left-out ones too, by image_uid."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT i.image_uid, s.study_uid, p.patient_key, m.split, m.label, m.included, m.excluded_reason "
            "FROM dataset_member m JOIN image i ON i.id = m.image_id JOIN study s ON s.id = m.study_id "
            "JOIN patient p ON p.id = m.patient_id WHERE m.dataset_version_id = :version ORDER BY i.image_uid",
            version=row_id(connection, "dataset_version", "dataset_id", dataset_id),
        )
    return tuple(Member(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6]) for row in rows)


def image_refs(engine: Engine, dataset_id: str, split: Split | None = None) -> list[ImageRef]:
    """What is included in a version (in one split of it), by image_uid, with the version's labels."""
    with reading(engine) as connection:
        version = row_id(connection, "dataset_version", "dataset_id", dataset_id)
        sql = _REF.format(columns="m.split, m.label", tables="dataset_member m JOIN image i ON i.id = m.image_id")
        sql += "WHERE m.dataset_version_id = :version AND m.included = 1"
        values: dict[str, Any] = {"version": version}
        if split is not None:
            sql, values = sql + " AND m.split = :split", {**values, "split": split}
        rows = every(connection, sql + " ORDER BY i.image_uid", **values)
    return _refs(engine, rows)


def refs_to_score(engine: Engine, study_uids: Iterable[str] | None = None) -> list[ImageRef]:
    """The images of these studies, or of all studies without a label, by image_uid; split None."""
    wanted = None if study_uids is None else set(study_uids)
    with reading(engine) as connection:
        labels = dict(tuple(row) for row in every(connection, _LATEST_LABEL))
        sql = _REF.format(columns="NULL AS split, NULL AS label", tables="image i") + "ORDER BY i.image_uid"
        rows = every(connection, sql)
    if wanted is None:
        return _refs(engine, [row for row in rows if labels.get(row.study_id) is None])
    rows = [row for row in rows if row.study_uid in wanted]
    if missing := sorted(wanted - {row.study_uid for row in rows}):
        raise DataError(f"Study {missing[0]} is not in the catalogue.")
    return _refs(engine, rows)


def new_labelled_studies(engine: Engine) -> int:
    """How many labelled studies are in no data-set version yet."""
    with reading(engine) as connection:
        labelled = {row.study_id for row in every(connection, _LATEST_LABEL) if row.label is not None}
        decided = every(
            connection,
            "SELECT DISTINCT study_id FROM dataset_member WHERE included = 1 OR excluded_reason <> 'unlabelled'",
        )
    return len(labelled - {row.study_id for row in decided})


def _datasets(engine: Engine, dataset_id: str | None) -> list[DatasetVersion]:
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT d.dataset_id, d.manifest_sha256, d.label_version, d.n_patients, d.n_studies, d.n_images, "
            "d.guard_status, d.guard, a.at FROM dataset_version d JOIN audit_entry a ON a.seq = d.entry "
            "WHERE :id IS NULL OR d.dataset_id = :id ORDER BY d.id".replace(":id IS NULL", "CAST(:id AS TEXT) IS NULL"),
            id=dataset_id,
        )
    return [DatasetVersion(*row) for row in rows]


def _images(connection: Connection) -> dict[str, Any]:
    rows = every(
        connection,
        "SELECT i.id, i.image_uid, i.study_id, i.patient_id, s.study_uid, p.patient_key, p.split, i.pixel_sha256 "
        "FROM image i JOIN study s ON s.id = i.study_id JOIN patient p ON p.id = i.patient_id",
    )
    return {row.image_uid: row for row in rows}


def _one_split_each(places: Iterable[tuple[str, Split]]) -> dict[str, Split]:
    found: dict[str, Split] = {}
    for name, split in places:
        if found.setdefault(name, split) != split:
            raise LeakError(
                f"{name[:20]} would stand in {found[name]} and in {split}. Leave one side out: "
                "`wrist exclude ID --reason …`."
            )
    return found


def _add_members(
    connection: Connection,
    number: int,
    members: Sequence[Member],
    known: dict[str, Any],
    pixels: dict[str, Split],
    by: Provenance,
) -> None:
    patients: dict[int, str] = {}
    for member in members:
        patients.setdefault(known[member.image_uid].patient_id, member.split)
    append_rows(
        connection,
        "dataset_patient",
        ("dataset_version_id", "patient_id", "split"),
        [(number, patient, split) for patient, split in sorted(patients.items())],
        by,
    )
    append_rows(
        connection,
        "dataset_pixels",
        ("dataset_version_id", "pixel_sha256", "split"),
        [(number, sha256, split) for sha256, split in sorted(pixels.items())],
        by,
    )
    names = (
        "dataset_version_id",
        "image_id",
        "study_id",
        "patient_id",
        "split",
        "label",
        "included",
        "excluded_reason",
    )
    values = []
    for member in members:
        row = known[member.image_uid]
        guard = row.pixel_sha256 if member.included else None
        values.append(
            (number, row.id, row.study_id, row.patient_id, member.split, member.label, int(member.included))
            + (member.excluded_reason, guard)
        )
    append_rows(connection, "dataset_member", (*names, "pixel_guard"), sorted(values, key=lambda one: one[1]), by)


def _refs(engine: Engine, rows: Iterable[Any]) -> list[ImageRef]:
    home = Path(engine.get_execution_options()["wrist_home"])
    refs = []
    for row in rows:
        if row.format == "dicom" or re.fullmatch(r"pa-[0-9a-f]{32}", row.path or ""):  # beside DICOM, paths are private
            file = home / "pixels" / row.pixel_sha256[:2] / f"{row.pixel_sha256}.png"
        else:
            file = Path(row.root or "") / (row.path or "")
        groups: dict[str, str] = defaultdict(str, source=row.source, body_part=row.body_part)
        groups["n_views"] = str(row.n_views) if row.n_views < 4 else "4+"
        for name in ("view", "sex"):
            if (value := getattr(row, name)) is not None:
                groups[name] = str(value)
        for name in ("hardware", "inverted", "multi_view", "burned_in"):
            if (value := getattr(row, name)) is not None:
                groups[name] = str(value)
        if row.age is not None:
            groups["age_band"] = next(band for limit, band in AGE_BANDS if row.age < limit)
        refs.append(
            ImageRef(
                row.image_uid,
                row.study_uid,
                row.patient_key,
                str(file),
                row.pixel_sha256,
                row.label,
                row.split,
                tuple(sorted(groups.items())),
                row.decode_rule,
            )
        )
    return refs


AGE_BANDS = ((18, "0-17"), (40, "18-39"), (65, "40-64"), (1000, "65+"))
