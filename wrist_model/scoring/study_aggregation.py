"""From predictions of images to predictions of studies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from wrist_model.errors import DataError
from wrist_model.records import ImagePrediction, ImageRef, StudyPrediction


def by_study(images: Sequence[ImagePrediction]) -> tuple[StudyPrediction, ...]:
    """One row a study, in the order of study_uid; raw_probability is the mean over its images (arXiv 1712.06957).

    Raises DataError for a NaN score or a study whose images disagree on patient, split or label.
    """
    groups: dict[str, list[ImagePrediction]] = defaultdict(list)
    for image in images:
        if image.raw_probability is None or not 0 <= image.raw_probability <= 1:
            raise DataError(
                f"{image.image_uid} has the score {image.raw_probability}: expected a probability in [0, 1]. "
                "The network diverged or the row is damaged; train or predict again."
            )
        groups[image.study_uid].append(image)
    studies = []
    for study_uid, rows in sorted(groups.items()):
        if len({(row.patient_key, row.split, row.label) for row in rows}) > 1:
            raise DataError(f"{study_uid}: its images disagree on patient, split or label. Freeze the data set again.")
        mean = float(np.mean([row.raw_probability for row in rows]))
        first, logit = rows[0], mean_logit([row.logit for row in rows])
        studies.append(
            StudyPrediction(study_uid, first.patient_key, first.split, first.label, len(rows), mean, logit=logit)
        )
    return tuple(studies)


def mean_logit(logits: Sequence[float | None]) -> float | None:
    """The logit of the mean probability of these logits, exact where probabilities round to 0 or 1; None without."""
    if None in logits:
        return None
    each = np.asarray(logits, dtype=np.float64)
    return float(np.logaddexp.reduce(-np.logaddexp(0, -each)) - np.logaddexp.reduce(-np.logaddexp(0, each)))


def complete(predictions: Sequence[ImagePrediction], expected: Sequence[ImageRef]) -> None:
    """Raises DataError that names what is missing, doubled or unexpected: rows must equal the frozen manifest."""
    seen = [row.image_uid for row in predictions]
    wanted = {ref.image_uid for ref in expected}
    missing = sorted(wanted - set(seen))
    surplus = sorted(set(seen) - wanted)
    if missing:
        raise DataError(
            f"{len(missing)} of {len(wanted)} images have no prediction, {missing[0]} first. Predict again."
        )
    if surplus:
        raise DataError(f"{len(surplus)} predictions are of images outside the frozen version, {surplus[0]} first.")
    if len(seen) != len(set(seen)):
        raise DataError(f"{len(seen) - len(set(seen))} images are predicted twice. Start a new evaluation.")
