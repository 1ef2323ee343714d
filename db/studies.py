"""Studies: where they lie, and their first labels."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from sqlalchemy import Connection, Engine

from db.audit.chain import append
from db.engine import reading
from db.known_files import Outcome
from db.lookups import among, every, one, row_ids
from wrist_model.errors import DataError
from wrist_model.records import ImageRecord, Provenance


def studies_at(engine: Engine, root: str, paths: Container[str]) -> dict[str, list[str]]:
    """study_uid → the stored paths of its images, of those that lie below a root at one of these stored paths. A DICOM
    instance may lie at several."""
    sql = (
        "SELECT s.study_uid, l.path FROM image_location l JOIN image i ON i.id = l.image_id "
        "JOIN study s ON s.id = i.study_id WHERE l.root = :root "
        "UNION SELECT s.study_uid, f.path FROM file f JOIN image i ON i.file_sha256 = f.file_sha256 "
        "JOIN study s ON s.id = i.study_id WHERE f.root = :root AND i.format = 'dicom' ORDER BY 1, 2"
    )
    found: dict[str, list[str]] = {}
    with reading(engine) as connection:
        for row in every(connection, sql, root=root):
            if row.path in paths:
                found.setdefault(row.study_uid, []).append(row.path)
    return found


def of_other_patients(engine: Engine, records: Sequence[ImageRecord]) -> set[str]:
    """image_uids of those whose study belongs to another patient, in the catalogue or by an earlier one of these."""
    with reading(engine) as connection:
        sql = (
            "SELECT s.study_uid, p.patient_key FROM study s JOIN patient p ON p.id = s.patient_id "
            "WHERE s.study_uid IN :values"
        )
        owners = {row[0]: row[1] for row in among(connection, sql, {record.study_uid for record in records})}
    return {
        record.image_uid
        for record in records
        if owners.setdefault(record.study_uid, record.patient_key) != record.patient_key
    }


def add_studies(
    connection: Connection, records: Sequence[ImageRecord], outcomes: Mapping[str, Outcome], by: Provenance
) -> dict[str, tuple[int, int]]:
    """study_uid → (study row, patient row), adding patients, studies and first labels that are new."""
    records = [record for record in records if outcomes[record.image_uid] in ("new", "unchanged")]
    if not records:
        return {}
    patients = row_ids(connection, "patient", "patient_key", [record.patient_key for record in records])
    fresh = {record.patient_key: record for record in reversed(records) if record.patient_key not in patients}
    rows = [
        {"patient_key": key, "patient_known": int(fresh[key].patient_known), "split": fresh[key].split}
        for key in reversed(fresh)
    ]
    if rows:
        first = append(connection, "patient", rows, by)
        patients.update({str(row["patient_key"]): first + n for n, row in enumerate(rows)})
    studies = row_ids(connection, "study", "study_uid", [record.study_uid for record in records])
    by_study = {record.study_uid: record for record in reversed(records)}
    rows = [
        {
            "study_uid": uid,
            "patient_id": patients[by_study[uid].patient_key],
            "source": by_study[uid].source,
            "body_part": by_study[uid].body_part,
        }
        for uid in reversed(by_study)
        if uid not in studies
    ]
    if rows:
        first = append(connection, "study", rows, by)
        studies.update({str(row["study_uid"]): first + n for n, row in enumerate(rows)})
    owners = dict(among(connection, "SELECT id, patient_id FROM study WHERE id IN :values", studies.values()))
    for record in records:
        if owners[studies[record.study_uid]] != patients[record.patient_key]:
            raise DataError(f"Study {record.study_uid} belongs to another patient than {record.patient_key}.")
    _first_labels(connection, records, studies, by)
    return {uid: (number, owners[number]) for uid, number in studies.items()}


def _first_labels(
    connection: Connection, records: Sequence[ImageRecord], studies: Mapping[str, int], by: Provenance
) -> None:
    if one(connection, "SELECT id FROM label_version WHERE version = 1") is None:
        append(connection, "label_version", [{"version": 1, "note": "as the sources state them"}], by)
    labels: dict[int, int] = {}
    for record in records:
        if record.label is not None:
            labels.setdefault(studies[record.study_uid], record.label)
    labelled = {row[0] for row in among(connection, "SELECT study_id FROM label WHERE study_id IN :values", labels)}
    rows = [
        {"label_version": 1, "study_id": study, "label": label}
        for study, label in labels.items()
        if study not in labelled
    ]
    if rows:
        append(connection, "label", rows, by)
