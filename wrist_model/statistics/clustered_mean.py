"""The interval of a mean over images by bootstrap over patients, each of whom brings all of their images.

Bias-corrected and accelerated, as for single metrics (`confidence_intervals`); on the boundary Wilson's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wrist_model.statistics.confidence_intervals import (
    ACCELERATED,
    Interval,
    bias_corrected,
    draw,
    effective_n,
    levels,
    wilson,
)
from wrist_model.statistics.interval_rules import FEWEST

Floats = NDArray[np.float64]
TIED = 12
"""Decimals after which a resample that gives the mean itself is equal to it: the bias counts these ties."""


def draw_of(patients: Sequence[str], resamples: int, seed: int) -> Floats:
    """float64 (resamples, patients): how often each patient is drawn, patients in order of their keys."""
    return draw(len(set(patients)), resamples, seed)


def mean_interval(values: Floats, patients: Sequence[str], drawn: Floats, *, share: bool) -> Interval:
    """The 95% interval of the mean of values (n,), whose patients (n,) these are.

    drawn: as `draw_of` gives. share: values lie in [0, 1], so that a mean of 0 or 1 has Wilson's interval. None with
    fewer than FEWEST patients, or where all values are equal and are no boundary.
    """
    keys, codes = np.unique(np.asarray(patients), return_inverse=True)
    sizes, sums = np.bincount(codes).astype(np.float64), np.bincount(codes, weights=values)
    value = round(float(values.mean()), TIED)
    if len(keys) < FEWEST:
        return Interval(None, None, 0, f"no interval with fewer than {FEWEST} patients")
    if share and value in (0.0, 1.0):
        n = effective_n(sizes)
        return Interval(*wilson(value, n), 0, f"on the boundary: Wilson's interval with {n:.1f} effective patients")
    if np.ptp(values) == 0:
        return Interval(None, None, 0, "no interval: all images give the same")
    means = np.round((drawn @ sums) / (drawn @ sizes), TIED)
    without = (sums.sum() - sums) / (sizes.sum() - sizes) if len(keys) <= ACCELERATED else None
    wanted = bias_corrected(levels(len(keys)), value, means, without)
    low, high = (float(limit) for limit in np.quantile(means, wanted))
    return Interval(low, high, len(means))
