"""The difference of two models' average precisions on the same patients: limits that follow their skewed spread.

MOVER, the method of variance estimates recovery for dependent estimates (Zou 2007, Psychological Methods 12:399; Zou &
Donner 2008, Statistics in Medicine 27:1693): each model gets limits of its own on the logit scale, with the standard
deviation over resamples of patients, and the difference is as far from its limits as these allow. Student's t about the
difference itself covers 0.87 to 0.95 at 60 patients, these 0.93 to 0.97 (docs/evidence.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from wrist_model.statistics.score_intervals import pr_auc_interval

Floats = NDArray[np.float64]
EDGE = 1e-6
"""Average precisions nearer to 0 or 1 are taken for so near on the logit scale."""
SMALLEST_P = 1e-9


@dataclass(frozen=True)
class Pair:
    """values: the average precisions of both models, (2,); drawn: of resamples of patients, (2, draws), none NaN.
    positives: effective number of positive patients; fewest: patients of the smaller class."""

    values: Floats
    drawn: Floats
    positives: float
    fewest: int

    @cached_property
    def correlation(self) -> float:
        """Of both models' average precisions over the resamples; 0 where one doesn't vary."""
        vary = bool((np.ptp(self.drawn, axis=1) > 0).all())
        return float(stats.pearsonr(*self.drawn).statistic) if vary else 0.0

    @cached_property
    def spreads(self) -> tuple[float, float]:
        """Each model's standard deviation over the resamples, on the logit scale."""
        one, other = special.logit(np.clip(self.drawn, EDGE, 1 - EDGE)).std(axis=1, ddof=1).tolist()
        return one, other


def limits(pair: Pair, alpha: float) -> tuple[float, float]:
    """Limits of values[0] − values[1], each with one-sided error alpha in (0, 0.5)."""
    (low_a, high_a), (low_b, high_b) = (_single(pair, one, alpha) for one in (0, 1))
    a, b = pair.values.tolist()
    r = pair.correlation

    def far(x: float, y: float) -> float:
        return float(np.sqrt(max(0.0, x * x + y * y - 2 * r * x * y)))

    return a - b - far(a - low_a, high_b - b), a - b + far(high_a - a, b - low_b)


def p_value(pair: Pair) -> float:
    """Two-sided: the error at which a limit lies at 0."""
    side = 0 if pair.values[0] >= pair.values[1] else 1

    def limit(alpha: float) -> float:
        return limits(pair, alpha)[side]

    least, most = SMALLEST_P / 2, 0.5 - 1e-9
    if limit(least) * limit(most) > 0:  # 0 lies outside the widest limits, or inside the narrowest
        return SMALLEST_P if (limit(least) > 0) == (side == 0) else 1.0
    return min(1.0, 2 * float(optimize.brentq(limit, least, most)))


def _single(pair: Pair, one: int, alpha: float) -> tuple[float, float]:
    value = float(pair.values[one])
    if not EDGE < value < 1 - EDGE:  # no resample shows what a sample without an error could have missed
        return pr_auc_interval(value, pair.positives, alpha)
    half = float(stats.t.isf(alpha, max(1, pair.fewest - 1))) * pair.spreads[one]
    centre = float(special.logit(value))
    return float(special.expit(centre - half)), float(special.expit(centre + half))
