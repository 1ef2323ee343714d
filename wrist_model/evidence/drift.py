"""Drift: do new studies look like those that the champion learnt from? One two-sample test a feature, corrected.

Numbers: Kolmogorov–Smirnov. Words: chi-squared, rare ones pooled. Corrected for many features by Holm (1979), so that
the chance of any false alarm over the whole family stays at or under the rate. Beside it the population stability
index, which says how large a shift is where the test says only that there is one. The unit is the study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wrist_model.recipe import DriftRecipe

Numbers = NDArray[np.float64]
BINS = 10
FEWEST_EXPECTED = 5.0
FEWEST_VALUES = 8
PERCENTILES = {"darkest": 1.0, "dark tenth": 10.0, "median": 50.0, "bright tenth": 90.0, "brightest": 99.0}
"""How bright a radiograph is differs far more between patients than its two ends do, which the window sets: a change of
exposure or window shows at the ends first."""
LEAST_PSI = 0.1
"""A shift that is sure but smaller than this raises no alarm: with thousands of studies every trifle is sure."""


@dataclass(frozen=True)
class Check:
    """One feature. statistic: KS distance or chi-squared; psi: 0.1 is small, 0.25 large; alert: sure and not small."""

    feature: str
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    psi: float | None
    alert: bool
    n_reference: int
    n_current: int


def intensities(pixels: NDArray[np.uint8]) -> tuple[float, ...]:
    """A radiograph's histogram in five numbers: the PERCENTILES of its pixels, uint8 (height, width)."""
    return tuple(float(value) for value in np.percentile(pixels, tuple(PERCENTILES.values())))


def check(
    reference: Mapping[str, Sequence[float | str | None]],
    current: Mapping[str, Sequence[float | str | None]],
    recipe: DriftRecipe,
) -> tuple[Check, ...]:
    """Compare features that both sides have; each side maps a feature's name to one value a study, None where unknown.

    A feature with fewer than 8 known values on a side, or with one value only, is reported without a test.
    """
    found = [_one(name, reference[name], current[name]) for name in reference if name in current]
    adjusted = holm([one.p_value for one in found])
    return tuple(
        Check(
            one.feature,
            one.statistic,
            one.p_value,
            p,
            one.psi,
            p is not None and p <= recipe.false_alarm_rate and (one.psi or 0.0) >= LEAST_PSI,
            one.n_reference,
            one.n_current,
        )
        for one, p in zip(found, adjusted, strict=True)
    )


def _one(name: str, reference: Sequence[float | str | None], current: Sequence[float | str | None]) -> Check:
    a = [value for value in reference if value is not None]
    b = [value for value in current if value is not None]
    if min(len(a), len(b)) < FEWEST_VALUES or len({*a, *b}) < 2:
        return Check(name, None, None, None, None, False, len(a), len(b))
    if any(isinstance(value, str) for value in (*a, *b)):
        words = _counts([str(value) for value in a], [str(value) for value in b])
        if words.shape[1] < 2:
            return Check(name, None, None, None, None, False, len(a), len(b))
        test = stats.chi2_contingency(words, correction=False)
        return Check(name, float(test.statistic), float(test.pvalue), None, psi(*words), False, len(a), len(b))
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    test = stats.ks_2samp(x, y, method="asymp")
    return Check(name, float(test.statistic), float(test.pvalue), None, psi(*_binned(x, y)), False, len(a), len(b))


def _counts(a: Sequence[str], b: Sequence[str]) -> Numbers:
    """Counts a word, (2, words); words too rare for chi-squared are pooled."""
    words = sorted({*a, *b})
    table = np.array([[side.count(word) for word in words] for side in (a, b)], dtype=np.float64)
    expected = table.sum(0) * min(len(a), len(b)) / table.sum()
    rare = expected < FEWEST_EXPECTED
    if rare.sum() > 0:
        pooled = table[:, rare].sum(1, keepdims=True)
        table = np.hstack([table[:, ~rare], pooled])
        if pooled.sum() * min(len(a), len(b)) / (len(a) + len(b)) < FEWEST_EXPECTED and table.shape[1] > 1:
            table = np.hstack([table[:, 1:-1], table[:, :1] + table[:, -1:]])
    return table


def _binned(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
    edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    return tuple(  # type: ignore[return-value]
        np.bincount(np.searchsorted(edges, side, side="right"), minlength=bins).astype(np.float64) for side in (x, y)
    )


def psi(reference: Numbers, current: Numbers) -> float:
    """The population stability index of two rows of counts; empty cells are given half a count."""
    p = np.maximum(reference, 0.5) / np.maximum(reference, 0.5).sum()
    q = np.maximum(current, 0.5) / np.maximum(current, 0.5).sum()
    return float(((q - p) * np.log(q / p)).sum())


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values; None stays None and does not count."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return adjusted
