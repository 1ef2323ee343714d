"""One row of plain facts a study, of a frozen version and of what was catalogued after it: what drift is tested on."""

from __future__ import annotations

from dataclasses import dataclass

from db.engine import Catalogue, reading
from db.hold_outs import internal
from db.lookups import every, row_id
from db.schema.views import LABEL_NOW


@dataclass(frozen=True)
class StudyFacts:
    """split: in the frozen version; None for a study that is not in it. score: the model's calibrated probability."""

    study_uid: str
    n_images: int
    mean_intensity: float | None  # of the uint8 pixels, mean over the images
    rows: float
    columns: float
    inverted: bool
    scanner: str | None  # keyed pseudonym of manufacturer and model
    label: int | None
    split: str | None
    score: float | None


def study_facts(engine: Catalogue, dataset_id: str, model_version_id: str) -> list[StudyFacts]:
    """All studies that are in this version, or first seen after it was frozen, oldest first; none of an external set.

    Scores of the version's studies are those of its own validation and test; of later ones the newest.
    """
    held = "FROM dataset_member m WHERE m.study_id = s.id AND m.dataset_version_id = :version AND m.included = 1"
    with reading(engine) as connection:
        version = row_id(connection, "dataset_version", "dataset_id", dataset_id)
        rows = every(
            connection,
            "SELECT s.study_uid, count(*) AS n, avg(i.mean_intensity) AS mean, avg(i.rows) AS height, "
            "avg(i.columns) AS width, max(i.inverted) AS inverted, max(i.manufacturer_key) AS scanner, "
            f"{LABEL_NOW.format(study='s')} AS label, (SELECT max(m.split) {held}) AS split "
            f"FROM study s JOIN image i ON i.study_id = s.id JOIN patient p ON p.id = s.patient_id AND {internal('p')} "
            f"WHERE EXISTS (SELECT 1 {held}) OR s.entry > (SELECT entry FROM dataset_version WHERE id = :version) "
            "GROUP BY s.id, s.study_uid, s.entry ORDER BY s.entry, s.study_uid",
            version=version,
        )
        scored = every(
            connection,
            "SELECT s.study_uid, p.probability FROM model_version m JOIN evaluation e ON e.model_version_id = m.id "
            "JOIN study_prediction p ON p.evaluation_id = e.id JOIN study s ON s.id = p.study_id "
            "WHERE m.model_version_id = :model AND (e.dataset_version_id = :version OR e.purpose = 'prospective') "
            "ORDER BY p.id",
            model=model_version_id,
            version=version,
        )
    scores = {row.study_uid: row.probability for row in scored}
    return [
        StudyFacts(
            row.study_uid,
            int(row.n),
            None if row.mean is None else float(row.mean),
            float(row.height),
            float(row.width),
            bool(row.inverted),
            row.scanner,
            row.label,
            row.split,
            scores.get(row.study_uid),
        )
        for row in rows
    ]
