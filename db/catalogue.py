"""What was ingested: patients, studies, images, refused files. Each function is one transaction, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Engine, text

from db.chain import append
from db.engine import reading, writing
from db.rows import among, environment, every, new_id, one, row_id, row_ids
from wrist_model.errors import CatalogueError, DataError
from wrist_model.records import ImageRecord, IngestCounts, LineageFacts, Provenance, QuarantinedFile, Split

Outcome = Literal["new", "unchanged", "changed", "taken"]
_AS_THEY_ARE = (
    *("image_uid", "path", "format", "frame", "file_sha256", "file_size", "pixel_sha256", "rows", "columns"),
    *("photometric", "view", "sex", "age", "manufacturer_key", "perceptual_hash", "mean_intensity"),
)
_FLAGS = ("inverted", "multi_view", "hardware", "burned_in")


@dataclass(frozen=True)
class KnownFile:
    """What a file below a root looked like when it was last read. reason_code: why it was refused, else None."""

    size: int | None
    mtime_ns: int | None
    file_sha256: str | None
    reason_code: str | None


@dataclass(frozen=True)
class NearDuplicate:
    image_a: str
    image_b: str
    distance: float | None
    correlation: float | None
    confirmed: bool


def remember_key(engine: Engine, fingerprint: str, by: Provenance) -> None:
    """Bind the catalogue to its identity key. Raises CatalogueError when it was made with another."""
    if _fact(engine, "identity_key_fingerprint", fingerprint, by) != fingerprint:
        raise CatalogueError(
            "This catalogue was made with another identity.key: its pseudonyms would not match. "
            "Put the key it was made with into WRIST_HOME, or use another WRIST_HOME."
        )


def remember_split_rule(engine: Engine, rule: Mapping[str, float | int], by: Provenance) -> None:
    """Bind the catalogue to its split rule. Raises CatalogueError when it was begun with another."""
    wanted = json.dumps(dict(rule), sort_keys=True)
    if (stored := _fact(engine, "split_rule", wanted, by)) != wanted:
        raise CatalogueError(
            f"This catalogue splits its patients by {stored}; the recipe says {wanted}. A patient never moves: "
            "use a recipe with the catalogue's split, or another WRIST_HOME."
        )


def _fact(engine: Engine, name: str, value: str, by: Provenance) -> str:
    with reading(engine) as connection:
        found = one(connection, "SELECT value FROM fact WHERE name = :name", name=name)
    if found:
        return str(found.value)
    with writing(engine) as connection:
        found = one(connection, "SELECT value FROM fact WHERE name = :name", name=name)
        if found is None:
            append(connection, "fact", [{"name": name, "value": value}], by)
        return str(found.value) if found else value


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


def begin_ingest(engine: Engine, source: str, by: Provenance, facts: LineageFacts | None = None) -> str:
    """Write the start of an ingest; returns its ingest_run_id."""
    with writing(engine) as connection:
        environment_id = environment(connection, facts, by) if facts else None
        row = {"ingest_run_id": new_id("in"), "source": source, "environment_id": environment_id}
        append(connection, "ingest_run", [row], by)
    return str(row["ingest_run_id"])


def finish_ingest(
    engine: Engine,
    ingest_run_id: str,
    counts: IngestCounts,
    seconds: float,
    status: Literal["finished", "failed"] = "finished",
    reason: str | None = None,
    by: Provenance | None = None,
) -> None:
    """Write how an ingest ended."""
    with writing(engine) as connection:
        run, by = _run(connection, ingest_run_id, by)
        numbers = {f"n_{name}": value for name, value in asdict(counts).items()}
        row = {"ingest_run_id": run, "status": status, "reason": reason, "seconds": seconds, **numbers}
        append(connection, "ingest_event", [row], by)


def add_images(
    engine: Engine, ingest_run_id: str, records: Sequence[ImageRecord], by: Provenance | None = None
) -> dict[str, Outcome]:
    """Catalogue images with their patients, studies and first labels; image_uid → outcome. One transaction.

    unchanged: catalogued with the same file hash (a moved data set's new place is kept), or a copy of a DICOM instance
    that its study has. changed: the file under the same root has other content; the row stays. taken: another file
    under another root already has this image_uid. A patient known already keeps its split, a study its label.
    """
    if not records:
        return {}
    with writing(engine) as connection:
        run, by = _run(connection, ingest_run_id, by)
        known = _known_images(connection, [record.image_uid for record in records])
        instances = _known_instances(connection, records)
        outcomes: dict[str, Outcome] = {}
        fresh: list[ImageRecord] = []
        places: list[ImageRecord] = []
        for record in records:
            if record.image_uid in outcomes:
                continue
            stored = known.get(record.image_uid)
            if stored is None and record.format == "dicom":
                first = instances.setdefault((record.study_uid, record.file_sha256, record.frame), record.image_uid)
                if first != record.image_uid:
                    outcomes[record.image_uid] = "unchanged"
                    places.append(replace(record, image_uid=first))
                    continue
            if stored is None:
                outcomes[record.image_uid] = "new"
                fresh.append(record)
            elif stored[0] == record.file_sha256:
                outcomes[record.image_uid] = "unchanged"
            else:
                outcomes[record.image_uid] = "changed" if stored[1] == record.root else "taken"
            if outcomes[record.image_uid] in ("new", "unchanged"):
                places.append(record)
        studies = _add_studies(connection, records, outcomes, by)
        if fresh:
            append(connection, "image", [_image_row(record, run, *studies[record.study_uid]) for record in fresh], by)
        _place(connection, places)
    return outcomes


def add_quarantined(
    engine: Engine, ingest_run_id: str, files: Sequence[QuarantinedFile], by: Provenance | None = None
) -> int:
    """Write refused files; the same root, path, hash and reason again make no second row. Returns new rows."""
    if not files:
        return 0
    with writing(engine) as connection:
        run, by = _run(connection, ingest_run_id, by)
        rows, seen = [], set()
        for file in files:
            key = (file.root, file.path, file.file_sha256, file.reason_code)
            stored = every(
                connection,
                "SELECT file_sha256, reason_code FROM quarantined_file WHERE root = :root AND path = :path",
                root=file.root,
                path=file.path,
            )
            if key in seen or any(key[2:] == tuple(row) for row in stored):
                continue
            seen.add(key)
            row: dict[str, Any] = {"ingest_run_id": run, **asdict(file)}
            del row["file_mtime_ns"]
            rows.append(row)
        if rows:
            append(connection, "quarantined_file", rows, by)
        _remember_files(connection, [(file, file.reason_code) for file in files])
    return len(rows)


def patient_splits(engine: Engine, patient_keys: Iterable[str]) -> dict[str, Split]:
    """Where patients stand that are known already."""
    with reading(engine) as connection:
        sql = "SELECT patient_key, split FROM patient WHERE patient_key IN :values"
        return dict(among(connection, sql, patient_keys))


def add_near_duplicates(engine: Engine, pairs: Sequence[NearDuplicate], by: Provenance) -> int:
    """Write looked-at pairs; a pair that is there already stays as it is. Returns the new ones."""
    with writing(engine) as connection:
        ids = row_ids(connection, "image", "image_uid", [uid for pair in pairs for uid in (pair.image_a, pair.image_b)])
        rows = {}
        for pair in pairs:
            if pair.image_a not in ids or pair.image_b not in ids:
                raise DataError(f"Near duplicates {pair.image_a} and {pair.image_b}: not both are catalogued.")
            low, high = sorted((ids[pair.image_a], ids[pair.image_b]))
            values = {"distance": pair.distance, "correlation": pair.correlation, "confirmed": int(pair.confirmed)}
            rows[low, high] = {"image_a_id": low, "image_b_id": high, **values}
        stored = {tuple(row) for row in every(connection, "SELECT image_a_id, image_b_id FROM near_duplicate")}
        fresh = [row for key, row in sorted(rows.items()) if key not in stored]
        if fresh:
            append(connection, "near_duplicate", fresh, by)
    return len(fresh)


def near_duplicates(engine: Engine, confirmed: bool = True) -> list[tuple[str, str]]:
    """Pairs of image_uids; confirmed ones, or all that were looked at."""
    with reading(engine) as connection:
        rows = every(connection, "SELECT image_a, image_b, confirmed FROM near_duplicates ORDER BY image_a, image_b")
    return [(row.image_a, row.image_b) for row in rows if row.confirmed or not confirmed]


def _run(connection: Connection, ingest_run_id: str, by: Provenance | None) -> tuple[int, Provenance]:
    number = row_id(connection, "ingest_run", "ingest_run_id", ingest_run_id)
    if by is not None:
        return number, by
    start = one(
        connection,
        "SELECT a.actor, a.prefect_flow_run_id FROM ingest_run r JOIN audit_entry a ON a.seq = r.entry "
        "WHERE r.id = :id",
        id=number,
    )
    return number, Provenance(start.actor, start.prefect_flow_run_id)


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


def _add_studies(
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


def _image_row(record: ImageRecord, run: int, study: int, patient: int) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(record, name) for name in _AS_THEY_ARE}
    for name in _FLAGS:
        value = getattr(record, name)
        row[name] = None if value is None else int(value)
    row["decode_steps"] = json.dumps(list(record.decode_steps))
    row["extra"] = json.dumps([list(pair) for pair in record.extra])
    return {**row, "study_id": study, "patient_id": patient, "ingest_run_id": run}


def _place(connection: Connection, records: Sequence[ImageRecord]) -> None:
    """Remember where images lie now."""
    ids = row_ids(connection, "image", "image_uid", [record.image_uid for record in records])
    rows = [(ids[record.image_uid], record.root, record.path) for record in records]
    if rows:
        connection.execute(
            text(
                "INSERT INTO image_location (image_id, root, path) VALUES (:image, :root, :path) "
                "ON CONFLICT (image_id) DO UPDATE SET root = excluded.root, path = excluded.path"
            ),
            [{"image": image, "root": root, "path": path} for image, root, path in rows],
        )
    _remember_files(connection, [(record, None) for record in records])


def _remember_files(connection: Connection, files: Sequence[tuple[ImageRecord | QuarantinedFile, str | None]]) -> None:
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
