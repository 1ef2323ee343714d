"""Patients and their studies, as they are first seen, with the labels that the source states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from db.audit.chain import append
from db.designations import strictest
from db.known_files import Outcome
from db.lookups import among, one, row_ids
from db.patient_identity import remember_pseudonyms, shared_splits
from wrist_model.records import SPLIT_RANK, ImageRecord, Provenance, Split


def add_studies(
    connection: Connection, records: Sequence[ImageRecord], outcomes: Mapping[str, Outcome], by: Provenance
) -> dict[str, tuple[int, int]]:
    """study_uid → (study row, patient row), adding patients, studies and first labels that are new.

    A study that is catalogued keeps its patient. records: of one person a study (`patient_identity.apart`).
    """
    records = [record for record in records if outcomes[record.image_uid] in ("new", "unchanged")]
    if not records:
        return {}
    studies = row_ids(connection, "study", "study_uid", [record.study_uid for record in records])
    by_study = {record.study_uid: record for record in reversed(records)}
    opening = [by_study[uid] for uid in reversed(by_study) if uid not in studies]
    patients = _patients(connection, opening, by)
    rows = [
        {
            "study_uid": record.study_uid,
            "patient_id": patients[record.patient_key],
            "source": record.source,
            "body_part": record.body_part,
        }
        for record in opening
    ]
    if rows:
        first = append(connection, "study", rows, by)
        studies.update({str(row["study_uid"]): first + n for n, row in enumerate(rows)})
    named = {record.patient_key: record.patient_pseudonym for record in records if record.patient_pseudonym}
    if named:
        remember_pseudonyms(connection, named, by)
    owners = dict(among(connection, "SELECT id, patient_id FROM study WHERE id IN :values", studies.values()))
    _first_labels(connection, records, studies, by)
    return {uid: (number, owners[number]) for uid, number in studies.items()}


def _patients(connection: Connection, records: Sequence[ImageRecord], by: Provenance) -> dict[str, int]:
    """patient_key → patient row. A new patient takes the split of those with the same number, whoever issued it; else
    the strictest in which the source or a person places it; else the rule's."""
    patients = row_ids(connection, "patient", "patient_key", [record.patient_key for record in records])
    fresh = {key: record for key, record in strictest(records).items() if key not in patients}
    splits = shared_splits(connection, {one.patient_pseudonym for one in fresh.values() if one.patient_pseudonym})
    named = [record for record in fresh.values() if record.placed and record.patient_pseudonym]
    for record in sorted(named, key=lambda record: SPLIT_RANK[record.split]):
        splits.setdefault(str(record.patient_pseudonym), record.split)
    rows = []
    for key, record in fresh.items():
        split: Split = record.split
        if record.patient_pseudonym:
            split = splits.setdefault(record.patient_pseudonym, split)
        row = {"patient_key": key, "patient_known": int(record.patient_known), "split": split}
        rows.append({**row, "hold_out": record.hold_out})
    if rows:
        first = append(connection, "patient", rows, by)
        patients.update({str(row["patient_key"]): first + n for n, row in enumerate(rows)})
    return patients


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
