"""Exclusions: what a person leaves out of later data-set versions, and takes in again; each decision is a new row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import among, one, row_ids
from db.schema.views import EXCLUDED, LABEL_NOW
from wrist_model.errors import DataError
from wrist_model.records import Provenance

_KINDS = {
    "im": ("image", "image_uid", "SELECT count(*) AS n FROM image WHERE id = :id"),
    "st": ("study", "study_uid", "SELECT count(*) AS n FROM image WHERE study_id = :id"),
    "pt": ("patient", "patient_key", "SELECT count(*) AS n FROM image WHERE patient_id = :id"),
}


@dataclass(frozen=True)
class Exclusion:
    """What was left out: kind image, study or patient; n_images stand behind it."""

    target: str
    kind: str
    n_images: int


def exclude(engine: Catalogue, target: str, reason: str, by: Provenance, undo: bool = False) -> Exclusion:
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
        n_images = int(one(connection, counting, id=number).n)
    return Exclusion(target, table, n_images)


def left_out(connection: Connection, image_uid: str) -> str | None:
    """Why an image itself is left out now, or None."""
    sql = f"SELECT {EXCLUDED.format(kind='image', row='i')} AS reason FROM image i WHERE i.image_uid = :uid"
    found = one(connection, sql, uid=image_uid)
    return found.reason if found else None


def leave_out_studies(connection: Connection, reasons: Mapping[int, str], by: Provenance) -> None:
    """Leave studies (by their rows) out because their source doubts their labels; what was decided before stays."""
    decided = {row.study_id for row in among(connection, _DECIDED, reasons)}
    blank = {"image_id": None, "patient_id": None, "undone": 0, "corrects_id": None}
    rows = [{**blank, "study_id": study, "reason": reason} for study, reason in reasons.items() if study not in decided]
    if rows:
        append(connection, "exclusion", rows, by)


_DECIDED = "SELECT study_id FROM exclusion WHERE study_id IN :values"


@dataclass(frozen=True)
class Standing:
    """How a study stands: its label, why it is left out (or None), and whether anybody ever decided that."""

    label: int | None
    reason: str | None
    decided: bool


def standing(engine: Catalogue, study_uids: Iterable[str]) -> dict[str, Standing]:
    """study_uid → how it stands, of those of these that are catalogued."""
    sql = (
        f"SELECT s.study_uid, {LABEL_NOW.format(study='s')}, {EXCLUDED.format(kind='study', row='s')}, "
        "EXISTS (SELECT 1 FROM exclusion e WHERE e.study_id = s.id) FROM study s WHERE s.study_uid IN :values"
    )
    with reading(engine) as connection:
        return {uid: Standing(label, why, bool(once)) for uid, label, why, once in among(connection, sql, study_uids)}
