"""Frozen data-set versions: which image is in, which is left out and why, and what could be frozen now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db.audit.chain import append, append_rows
from db.engine import Catalogue, reading, writing
from db.hold_outs import internal, named, of_set
from db.labels import current_version
from db.lookups import among, every, one, row_id
from db.patient_identity import persons
from db.schema.views import EXCLUDED, LABEL_NOW
from wrist_model.errors import DataError, LeakError
from wrist_model.records import Candidate, Member, Provenance, Split


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


def candidates(engine: Catalogue) -> tuple[Candidate, ...]:
    """Every catalogued image with its patient's split, its study's label now, and why a person left it out, if so."""
    left_out = ", ".join(
        EXCLUDED.format(kind=kind, row=row) for kind, row in (("image", "i"), ("study", "s"), ("patient", "p"))
    )
    with reading(engine) as connection:
        rows = every(
            connection,
            f"SELECT i.image_uid, s.study_uid, p.patient_key, p.split, {LABEL_NOW.format(study='s')} AS label, "
            f"i.pixel_sha256, i.perceptual_hash, coalesce({left_out}) AS excluded_reason, p.hold_out, "
            "i.patient_id FROM image i JOIN study s ON s.id = i.study_id JOIN patient p ON p.id = i.patient_id "
            "ORDER BY i.image_uid",
        )
        person = {patient: f"person {lowest}" for patient, lowest in persons(connection).items()}
    return tuple(Candidate(*(*row[:-2], person.get(row.patient_id), row.hold_out)) for row in rows)


def frozen_images(engine: Catalogue) -> frozenset[str]:
    """The image_uids that any version includes: what a model may have learnt from, also where it is left out by now."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT i.image_uid FROM image i WHERE EXISTS "
            "(SELECT 1 FROM dataset_member m WHERE m.image_id = i.id AND m.included = 1)",
        )
    return frozenset(row.image_uid for row in rows)


def add_dataset(
    engine: Catalogue, members: Sequence[Member], by: Provenance, guard_status: str = "clean", guard: str = ""
) -> str:
    """Freeze a version; returns its dataset_id. The same manifest again writes nothing and gives the same id.

    Raises LeakError when an included person or picture stands in two splits or not in the patient's own, DataError
    for an image that is not catalogued. Then nothing is written. What the members were decided on holds only in the
    transaction in which it was read: hand its connection in.
    """
    with writing(engine) as connection:
        known = _images(connection, [member.image_uid for member in members])
        for member in members:
            row = known.get(member.image_uid)
            if row is None or (row.study_uid, row.patient_key) != (member.study_uid, member.patient_key):
                raise DataError(f"Image {member.image_uid} is not catalogued with that study and patient.")
        included = [member for member in members if member.included]
        if not included:
            raise DataError("Nothing to freeze: no labelled image is left. Ingest labelled studies first.")
        pixels = _one_split_each((known[one.image_uid].pixel_sha256, one.split) for one in included)
        _one_split_each((member.patient_key, member.split) for member in members)
        person = persons(connection)
        _one_split_each(
            (f"The person of patient row {person[known[one.image_uid].patient_id]}", one.split)
            for one in included
            if known[one.image_uid].patient_id in person
        )
        for member in members:
            row = known[member.image_uid]
            if (member.split, member.hold_out) != (row.split, row.hold_out):
                raise LeakError(
                    f"Patient {member.patient_key} stands in {row.hold_out or row.split} and can't be frozen in "
                    f"{member.hold_out or member.split}: a patient never moves."
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
    """SHA-256 of the label version and, by image_uid, each member with its pixels' hash, one JSON list a line; the name
    of an external set stands last in its members' lists, and in no other's."""
    digest = hashlib.sha256(f"label version {label_version}\n".encode())
    for one_ in sorted(members, key=lambda member: member.image_uid):
        fields = [one_.image_uid, pixels[one_.image_uid], one_.study_uid, one_.patient_key]
        fields += [one_.split, one_.label, int(one_.included), one_.excluded_reason]  # type: ignore[list-item]
        fields += [one_.hold_out] if one_.hold_out is not None else []
        digest.update(json.dumps(fields, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def dataset(engine: Catalogue, dataset_id: str | None = None) -> DatasetVersion:
    """One version, or the newest. Raises DataError when there is none."""
    found = latest_dataset(engine) if dataset_id is None else _dataset(engine, "d.dataset_id = :id", id=dataset_id)
    if found is None:
        what = f"No data-set version {dataset_id!r}" if dataset_id else "No data-set version is frozen yet"
        raise DataError(f"{what}. Freeze one with `wrist split --freeze`.")
    return found


def latest_dataset(engine: Catalogue) -> DatasetVersion | None:
    """The newest version, or None."""
    return _dataset(engine, "d.id = (SELECT max(id) FROM dataset_version)")


def training_dataset(engine: Catalogue, model_version_id: str) -> DatasetVersion | None:
    """The version that a model version was trained on (an ensemble: its first member); None without a training run."""
    return _dataset(
        engine,
        "d.id = (SELECT t.dataset_version_id FROM model_version m "
        "LEFT JOIN model_member k ON k.model_version_id = m.id "
        "JOIN model_version o ON o.id = coalesce(k.member_id, m.id) JOIN training_run t ON t.id = o.training_run_id "
        "WHERE m.model_version_id = :model ORDER BY k.id LIMIT 1)",
        model=model_version_id,
    )


def members(engine: Catalogue, dataset_id: str) -> tuple[Member, ...]:
    """All members of a version, left-out ones too, by image_uid."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT i.image_uid, s.study_uid, p.patient_key, m.split, m.label, m.included, m.excluded_reason, "
            "m.hold_out FROM dataset_member m JOIN image i ON i.id = m.image_id JOIN study s ON s.id = m.study_id "
            "JOIN patient p ON p.id = m.patient_id WHERE m.dataset_version_id = :version ORDER BY i.image_uid",
            version=row_id(connection, "dataset_version", "dataset_id", dataset_id),
        )
    return tuple(Member(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6], row[7]) for row in rows)


def new_labelled_studies(engine: Catalogue) -> int:
    """How many labelled studies are in no data-set version yet, without those of external sets."""
    with reading(engine) as connection:
        row = one(
            connection,
            f"SELECT count(*) AS n FROM study s JOIN patient p ON p.id = s.patient_id "
            f"AND {internal('p')} WHERE {LABEL_NOW.format(study='s')} IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM dataset_member m WHERE m.study_id = s.id "
            "AND (m.included = 1 OR m.excluded_reason <> 'unlabelled'))",
        )
    return int(row.n)


def patients_known(engine: Catalogue, dataset_id: str, hold_out: str | None = None) -> bool:
    """Whether the source names a patient for every included image of this version, or of an external set in it."""
    sql = (
        "SELECT min(p.patient_known) AS known FROM dataset_version d "
        "JOIN dataset_member m ON m.dataset_version_id = d.id JOIN patient p ON p.id = m.patient_id "
        f"WHERE d.dataset_id = :id AND m.included = 1 AND {of_set('m')}"
    )
    with reading(engine) as connection:
        return bool(one(connection, sql, id=dataset_id, hold_out=named(hold_out)).known)


def sources(
    engine: Catalogue, dataset_id: str, *, included: bool = False, hold_out: str | None = None
) -> tuple[str, ...]:
    """The sources of this version's studies, sorted. included: of those alone that are included. hold_out: of this
    external set; else of all that are of none."""
    sql = (
        "SELECT DISTINCT s.source FROM dataset_version d JOIN dataset_member m ON m.dataset_version_id = d.id "
        "JOIN study s ON s.id = m.study_id WHERE d.dataset_id = :id AND m.included >= :least "
        f"AND {of_set('m')} ORDER BY s.source"
    )
    values = {"id": dataset_id, "least": int(included), "hold_out": named(hold_out)}
    with reading(engine) as connection:
        return tuple(row.source for row in every(connection, sql, **values))


def _dataset(engine: Catalogue, where: str, **values: Any) -> DatasetVersion | None:
    with reading(engine) as connection:
        row = one(
            connection,
            "SELECT d.dataset_id, d.manifest_sha256, d.label_version, d.n_patients, d.n_studies, d.n_images, "
            f"d.guard_status, d.guard, a.at FROM dataset_version d JOIN audit_entry a ON a.seq = d.entry WHERE {where}",
            **values,
        )
    return DatasetVersion(*row) if row else None


def _images(connection: Connection, image_uids: Iterable[str]) -> dict[str, Any]:
    rows = among(
        connection,
        "SELECT i.id, i.image_uid, i.study_id, i.patient_id, s.study_uid, p.patient_key, p.split, p.hold_out, "
        "i.pixel_sha256 FROM image i JOIN study s ON s.id = i.study_id JOIN patient p ON p.id = i.patient_id "
        "WHERE i.image_uid IN :values",
        image_uids,
    )
    return {row.image_uid: row for row in rows}


def _one_split_each(places: Iterable[tuple[str, Split]]) -> dict[str, Split]:
    found: dict[str, Split] = {}
    for name, split in places:
        if found.setdefault(name, split) != split:
            raise LeakError(
                f"{name[:60]} would stand in {found[name]} and in {split}. Leave one side out: "
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
        "pixel_guard",
        "hold_out",
    )
    values = []
    for member in members:
        row = known[member.image_uid]
        guard = row.pixel_sha256 if member.included else None
        values.append(
            (number, row.id, row.study_id, row.patient_id, member.split, member.label, int(member.included))
            + (member.excluded_reason, guard, member.hold_out)
        )
    append_rows(connection, "dataset_member", names, sorted(values, key=lambda one: one[1]), by)
