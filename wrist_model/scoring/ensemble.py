"""The ensemble's prediction of an image: the mean over its members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wrist_model.errors import DataError
from wrist_model.records import ImagePrediction


def ensemble(members: Sequence[Sequence[ImagePrediction]]) -> tuple[ImagePrediction, ...]:
    """The mean raw probability of several networks over the same images, in the first one's order."""
    first, *others = members
    scores = [{row.image_uid: row.raw_probability for row in rows} for rows in others]
    if any(len(table) != len(first) or any(row.image_uid not in table for row in first) for table in scores):
        raise DataError("The networks of an ensemble were not scored on the same images. Evaluate each again.")
    return tuple(
        ImagePrediction(
            row.image_uid,
            row.study_uid,
            row.patient_key,
            row.split,
            row.label,
            float(np.mean([row.raw_probability, *(table[row.image_uid] for table in scores)])),
        )
        for row in first
    )
