"""Label versions of studies: a correction is a new row, the earlier one stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import among, every, one, row_ids
from db.schema.views import LABEL_NOW
from wrist_model.errors import DataError
from wrist_model.records import Provenance

_LATEST = (
    "SELECT s.study_uid, l.label, l.id AS label_id FROM study s LEFT JOIN label l ON l.study_id = s.id AND "
    "l.label_version = (SELECT max(x.label_version) FROM label x WHERE x.study_id = s.id) WHERE s.study_uid IN :values"
)


def current_version(connection: Connection) -> int:
    """The newest label version; 0 for an empty catalogue."""
    return int(one(connection, "SELECT coalesce(max(version), 0) AS version FROM label_version").version)


def study_labels(engine: Catalogue, study_uids: Iterable[str]) -> dict[str, int | None]:
    """study_uid → its label now (None: unlabelled or withdrawn), of those of these studies that are catalogued."""
    sql = f"SELECT s.study_uid, {LABEL_NOW.format(study='s')} AS label FROM study s WHERE s.study_uid IN :values"
    with reading(engine) as connection:
        return dict(among(connection, sql, study_uids))


def never_labelled(engine: Catalogue, study_uids: Iterable[str]) -> set[str]:
    """Of these, the catalogued studies that no label version has ever labelled; a withdrawn label is one that was."""
    sql = (
        "SELECT s.study_uid FROM study s WHERE s.study_uid IN :values "
        "AND NOT EXISTS (SELECT 1 FROM label l WHERE l.study_id = s.id)"
    )
    with reading(engine) as connection:
        return {row.study_uid for row in among(connection, sql, study_uids)}


def only_labels(engine: Catalogue, study_uids: Iterable[str]) -> dict[str, int]:
    """study_uid → its label, of those of these studies that were labelled once and never corrected."""
    sql = (
        "SELECT s.study_uid, max(l.label) AS label FROM study s JOIN label l ON l.study_id = s.id "
        "WHERE s.study_uid IN :values GROUP BY s.study_uid HAVING count(*) = 1 AND max(l.label) IS NOT NULL"
    )
    with reading(engine) as connection:
        return dict(among(connection, sql, study_uids))


def studies_by_label(engine: Catalogue) -> dict[int | None, int]:
    """Label now (None: unlabelled) → how many catalogued studies."""
    sql = f"SELECT label, count(*) FROM (SELECT {LABEL_NOW.format(study='s')} AS label FROM study s) s GROUP BY label"
    with reading(engine) as connection:
        return {row[0]: int(row[1]) for row in every(connection, sql)}


def relabel(engine: Catalogue, labels: Mapping[str, int | None], note: str, by: Provenance) -> int:
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
