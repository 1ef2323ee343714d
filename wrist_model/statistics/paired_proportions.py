"""The difference of two paired proportions with a score interval, for patients with one study or several.

Two models judge the same studies. b studies are judged rightly by the first model alone, c by the second alone, of n.
The interval inverts the score test (Tango 1998, Statistics in Medicine 17:891): its variance is taken at the
difference that is tested and not at the one observed, so that it does not shrink to nothing where the models agree.
Studies of one patient count for less: b, c and n are divided by a design effect, the variance of the difference
between patients (Obuchowski 1998, Statistics in Medicine 17:1495) over the variance that independent studies would
have, in the manner of Rao & Scott 1992 (Biometrics 48:577).
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
FEWEST_DISCORDANT_PATIENTS = 10
"""With fewer patients on whom the models disagree their agreement within a patient can't be estimated, and the studies
of one patient are taken to agree wholly."""
STEPS = 50
"""Halvings of the interval in which a limit lies: 2 / 2^50 is below 1e-14."""


@dataclass(frozen=True)
class PairedProportions:
    """difference: first minus second, in [-1, 1]; low, high: its limits; n_effective: what the studies are worth as
    studies of different patients; b, c: studies that the first, the second alone judged rightly."""

    difference: float
    low: float
    high: float
    n_effective: float
    b: int
    c: int


def score_statistic(b: ArrayLike, c: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Floats:
    """Tango's statistic of the hypothesis that the difference is delta; standard normal under it.

    b, c, n: counts >= 0, not necessarily whole, b + c <= n; delta in [-1, 1]. All broadcast to one shape, which the
    result has. 0 where b - c = n delta and nothing varies.
    """
    b, c, n, delta = (np.asarray(value, dtype=np.float64) for value in (b, c, n, delta))
    first = 2 * n
    second = -b - c + (2 * n - b + c) * delta
    third = -c * delta * (1 - delta)
    only_second = (np.sqrt(np.maximum(second**2 - 4 * first * third, 0)) - second) / (2 * first)
    variance = n * (2 * only_second + delta * (1 - delta))
    gap = b - c - n * delta
    with np.errstate(divide="ignore", invalid="ignore"):
        found = gap / np.sqrt(np.maximum(variance, 0))
    return np.where(np.abs(gap) <= 1e-12 * n, 0.0, found)


def score_interval(b: ArrayLike, c: ArrayLike, n: ArrayLike, alpha: float) -> tuple[Floats, Floats]:
    """(low, high) of the difference (b - c) / n, each with one-sided error alpha in (0, 0.5); NaN where n is 0.

    b, c, n as for `score_statistic`; the limits have their common shape. alpha = 0.025 gives a 95% interval.
    """
    b, c, n = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (b, c, n)))
    safe = np.where(n > 0, n, 1.0)
    z = float(stats.norm.isf(alpha))
    centre = (b - c) / safe
    inside, outside = centre.copy(), np.full(centre.shape, -1.0)
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        kept = score_statistic(b, c, safe, middle) <= z
        inside, outside = np.where(kept, middle, inside), np.where(kept, outside, middle)
    low = np.where(n > 0, (inside + outside) / 2, np.nan)
    inside, outside = centre.copy(), np.full(centre.shape, 1.0)
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        kept = score_statistic(b, c, safe, middle) >= -z
        inside, outside = np.where(kept, middle, inside), np.where(kept, outside, middle)
    return low, np.where(n > 0, (inside + outside) / 2, np.nan)


def design_effect(gaps: ArrayLike, patients: Sequence[Any] | NDArray[Any]) -> float:
    """How many studies are worth one study of a patient of its own, >= 1.

    gaps: (n,) of 1, 0, -1, the first model's rightness minus the second's; patients: n keys. The ratio of Obuchowski's
    variance to that of independent studies; with fewer than FEWEST_DISCORDANT_PATIENTS patients on whom the models
    disagree at least the mean of the sizes weighted by themselves (all studies of a patient agree).
    """
    d = np.asarray(gaps, dtype=np.float64)
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    sizes = np.bincount(codes).astype(np.float64)
    n, k = len(d), len(sizes)
    if n == k or k < 2:
        return 1.0 if n == k else float(n)
    sums = np.bincount(codes, weights=d)
    difference = d.mean()
    between = k / (k - 1) * float(np.sum((sums - sizes * difference) ** 2)) / n**2
    independent = (float(np.sum(d**2)) / n - difference**2) / n
    found = between / independent if independent > 0 else 1.0
    if int((np.bincount(codes, weights=np.abs(d)) > 0).sum()) < FEWEST_DISCORDANT_PATIENTS:
        found = max(found, float(np.sum(sizes**2)) / n)
    return max(1.0, found)


def paired_difference(
    first_right: ArrayLike, second_right: ArrayLike, patients: Sequence[Any] | NDArray[Any], alpha: float
) -> PairedProportions:
    """The share that the first model judges rightly minus the second's, with limits of one-sided error alpha.

    first_right, second_right: bool (n,), the same studies in the same order; patients: n keys, one a study.
    Raises DataError for no studies and for unequal lengths.
    """
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if not len(first) or not len(first) == len(second) == len(patients):
        raise DataError(
            f"{len(first)} and {len(second)} judgements of {len(patients)} studies: expected as many of each, and at "
            "least one. Score both models on the same studies."
        )
    gaps = first.astype(np.float64) - second
    effect = design_effect(gaps, patients)
    b, c, n = int((gaps > 0).sum()), int((gaps < 0).sum()), len(first)
    low, high = score_interval(b / effect, c / effect, n / effect, alpha)
    return PairedProportions((b - c) / n, float(low), float(high), n / effect, b, c)
