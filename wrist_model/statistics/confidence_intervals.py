"""95% intervals by bootstrap over patients: all metrics from the same resamples, and seeded.

A resample draws as many patients as there are, with replacement, and each brings all of its rows (cluster bootstrap,
Davison & Hinkley 1997, ch. 3.8). The limits are bias-corrected and accelerated (BCa: Efron 1987, JASA 82:171), the
acceleration by leaving out one patient at a time, at the levels of Hesterberg's expanded percentile interval (2015,
The American Statistician 69:371), which widens for few patients as Student's t does. PR AUC, which is skewed, takes
Student's t with the bootstrap's spread on the logit scale. ECE is biased upwards, and its resamples twice: it takes the
basic interval, which turns the bias back and so can lie below the value.
How often such intervals hold the truth, by simulation: docs/evidence.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from wrist_model.statistics.metrics import METRICS, Floats, Table

BOUNDARY = {
    "accuracy": ("tp", "fp", "tn", "fn"),
    "sensitivity": ("tp", "fn"),
    "specificity": ("tn", "fp"),
    "ppv": ("tp", "fp"),
    "npv": ("tn", "fn"),
    "f1_positive": ("tp", "fp", "fn"),
    "f1_negative": ("tn", "fp", "fn"),
    "cohen_kappa": ("tp", "fp", "tn", "fn"),
}
"""Metric → the cells of its denominator: whose rows Wilson's interval counts on the boundary."""
ACCELERATED = 1000
"""With more patients the acceleration, of order 1/√n, is left at 0: leaving one out costs the square of n."""
FEWEST = 0.5
"""The share of resamples in which a metric must be defined for its interval to be given."""


@dataclass(frozen=True)
class Interval:
    """low and high are None where there is no interval; note says why, or how many resamples were left out."""

    low: float | None
    high: float | None
    n_resamples: int
    note: str | None = None


def draw(n_patients: int, resamples: int, seed: int) -> Floats:
    """float64 (resamples, patients): how often each patient was drawn; each row sums to n_patients."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((resamples, n_patients))
    step = max(1, 2_000_000 // max(1, n_patients))
    for start in range(0, resamples, step):
        block = counts[start : start + step]
        picks = rng.integers(0, n_patients, size=block.shape)
        picks += n_patients * np.arange(len(block))[:, None]
        block[:] = np.bincount(picks.ravel(), minlength=block.size).reshape(block.shape)
    return counts


def levels(n_patients: int, confidence: float = 0.95) -> tuple[float, float]:
    """The two percentile levels in [0, 1], widened for few patients: Φ(√(n/(n−1)) t_{α/2, n−1})."""
    t = stats.t.ppf((1 - confidence) / 2, n_patients - 1) * np.sqrt(n_patients / (n_patients - 1))
    low = float(stats.norm.cdf(t))
    return low, 1 - low


def intervals(
    table: Table, resamples: int, seed: int, names: Sequence[str] = METRICS, counts: Floats | None = None
) -> dict[str, Interval]:
    """Metric → its 95% interval over patients.

    counts: float64 (resamples, patients) as `draw` gives, to share resamples between tables of the same patients.
    On the boundary (0.00 or 1.00) the interval is Wilson's; with one patient there is none.
    """
    if table.n_patients < 2:
        return {name: Interval(None, None, 0, "one patient: no interval") for name in names}
    counts = draw(table.n_patients, resamples, seed) if counts is None else counts
    drawn = table.values(counts, names)
    points = table.values(np.ones((1, table.n_patients)), names)
    without: dict[str, Floats] = {}
    if table.n_patients <= ACCELERATED:
        without = table.values(1 - np.eye(table.n_patients), [name for name in names if name not in ("pr_auc", "ece")])
    return {name: _interval(name, float(points[name][0]), drawn[name], without.get(name), table) for name in names}


def _interval(name: str, value: float, drawn: Floats, without: Floats | None, table: Table) -> Interval:
    if np.isnan(value):
        return Interval(None, None, 0)
    defined = drawn[~np.isnan(drawn)]
    left_out = len(drawn) - len(defined)
    note = f"{left_out} of {len(drawn)} resamples left out: undefined there, as with one class" if left_out else None
    least = -1.0 if name == "cohen_kappa" else 0.0
    if (value >= 1 - 1e-12 or value <= least + 1e-12) and name not in ("brier", "log_loss", "ece"):
        low, high, n = wilson_on_boundary(name, value, table)
        said = f"on the boundary: Wilson's interval with {n:.1f} effective patients"
        return Interval(low, high, len(defined), f"{said}; {note}" if note else said)
    if len(defined) < FEWEST * len(drawn):
        return Interval(None, None, len(defined), f"no interval: {note}")
    if name == "pr_auc":
        low, high = _logit_t(value, defined, table.n_patients)
    else:
        wanted = levels(table.n_patients)
        if name != "ece":
            wanted = bias_corrected(wanted, value, defined, without)
        low, high = (float(limit) for limit in np.quantile(defined, wanted))
        if name == "ece":
            low, high = max(0.0, 2 * value - high), max(0.0, 2 * value - low)
    return Interval(low, high, len(defined), note)


def bias_corrected(
    wanted: tuple[float, float], value: float, drawn: Floats, without: Floats | None
) -> tuple[float, float]:
    """BCa's percentile levels (Efron 1987). without: the metric with each patient left out in turn."""
    below = (np.sum(drawn < value) + 0.5 * np.sum(drawn == value)) / len(drawn)
    bias = stats.norm.ppf(np.clip(below, 1e-3, 1 - 1e-3))
    acceleration = 0.0
    if without is not None:
        left = without[~np.isnan(without)]
        gaps = left.mean() - left if len(left) else np.zeros(1)
        if spread := float(np.sum(gaps**2)):
            acceleration = float(np.sum(gaps**3)) / (6 * spread**1.5)
    reach = stats.norm.ppf(wanted[0])  # the upper level rounds to 1 with two or three patients, and its quantile to ∞
    shifted = bias + np.array([reach, -reach])
    scale = 1 - acceleration * shifted
    if (scale <= 0).any():
        return wanted
    low, high = stats.norm.cdf(bias + shifted / scale)
    return float(low), float(high)


def _logit_t(value: float, drawn: Floats, n_patients: int) -> tuple[float, float]:
    """Student's t interval of a share, with the bootstrap's standard deviation, on the logit scale."""
    spread = float(np.std(special.logit(np.clip(drawn, 0.002, 0.998))))
    half = -float(stats.norm.ppf(levels(n_patients)[0])) * spread
    centre = special.logit(value)
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def effective_n(sizes: NDArray[Any]) -> float:
    """Kish's effective number of clusters, (Σ m)² / Σ m²: what n rows are worth when rows of one patient agree
    wholly. On the boundary the agreement can't be estimated, so the cautious end is taken."""
    total = float(np.sum(sizes))
    return total**2 / float(np.sum(np.square(sizes))) if total > 0 else 0.0


def wilson(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share in [0, 1] with n (not necessarily whole) observations."""
    z = stats.norm.ppf(0.5 + confidence / 2)
    centre, spread = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = (centre - spread) / (1 + z**2 / n), (centre + spread) / (1 + z**2 / n)
    return max(0.0, float(low)), min(1.0, float(high))


def wilson_on_boundary(name: str, value: float, table: Table) -> tuple[float, float, float]:
    """(low, high, effective n) for a metric at 0 or 1.

    Areas under a curve take the smaller class's effective number of patients, kappa maps accuracy's limits through
    its own formula with the chance agreement observed.
    """
    share = round(min(1.0, max(0.0, value)))
    if name in BOUNDARY:
        n = effective_n(sum(table.per_patient(cell) for cell in BOUNDARY[name]))  # type: ignore[arg-type]
    else:
        size = len(table.keys)
        n = min(effective_n(np.bincount(table.codes[table.labels == y], minlength=size)) for y in (0, 1))
    if n <= 0:
        return float(share), float(share), 0.0
    low, high = wilson(share, n)
    if name == "cohen_kappa":
        if value < 0:
            return -1.0, 0.0, n
        cells = table.confusion()
        rows = cells.tp + cells.fp + cells.tn + cells.fn
        chance = (
            (cells.tp + cells.fp) * (cells.tp + cells.fn) + (cells.tn + cells.fn) * (cells.tn + cells.fp)
        ) / rows**2
        low = (low - chance) / (1 - chance)
    return (low, 1.0, n) if share == 1 else (0.0, high, n)
