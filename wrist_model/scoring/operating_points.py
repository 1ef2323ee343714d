"""Operating points: thresholds fixed on validation, and decisions made with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from wrist_model.errors import DataError
from wrist_model.recipe import EvaluationRecipe
from wrist_model.records import ImagePrediction, Level, OperatingPoint, StudyPrediction
from wrist_model.scoring import calibration
from wrist_model.scoring.study_aggregation import by_study
from wrist_model.statistics.metrics import refuse_hard_labels

Row = TypeVar("Row", ImagePrediction, StudyPrediction)


def lock(validation: Sequence[ImagePrediction], recipe: EvaluationRecipe) -> tuple[OperatingPoint, ...]:
    """Calibration and thresholds of both levels, from validation rows alone; one point a level serves.

    youden: the threshold of the largest sensitivity + specificity − 1 (Youden 1950), in the middle between the two
    neighbouring probabilities. sensitivity: the highest threshold with sensitivity >= recipe.sensitivity_target.
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
        fitted = calibration.fit(raw, labels)  # type: ignore[arg-type]
        probabilities = fitted.apply(raw)
        for name, target, threshold in (
            ("youden", None, _youden(probabilities, labels)),
            ("sensitivity", recipe.sensitivity_target, _sensitive(probabilities, labels, recipe.sensitivity_target)),
        ):
            serving = name == recipe.serving
            points.append(OperatingPoint(level, name, threshold, target, fitted.slope, fitted.intercept, serving))
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


def serving(points: Sequence[OperatingPoint], level: Level) -> OperatingPoint:
    """The level's serving point. Raises DataError when the model version has none locked."""
    for point in points:
        if point.level == level and point.serving:
            return point
    raise DataError(f"No serving operating point at {level} level is locked: evaluate the model on validation first.")


def apply(points: Sequence[OperatingPoint], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with probability, operating_point, threshold and predicted_label at their level's serving point."""
    if not rows:
        return ()
    point = serving(points, "image" if isinstance(rows[0], ImagePrediction) else "study")
    calibrated = calibration.Calibration(point.slope, point.intercept).apply([row.raw_probability for row in rows])
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
