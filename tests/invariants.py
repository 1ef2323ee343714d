"""What must hold of a catalogue at any time, recomputed from raw rows and files, without the project's own guard."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from db.audit.verify import verify
from wrist_model.cohort import near_duplicates
from wrist_model.radiograph.decode import load_pixels
from wrist_model.records import ImageRef


def broken(engine: Engine) -> list[str]:
    """One line for each promise that this catalogue breaks: what `verify` finds, leaks, false records, wrong counts."""
    found = [f"verify: {one.where}: {one.message}" for one in verify(engine).findings]
    with engine.connect() as connection:
        found += _in_two_splits(connection)
        found += _near_duplicates_in_two_splits(connection)
        found += _false_members(connection)
        found += _wrong_counts(connection)
        found += _two_ends(connection)
    return found


def _rows(connection: Connection, sql: str, **values: Any) -> list[Any]:
    return list(connection.execute(text(sql), values))


MEMBERS = (
    "SELECT d.dataset_id, d.label_version, d.entry, m.split, m.label, m.included, m.image_id, m.study_id, "
    "m.patient_id, i.image_uid, i.pixel_sha256, i.perceptual_hash, i.format, l.root, l.path FROM dataset_member m "
    "JOIN dataset_version d ON d.id = m.dataset_version_id JOIN image i ON i.id = m.image_id "
    "LEFT JOIN image_location l ON l.image_id = i.id"
)


def _in_two_splits(connection: Connection) -> list[str]:
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in _rows(connection, MEMBERS + " WHERE m.included = 1"):
        for what in (f"patient {row.patient_id}", f"study {row.study_id}", f"pixels {row.pixel_sha256[:12]}"):
            places[row.dataset_id, what].add(row.split)
    return [f"leak: {ds}: {what} in {sorted(splits)}" for (ds, what), splits in places.items() if len(splits) > 1]


def _near_duplicates_in_two_splits(connection: Connection) -> list[str]:
    versions: dict[str, list[Any]] = defaultdict(list)
    for row in _rows(connection, MEMBERS + " WHERE m.included = 1 AND i.format <> 'dicom'"):
        versions[row.dataset_id].append(row)
    found = []
    for dataset_id, rows in versions.items():
        refs = {
            row.image_uid: ImageRef(row.image_uid, "", "", str(Path(row.root) / row.path), row.pixel_sha256)
            for row in rows
        }
        hashes = sorted((row.image_uid, row.perceptual_hash) for row in rows if row.perceptual_hash)
        pairs = near_duplicates.propose(hashes, {row.image_uid: row.split for row in rows})
        for link in near_duplicates.links(pairs, lambda uid, refs=refs: load_pixels(refs[uid])):
            if link.confirmed:
                found.append(f"leak: {dataset_id}: {link.image_a} and {link.image_b} show the same in two splits")
    return found


def _false_members(connection: Connection) -> list[str]:
    """Members whose label or exclusion is not what the version says that it was frozen with."""
    labels: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
    for row in _rows(connection, "SELECT study_id, label_version, label FROM label ORDER BY label_version"):
        labels[row.study_id].append((row.label_version, row.label))
    excluded = _rows(connection, "SELECT image_id, study_id, patient_id, undone, entry FROM exclusion ORDER BY id")
    found = []
    for row in _rows(connection, MEMBERS):
        said = [label for version, label in labels[row.study_id] if version <= row.label_version]
        if (said[-1] if said else None) != row.label:
            found.append(f"label: {row.dataset_id}: {row.image_uid} has {row.label}, label version has {said[-1:]}")
        for kind in ("image_id", "study_id", "patient_id"):
            before = [one for one in excluded if getattr(one, kind) == getattr(row, kind) and one.entry < row.entry]
            if before and not before[-1].undone and row.included:
                found.append(f"exclusion: {row.dataset_id}: {row.image_uid} was left out before and is included")
    return found


def _wrong_counts(connection: Connection) -> list[str]:
    found = []
    ingests = _rows(
        connection,
        "SELECT r.ingest_run_id, e.n_new, (SELECT count(*) FROM (SELECT DISTINCT i.study_id, i.path FROM image i "
        "WHERE i.ingest_run_id = r.id) x) AS stored FROM ingest_run r JOIN ingest_event e ON e.id = "
        "(SELECT max(x.id) FROM ingest_event x WHERE x.ingest_run_id = r.id)",
    )
    for row in ingests:
        if row.n_new is not None and row.n_new > row.stored:
            found.append(f"count: {row.ingest_run_id} says {row.n_new} new, {row.stored} files are stored")
        if row.n_new is not None and row.n_new == 0 and row.stored:
            found.append(f"count: {row.ingest_run_id} says that nothing was new, {row.stored} files are stored")
    versions = _rows(
        connection,
        "SELECT d.dataset_id, d.n_images, (SELECT count(*) FROM dataset_member m WHERE m.dataset_version_id = d.id "
        "AND m.included = 1) AS stored FROM dataset_version d",
    )
    found += [
        f"count: {row.dataset_id}: {row.n_images} != {row.stored}" for row in versions if row.n_images != row.stored
    ]
    return found


def _two_ends(connection: Connection) -> list[str]:
    ends: dict[str, list[str]] = defaultdict(list)
    for name, run in (("training", "training_run"), ("evaluation", "evaluation"), ("ingest", "ingest_run")):
        sql = f"SELECT r.{run}_id AS run, e.status FROM {name}_event e JOIN {run} r ON r.id = e.{run}_id ORDER BY e.id"
        for row in _rows(connection, sql):
            ends[row.run].append(row.status)
    found = []
    for run, statuses in ends.items():
        for earlier, later in pairwise(statuses):
            if earlier == "finished" or (earlier == "failed" and later == "finished"):
                found.append(f"ends: {run}: {', '.join(statuses)}")
                break
    return found
