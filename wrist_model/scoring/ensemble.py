"""The ensemble's prediction of an image: the mean over its members, by default of their calibrated logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from wrist_model.errors import DataError
from wrist_model.records import ImagePrediction, OperatingPoint
from wrist_model.scoring import calibration
from wrist_model.scoring.serving_point import locked_serving_point


def ensemble(
    members: Sequence[Sequence[ImagePrediction]], points: Sequence[Sequence[OperatingPoint]] = ()
) -> tuple[ImagePrediction, ...]:
    """The ensemble's raw rows over the same images, in the first member's order; to be calibrated on validation.

    points: each member's own locked points; then the mean is over the members' calibrated logits, so that a sharper
    network does not outweigh a better one. Without them it is over raw probabilities, the rule before 0.2. Raises
    DataError for members scored on other images, or points of another number of members.
    """
    first, *others = members
    if any({row.image_uid for row in rows} != {row.image_uid for row in first} for rows in others):
        raise DataError("The networks of an ensemble were not scored on the same images. Evaluate each again.")
    if points and len(points) != len(members):
        raise DataError(f"{len(points)} sets of operating points for {len(members)} networks: expected one for each.")
    place = {row.image_uid: number for number, row in enumerate(first)}
    rows = [sorted(each, key=lambda row: place[row.image_uid]) for each in members]
    raw = np.array([[row.raw_probability for row in each] for each in rows], dtype=np.float64)
    if not points:
        return tuple(_row(row, float(mean), None) for row, mean in zip(first, raw.mean(axis=0), strict=True))
    logits = np.array(
        [_calibrated(own, locked, scores) for own, locked, scores in zip(rows, points, raw, strict=True)]
    ).mean(axis=0)
    return tuple(_row(row, float(special.expit(one)), float(one)) for row, one in zip(first, logits, strict=True))


def _calibrated(rows: Sequence[ImagePrediction], points: Sequence[OperatingPoint], raw: np.ndarray) -> np.ndarray:
    point = locked_serving_point(points, "image")
    return point.slope * calibration.logit(raw, [row.logit for row in rows]) + point.intercept


def _row(row: ImagePrediction, raw: float, logit: float | None) -> ImagePrediction:
    return ImagePrediction(row.image_uid, row.study_uid, row.patient_key, row.split, row.label, raw, logit=logit)
