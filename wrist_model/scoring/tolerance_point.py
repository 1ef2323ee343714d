"""Thresholds that are fixed on validation and meant for patients to come.

A threshold that reaches a sensitivity on validation reaches less on new patients about half the time. One with a
tolerance bound (Wilks 1941, Annals of Mathematical Statistics 12:91) reaches it with a stated confidence, at the cost
of specificity. Every threshold lies midway between two scores, so that no study's last digit decides on which side it
falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from wrist_model.errors import DataError
from wrist_model.statistics.confidence_intervals import effective_n

CONFIDENCE = 0.95


def midway(scores: ArrayLike, value: float) -> float:
    """The middle between value, one of the scores (n,), and the next lower one; half of value where it is the lowest.

    Calling "positive" from there on calls the same of these studies as from value on.
    """
    every = np.asarray(scores, dtype=np.float64)
    lower = every[every < value]
    return float((value + (lower.max() if len(lower) else 0.0)) / 2)


def reaching(scores: ArrayLike, labels: ArrayLike, target: float) -> float:
    """The highest threshold with at least the target sensitivity on these studies, midway between two scores.

    scores: calibrated, (n,) in [0, 1]; labels: 0 or 1, (n,); target in (0, 1]. Raises DataError without positives.
    """
    positives = _positives(scores, labels)
    needed = int(np.ceil(target * len(positives) - 1e-9))
    return midway(scores, float(positives[-max(needed, 1)]))


def tolerated(
    scores: ArrayLike,
    labels: ArrayLike,
    patients: Sequence[Any] | NDArray[Any],
    target: float,
    confidence: float = CONFIDENCE,
) -> float:
    """The highest threshold whose sensitivity on new patients is at least the target, with the stated confidence.

    The k-th lowest positive score is such a threshold where P(Binomial(n, 1 − target) >= k) >= confidence. Studies of
    one patient are taken to agree: k is found for the effective number of patients and scaled up. Raises DataError
    where even the lowest score does not do, and says how many patients would.
    """
    y = np.asarray(labels)
    positives = _positives(scores, labels)
    _, sizes = np.unique(np.asarray(patients)[y == 1], return_counts=True)
    n = effective_n(sizes)
    k = tolerance_rank(int(n), target, confidence)
    if k < 1:
        needed = int(np.ceil(np.log(1 - confidence) / np.log(target)))
        raise DataError(
            f"{n:.0f} positive validation patients can't show a sensitivity of {target:g} with {confidence:.0%} "
            f"confidence: at least {needed} are needed. Ingest more studies, or serve evaluation.serving = "
            '"sensitivity", which reaches the target on validation alone.'
        )
    return midway(scores, float(positives[max(1, int(k * len(positives) / n)) - 1]))


def possible(labels: ArrayLike, patients: Sequence[Any] | NDArray[Any], target: float) -> bool:
    """Whether `tolerated` finds a threshold at all: a matter of how many positive patients there are."""
    _, sizes = np.unique(np.asarray(patients)[np.asarray(labels) == 1], return_counts=True)
    return len(sizes) > 0 and tolerance_rank(int(effective_n(sizes)), target) >= 1


def tolerance_rank(n: int, target: float, confidence: float = CONFIDENCE) -> int:
    """The largest k with P(Binomial(n, 1 − target) >= k) >= confidence; 0 where there is none."""
    chance = stats.binom.sf(np.arange(n + 1) - 1, n, 1 - target)
    return int(np.flatnonzero(chance >= confidence)[-1])


def _positives(scores: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    found = np.sort(np.asarray(scores, dtype=np.float64)[np.asarray(labels) == 1])
    if not len(found):
        raise DataError("No positive study in validation: a sensitivity needs some. Ingest labelled positive studies.")
    return found
