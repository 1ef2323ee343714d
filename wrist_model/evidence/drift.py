"""Drift of new studies from those that the champion was trained on: one two-sample test a feature, corrected.

Numbers: Kolmogorov–Smirnov. Words: chi-squared, rare ones pooled. Corrected for many features by Holm (1979), so that
the chance of any false alarm over the whole family stays at or under the rate of a look. Looks repeat, on studies that
are mostly the same: the recipe's rate is spent evenly over the looks of a year, so that the chance of any false alarm
in a year is at most the rate however the looks depend on each other, and false alarms are 1/rate years apart at least
on average. Beside it the population stability index, less what chance alone gives it at that size: how large a shift is
where the test says only that there is one. The unit is the study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wrist_model.evidence_records import DriftCheck
from wrist_model.recipe import DriftRecipe

Numbers = NDArray[np.float64]
BINS = 10
FEWEST_EXPECTED = 5.0
FEWEST_VALUES = 8
PERCENTILES = {"darkest": 1.0, "dark tenth": 10.0, "median": 50.0, "bright tenth": 90.0, "brightest": 99.0}
"""Name → percentile. Mean brightness differs far more between patients than the two ends of the histogram, which the
window sets: a change of exposure or window shows at the ends first."""
LEAST_PSI = 0.1
"""A significant shift with a smaller index raises no alarm: with thousands of studies any difference is significant."""


def intensities(pixels: NDArray[np.uint8]) -> tuple[float, ...]:
    """A radiograph's histogram in five numbers: the PERCENTILES of its pixels, uint8 (height, width)."""
    return tuple(float(value) for value in np.percentile(pixels, tuple(PERCENTILES.values())))


def check(
    reference: Mapping[str, Sequence[float | str | None]],
    current: Mapping[str, Sequence[float | str | None]],
    recipe: DriftRecipe,
) -> tuple[DriftCheck, ...]:
    """Compare features that both sides have; each side maps a feature's name to one value a study, None where unknown.

    A feature with fewer than 8 known values on a side, or with one value only, is reported without a test.
    """
    rate = look_rate(recipe)
    found = [_one(name, reference[name], current[name]) for name in reference if name in current]
    adjusted = holm([one.p_value for one in found])
    return tuple(
        replace(
            one,
            p_adjusted=p,
            alert=p is not None and p <= rate and (one.psi or 0.0) >= LEAST_PSI,
        )
        for one, p in zip(found, adjusted, strict=True)
    )


def look_rate(recipe: DriftRecipe) -> float:
    """The chance of a false alarm that one look may have, in (0, 1): a year's rate divided by its looks."""
    return recipe.false_alarm_rate / recipe.looks_a_year


def _one(name: str, reference: Sequence[float | str | None], current: Sequence[float | str | None]) -> DriftCheck:
    a = [value for value in reference if value is not None]
    b = [value for value in current if value is not None]
    if min(len(a), len(b)) < FEWEST_VALUES or len({*a, *b}) < 2:
        return DriftCheck(name, None, None, None, None, False, len(a), len(b))
    if any(isinstance(value, str) for value in (*a, *b)):
        words = _counts([str(value) for value in a], [str(value) for value in b])
        if words.shape[1] < 2:
            return DriftCheck(name, None, None, None, None, False, len(a), len(b))
        test = stats.chi2_contingency(words, correction=False)
        shift = excess_psi(*words)
    else:
        x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        test = stats.ks_2samp(x, y, method="asymp")
        shift = excess_psi(*_binned(x, y))
    return DriftCheck(name, float(test.statistic), float(test.pvalue), None, shift, False, len(a), len(b))


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


def excess_psi(reference: Numbers, current: Numbers) -> float:
    """`psi` less its mean without any drift, (cells − 1)(1/n + 1/m), and not below 0.

    n, m: the two sides' counts. Without drift PSI is that multiple of a chi-squared (Yurdakul & Naranjo 2020, Journal
    of Risk Model Validation 14:89): 0.2 on average for 50 studies, which a fixed bound of 0.1 or 0.25 calls a shift.
    """
    by_chance = (len(reference) - 1) * (1 / reference.sum() + 1 / current.sum())
    return max(0.0, psi(reference, current) - float(by_chance))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values; None stays None and does not count."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return adjusted
