"""Intervals that stay sound at the edges: PR AUC near 1, Brier score and log loss where every study is judged well.

A bootstrap can only show what is in the sample. Where errors are rare it draws none, and its interval is too narrow
or has no width. These take the width from counts, or from the probabilities themselves as well as from the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from wrist_model.statistics.confidence_intervals import wilson

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


def pr_auc_interval(value: float, positives: float, alpha: float = 0.025) -> tuple[float, float]:
    """Limits of the average precision, each with one-sided error alpha; positives: effective number of patients.

    On the logit scale with the variance of a share of the positives (Boyd, Eng & Page 2013, ECML PKDD, 451–466);
    Student's t with the positives less one; Wilson's at 0 and 1. value in [0, 1], positives > 0. Needs no resample and
    covers too often rather than too seldom.
    """
    if value <= 1e-12 or value >= 1 - 1e-12:
        return wilson(round(value), positives, 1 - 2 * alpha)
    half = float(stats.t.isf(alpha, max(1.0, positives - 1))) / np.sqrt(positives * value * (1 - value))
    centre = special.logit(value)
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def loss_interval(
    metric: Literal["brier", "log_loss"],
    labels: ArrayLike,
    probabilities: ArrayLike,
    patients: Sequence[Any] | NDArray[Any],
    alpha: float = 0.025,
) -> tuple[float, float]:
    """Limits of a mean loss, each with one-sided error alpha: Student's t over patients on the logarithmic scale.

    labels: 0 or 1, (n,); probabilities: (n,) in [0, 1]; patients: n keys, two or more. The variance is the larger of
    the sample's and of the one that the probabilities foretell: rare bad errors are in the second before they are seen.
    """
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    if metric == "brier":
        if_positive, if_negative = (1 - p) ** 2, p**2
    else:
        clipped = np.clip(p, EPS, 1 - EPS)
        if_positive, if_negative = -np.log(clipped), -np.log1p(-clipped)
    loss = np.where(y == 1, if_positive, if_negative)
    foretold = p * if_positive + (1 - p) * if_negative
    value, n, k = float(loss.mean()), len(loss), int(codes.max()) + 1
    t = float(stats.t.isf(alpha, max(1, k - 1)))
    spread = []
    for each, more in ((loss, 0.0), (foretold, float(np.sum(p * (1 - p) * (if_positive - if_negative) ** 2)))):
        sums = np.bincount(codes, weights=each - each.mean())
        spread.append((k / max(k - 1, 1) * float(np.sum(sums**2)) + more) / n**2)
    if value <= 0:
        return 0.0, float(t * np.sqrt(max(spread)))
    half = min(700.0, t * float(np.sqrt(max(spread))) / value)
    high = value * float(np.exp(half))
    return value * float(np.exp(-half)), min(1.0, high) if metric == "brier" else high
