"""Operating points: thresholds fixed on validation, and decisions made with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from wrist_model.errors import DataError
from wrist_model.recipe import EvaluationRecipe
from wrist_model.records import ImagePrediction, Level, OperatingPoint, StudyPrediction
from wrist_model.scoring import calibration, tolerance_point
from wrist_model.scoring.serving_point import locked_serving_point
from wrist_model.scoring.study_aggregation import by_study
from wrist_model.statistics.metrics import refuse_hard_labels

Row = TypeVar("Row", ImagePrediction, StudyPrediction)
ASSURED = "sensitivity_assured"


def lock(validation: Sequence[ImagePrediction], recipe: EvaluationRecipe) -> tuple[OperatingPoint, ...]:
    """Calibration and thresholds of both levels, from validation rows alone; one point a level serves.

    youden: the threshold of the largest sensitivity + specificity − 1 (Youden 1950), in the middle between the two
    neighbouring probabilities. sensitivity: the highest threshold with sensitivity >= recipe.sensitivity_target on
    these rows; by the second rules midway to the next lower probability. sensitivity_assured, by the second rules and
    where validation has enough positive patients: new patients' sensitivity reaches it with 95% confidence.
    Raises DataError for rows of another split, one class only, NaN or hard labels.
    """
    if other := sorted({str(row.split) for row in validation} - {"validation"}):
        raise DataError(f"Operating points are fixed on validation alone; these rows are of split {', '.join(other)}.")
    labelled = [row for row in validation if row.label is not None]
    levels: tuple[tuple[Level, Sequence[ImagePrediction | StudyPrediction]], ...] = (
        ("image", labelled),
        ("study", by_study(labelled)),
    )
    points: list[OperatingPoint] = []
    for level, rows in levels:
        raw = np.array([row.raw_probability for row in rows], dtype=np.float64)
        labels = np.array([row.label for row in rows], dtype=np.int64)
        refuse_hard_labels(raw)
        logits, target = [row.logit for row in rows], recipe.sensitivity_target
        fitted = calibration.fit(raw, labels, logits)  # type: ignore[arg-type]
        probabilities = fitted.apply(raw, logits)
        found: list[tuple[str, float | None, float]] = [("youden", None, _youden(probabilities, labels))]
        if recipe.rules == "first":
            found.append(("sensitivity", target, _sensitive(probabilities, labels, target)))
        else:
            found.append(("sensitivity", target, tolerance_point.reaching(probabilities, labels, target)))
            patients = np.array([row.patient_key for row in rows])
            if recipe.serving == ASSURED or tolerance_point.possible(labels, patients, target):
                found.append((ASSURED, target, tolerance_point.tolerated(probabilities, labels, patients, target)))
        for name, wanted, threshold in found:
            serving = name == recipe.serving
            points.append(OperatingPoint(level, name, threshold, wanted, fitted.slope, fitted.intercept, serving))
    return tuple(points)


def _youden(probabilities: np.ndarray, labels: np.ndarray) -> float:
    values = np.unique(probabilities)
    sensitivity = np.array([np.mean(probabilities[labels == 1] >= t) for t in values])
    specificity = np.array([np.mean(probabilities[labels == 0] < t) for t in values])
    best = int(np.argmax(sensitivity + specificity))
    return float(values[best] if best == 0 else (values[best] + values[best - 1]) / 2)


def _sensitive(probabilities: np.ndarray, labels: np.ndarray, target: float) -> float:
    positives = np.sort(probabilities[labels == 1])[::-1]
    needed = int(np.ceil(target * len(positives) - 1e-9))
    return float(positives[max(needed, 1) - 1])


def apply(points: Sequence[OperatingPoint], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with probability, operating_point, threshold and predicted_label at their level's serving point."""
    if not rows:
        return ()
    point = locked_serving_point(points, "image" if isinstance(rows[0], ImagePrediction) else "study")
    fitted = calibration.Calibration(point.slope, point.intercept)
    calibrated = fitted.apply([row.raw_probability for row in rows], [row.logit for row in rows])
    return tuple(
        replace(
            row,
            probability=float(p),
            operating_point=point.name,
            threshold=point.threshold,
            predicted_label=int(p >= point.threshold),
        )
        for row, p in zip(rows, calibrated, strict=True)
    )
