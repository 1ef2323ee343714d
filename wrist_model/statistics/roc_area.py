"""Areas under ROC curves of the same studies: variances and differences, for patients with one study or several.

DeLong, DeLong & Clarke-Pearson 1988 (Biometrics 44:837) give the covariance of areas from each study's placement, the
share of the other class that it is ranked rightly against. Obuchowski 1997 (Biometrics 53:567) adds the placements of
a patient's studies before their covariance is taken; with one study a patient both are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from wrist_model.errors import DataError

Floats = NDArray[np.float64]
FEWEST_OF_A_CLASS = 20
"""With fewer patients of either class DeLong's variance is not used: it rejects equal models too often
(`python -m benchmarks decisions`), and a permutation over patients takes its place."""
STEPS = 50
"""Halvings of the interval in which a limit lies."""


@dataclass(frozen=True)
class Areas:
    """areas: float64 (models,); covariance: float64 (models, models) of the areas over samples of patients;
    positives, negatives: patients with a study of that class."""

    areas: Floats
    covariance: Floats
    positives: int
    negatives: int


def placements(labels: ArrayLike, scores: ArrayLike) -> Floats:
    """float64 (models, n): the share of the other class against which each study stands rightly, ties one half.

    labels: 0 or 1, (n,), both classes; scores: (models, n).
    """
    y, found = np.asarray(labels) == 1, np.empty(np.shape(scores))
    for model, row in enumerate(np.asarray(scores, dtype=np.float64)):
        ranks = stats.rankdata(row)
        own = np.empty(len(row))
        own[y], own[~y] = stats.rankdata(row[y]), stats.rankdata(row[~y])
        found[model] = np.where(y, (ranks - own) / (~y).sum(), 1 - (ranks - own) / y.sum())
    return found


def areas(labels: ArrayLike, scores: ArrayLike, patients: Sequence[Any] | NDArray[Any]) -> Areas:
    """The areas of several models on the same studies, and their covariance between patients.

    labels: 0 or 1, (n,); scores: (models, n), higher for class 1; patients: n keys. Raises DataError for one class.
    """
    y = np.asarray(labels) == 1
    if y.all() or not y.any():
        raise DataError("One class only: an area under the ROC curve needs positive and negative studies.")
    placed = placements(labels, scores)
    area = placed[:, y].mean(axis=1)
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    size, sums = codes.max() + 1, []
    counts = []
    for chosen in (y, ~y):
        counts.append(len(np.unique(codes[chosen])))
        gaps = (placed[:, chosen] - area[:, None]) / chosen.sum()
        sums.append(np.stack([np.bincount(codes[chosen], weights=gap, minlength=size) for gap in gaps]))
    pos, neg = sums
    few_pos, few_neg = (n / max(n - 1, 1) for n in counts)
    both = pos @ neg.T
    return Areas(area, few_pos * pos @ pos.T + few_neg * neg @ neg.T + both + both.T, *counts)


def effective_n(area: ArrayLike, variance: ArrayLike, positives: ArrayLike, negatives: ArrayLike) -> Floats:
    """How many coin tosses an area is worth: area (1 - area) / variance, at most twice the classes' harmonic mean.

    The bound is what keeps an interval's width where all studies, or all but one, are ranked rightly. Arguments
    broadcast; positives and negatives count patients.
    """
    most = 4 / (1 / np.asarray(positives, dtype=np.float64) + 1 / np.asarray(negatives, dtype=np.float64))
    share, spread = np.asarray(area, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    return np.where(spread > 1e-15, np.minimum(most, share * (1 - share) / np.maximum(spread, 1e-15)), most)


def quantile(alpha: float, positives: int, negatives: int) -> float:
    """Student's t for a one-sided error alpha, with the smaller class's patients less one as degrees of freedom."""
    return float(stats.t.isf(alpha, max(1, min(positives, negatives) - 1)))


def area_interval(found: Areas, model: int, alpha: float) -> tuple[float, float]:
    """Limits of one area, each with one-sided error alpha: Wilson's score interval with `effective_n` tosses."""
    n = effective_n(found.areas[model], found.covariance[model, model], found.positives, found.negatives)
    t, area = quantile(alpha, found.positives, found.negatives), float(found.areas[model])
    centre = (area + t**2 / (2 * n)) / (1 + t**2 / n)
    half = t * np.sqrt(area * (1 - area) / n + t**2 / (4 * n**2)) / (1 + t**2 / n)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def difference_interval(found: Areas, alpha: float) -> tuple[float, float, float]:
    """(difference, low, high): the first area minus the second, each limit with one-sided error alpha.

    The score form of DeLong's interval: a difference delta is kept while |difference - delta| <= t s(delta), where
    s(delta) takes the two variances at areas that differ by delta, as Wilson's interval does for a share. DeLong's own
    limits promote a model at a loss of the margin two to ten times as often as stated where areas exceed 0.95.
    """
    variances = np.diag(found.covariance)
    n = effective_n(found.areas, variances, found.positives, found.negatives)
    product = float(np.sqrt(variances[0] * variances[1]))
    correlation = float(found.covariance[0, 1]) / product if product > 1e-15 else 0.0
    most = 1 - 1 / min(found.positives, found.negatives)
    t = quantile(alpha, found.positives, found.negatives)
    low, high = score_limits(found.areas, n, np.clip(correlation, -1.0, most), t)
    return float(found.areas[0] - found.areas[1]), float(low), float(high)


def score_limits(area: Floats, n: Floats, correlation: ArrayLike, t: float) -> tuple[Floats, Floats]:
    """The limits that `difference_interval` gives, for many pairs at once.

    area, n: float64 (2, ...), areas and effective numbers of first and second; correlation: (...) of the two areas.
    """
    gap, r = area[0] - area[1], np.asarray(correlation, dtype=np.float64)

    def kept(delta: Floats) -> NDArray[np.bool_]:
        second = np.clip((area[0] + area[1] - delta) / 2, np.maximum(0, -delta), 1 - np.maximum(0, delta))
        first = np.clip(second + delta, 0, 1)
        a, b = np.sqrt(first * (1 - first) / n[0]), np.sqrt(second * (1 - second) / n[1])
        return np.abs(gap - delta) <= t * np.sqrt(np.maximum(a**2 + b**2 - 2 * r * a * b, 0))

    limits = []
    for end in (-1.0, 1.0):
        inside, outside = gap, np.full(np.shape(gap), end)
        for _ in range(STEPS):
            middle = (inside + outside) / 2
            inside = np.where(kept(middle), middle, inside)
            outside = np.where(inside == middle, outside, middle)
        limits.append((inside + outside) / 2)
    return limits[0], limits[1]


def delong_p(found: Areas) -> float:
    """Two-sided p value of equal areas from the normal distribution (DeLong et al. 1988); 1 where nothing varies."""
    spread = float(np.sqrt(max(0.0, found.covariance[0, 0] + found.covariance[1, 1] - 2 * found.covariance[0, 1])))
    gap = abs(float(found.areas[0] - found.areas[1]))
    return float(2 * stats.norm.sf(gap / spread)) if spread > 0 else 1.0
