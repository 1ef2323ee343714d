"""What drift is looked for in: one row of plain facts a study, of a frozen version and of what came after it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from db.engine import reading
from db.lookups import every


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


def study_facts(engine: Engine, dataset_id: str, model_version_id: str) -> list[StudyFacts]:
    """All studies that are in this version, or first seen after it was frozen, oldest first.

    Scores of the version's studies are those of its own validation and test; of later ones the newest.
    """
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT s.study_uid, count(*) AS n, avg(i.mean_intensity) AS mean, avg(i.rows) AS height, "
            "avg(i.columns) AS width, max(i.inverted) AS inverted, max(i.manufacturer_key) AS scanner, "
            "max(v.label) AS label, max(v.first_seen_at) AS seen, max(m.split) AS split "
            "FROM image i JOIN study s ON s.id = i.study_id JOIN studies v ON v.study_uid = s.study_uid "
            "LEFT JOIN (SELECT DISTINCT study_uid, split FROM dataset_members "
            "WHERE dataset_id = :dataset AND included = 1) m ON m.study_uid = s.study_uid "
            "WHERE m.split IS NOT NULL OR v.first_seen_at > "
            "(SELECT frozen_at FROM dataset_versions WHERE dataset_id = :dataset) "
            "GROUP BY s.study_uid ORDER BY seen, s.study_uid",
            dataset=dataset_id,
        )
        scored = every(
            connection,
            "SELECT study_uid, probability FROM study_predictions WHERE model_version_id = :model "
            "AND (dataset_id = :dataset OR purpose = 'prospective') ORDER BY created_at",
            model=model_version_id,
            dataset=dataset_id,
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
