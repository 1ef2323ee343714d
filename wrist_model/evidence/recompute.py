"""Derive every stored metric again from the stored predictions, and say where the two differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from wrist_model.evidence import evaluation_metrics
from wrist_model.evidence.subgroups import Subgroups
from wrist_model.recipe import EvaluationRecipe
from wrist_model.records import ImagePrediction, Metric, OperatingPoint, Split, StudyPrediction
from wrist_model.scoring import operating_points, study_aggregation

TOLERANCE = 1e-9
"""Sums in another order differ by less; a changed row differs by more."""
COMPARED = tuple(field.name for field in fields(Metric) if field.name != "note")


@dataclass(frozen=True)
class Difference:
    """A stored value that does not follow from the stored predictions. where: the metric or the row, in words."""

    where: str
    field: str
    stored: object
    derived: object

    def __str__(self) -> str:
        return f"{self.where}: {self.field} is stored as {self.stored}, the predictions give {self.derived}"


def recompute(
    images: Sequence[ImagePrediction],
    studies: Sequence[StudyPrediction],
    points: Sequence[OperatingPoint],
    metrics: Sequence[Metric],
    recipe: EvaluationRecipe,
    split: Split,
    subgroups: Subgroups,
    *,
    patients_known: bool = True,
) -> tuple[Difference, ...]:
    """Every difference between what is stored of one evaluation's split and what its image rows give.

    Checked from the bottom up: each row's calibrated probability and decision, each study's mean, each metric's
    value, interval, counts and threshold, and that none is missing or surplus. Empty where all is well.
    """
    found: list[Difference] = []
    scored = [_bare(row) for row in images]
    derived_images = operating_points.apply(points, scored)
    derived_studies = operating_points.apply(points, study_aggregation.by_study(scored))
    found += _rows("image", "image_uid", images, derived_images)
    found += _rows("study", "study_uid", studies, derived_studies)
    again = evaluation_metrics.measure(
        derived_images, derived_studies, points, recipe, split, subgroups, patients_known=patients_known
    )
    stored = {_key(metric): metric for metric in metrics if metric.split == split}
    derived = {_key(metric): metric for metric in again}
    found += [Difference(_words(key), "row", "there", "none") for key in stored if key not in derived]
    for key, metric in derived.items():
        if key not in stored:
            found.append(Difference(_words(key), "row", "none", "there"))
            continue
        found += _differences(_words(key), stored[key], metric, COMPARED)
    return tuple(found)


def _bare(row: ImagePrediction) -> ImagePrediction:
    return ImagePrediction(
        row.image_uid, row.study_uid, row.patient_key, row.split, row.label, row.raw_probability, logit=row.logit
    )


def _key(metric: Metric) -> tuple[str, ...]:
    return metric.level, metric.subgroup, metric.operating_point or "", metric.metric


def _words(key: tuple[str, ...]) -> str:
    level, subgroup, point, name = key
    return f"{name} of {subgroup} at {level} level" + (f" ({point})" if point else "")


def _rows(kind: str, uid: str, stored: Sequence[object], derived: Sequence[object]) -> list[Difference]:
    names = (
        "raw_probability",
        "logit",
        "probability",
        "operating_point",
        "threshold",
        "predicted_label",
        "label",
        "patient_key",
    )
    by_uid = {getattr(row, uid): row for row in stored}
    found = [
        Difference(f"{kind} {getattr(row, uid)}", "row", "none", "there")
        for row in derived
        if getattr(row, uid) not in by_uid
    ]
    known = {getattr(row, uid) for row in derived}
    found += [Difference(f"{kind} {one}", "row", "there", "none") for one in by_uid if one not in known]
    for row in derived:
        if getattr(row, uid) in by_uid:
            found += _differences(f"{kind} {getattr(row, uid)}", by_uid[getattr(row, uid)], row, names)
    return found


def _differences(where: str, stored: object, derived: object, names: Sequence[str]) -> list[Difference]:
    found = []
    for name in names:
        old, new = getattr(stored, name), getattr(derived, name)
        near = isinstance(old, float) and isinstance(new, int | float) and abs(old - new) <= TOLERANCE
        if old != new and not near:
            found.append(Difference(where, name, old, new))
    return found
