"""Label versions and exclusions: corrections are new rows, the earlier ones stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.lookups import among, every, one, row_ids
from wrist_model.errors import DataError
from wrist_model.records import Provenance

_KINDS = {
    "im": ("image", "image_uid", "SELECT count(*) FROM image WHERE id = :id"),
    "st": ("study", "study_uid", "SELECT count(*) FROM image WHERE study_id = :id"),
    "pt": ("patient", "patient_key", "SELECT count(*) FROM image WHERE patient_id = :id"),
}
_LATEST = (
    "SELECT s.study_uid, l.label, l.id AS label_id FROM study s LEFT JOIN label l ON l.study_id = s.id AND "
    "l.label_version = (SELECT max(x.label_version) FROM label x WHERE x.study_id = s.id) WHERE s.study_uid IN :values"
)


@dataclass(frozen=True)
class Exclusion:
    """What was left out: kind image, study or patient; n_images stand behind it."""

    target: str
    kind: str
    n_images: int


def label_version(engine: Engine) -> int:
    """The newest label version; 0 for an empty catalogue."""
    with reading(engine) as connection:
        return current_version(connection)


def current_version(connection: Connection) -> int:
    return int(one(connection, "SELECT coalesce(max(version), 0) AS version FROM label_version").version)


def study_labels(engine: Engine) -> dict[str, int | None]:
    """study_uid → its label now (None: unlabelled or withdrawn)."""
    with reading(engine) as connection:
        return {row.study_uid: row.label for row in every(connection, "SELECT study_uid, label FROM studies")}


def never_labelled(engine: Engine) -> set[str]:
    """Studies that no label version has ever labelled; a withdrawn label is a label that was."""
    with reading(engine) as connection:
        return {row[0] for row in every(connection, "SELECT study_uid FROM studies WHERE label_version IS NULL")}


def relabel(engine: Engine, labels: Mapping[str, int | None], note: str, by: Provenance) -> int:
    """Make the next label version from corrected studies; returns it, or the current one when nothing differs. Each
    new label points to the one that it corrects.

    Raises DataError for a study that is not catalogued or a label that is not 0, 1 or None; then nothing is written.
    """
    with writing(engine) as connection:
        studies = row_ids(connection, "study", "study_uid", labels)
        for uid, label in labels.items():
            if uid not in studies:
                raise DataError(f"Study {uid} is not in the catalogue. Ingest it first, or take it off the list.")
            if label not in (0, 1, None):
                raise DataError(f"Study {uid}: label {label!r}; expected 0, 1 or nothing.")
        before = {row.study_uid: row for row in among(connection, _LATEST, labels)}
        changed = {uid: label for uid, label in labels.items() if before[uid].label != label}
        version = current_version(connection)
        if not changed:
            return version
        append(connection, "label_version", [{"version": version + 1, "note": note}], by)
        rows = [
            {
                "label_version": version + 1,
                "study_id": studies[uid],
                "label": label,
                "corrects_id": before[uid].label_id,
            }
            for uid, label in changed.items()
        ]
        append(connection, "label", rows, by)
    return version + 1


def exclude(engine: Engine, target: str, reason: str, by: Provenance, undo: bool = False) -> Exclusion:
    """Leave an image, a study or a patient out of later data-set versions, or (undo) take it in again. The row points
    to the one on the same target before it.

    Raises DataError for an unknown id, an empty reason, or an undo of what is not left out.
    """
    kind = _KINDS.get(target.partition("-")[0])
    if kind is None:
        raise DataError(f"{target!r} is no id; expected one that begins with im-, st- or pt-.")
    if not reason.strip():
        raise DataError(f"Leaving out {target} needs a reason: --reason TEXT.")
    table, column, counting = kind
    with writing(engine) as connection:
        found = row_ids(connection, table, column, [target])
        if not found:
            raise DataError(f"No {table} {target} in the catalogue.")
        number = found[target]
        row: dict[str, Any] = {"image_id": None, "study_id": None, "patient_id": None}
        row |= {f"{table}_id": number, "reason": reason.strip(), "undone": int(undo)}
        before = one(
            connection,
            f"SELECT id, undone FROM exclusion WHERE {table}_id = :number ORDER BY id DESC LIMIT 1",
            number=number,
        )
        if undo and (before is None or before.undone):
            raise DataError(f"{target} is not left out: there is nothing to undo.")
        row["corrects_id"] = before.id if before else None
        append(connection, "exclusion", [row], by)
        n_images = int(connection.exec_driver_sql(counting.replace(":id", str(number))).scalar() or 0)
    return Exclusion(target, table, n_images)
