"""Is a model calibrated on data that nothing was fitted to? Slope, calibration in the large, observed to expected.

Slope: logistic regression of the label on the logit of the calibrated probability; 1 is right, below 1 the
probabilities are too extreme (Cox 1958, Biometrika 45:562). Calibration in the large: the intercept with the slope
fixed at 1; 0 is right, above 0 the probabilities are too low. Observed to expected: positives over the sum of
probabilities; 1 is right. Van Calster et al. 2019 (BMC Medicine 17:230) asks for these; the expected calibration error
is biased upwards in small sets, so that it needs the value beside it that a calibrated model would show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from wrist_model.errors import DataError
from wrist_model.statistics.metrics import ECE_BINS, Table, checked_labels, checked_scores

Floats = NDArray[np.float64]
HEADLINE = ("calibration_slope", "calibration_in_the_large", "observed_expected")
FEWEST_OF_A_CLASS = 10
"""With fewer patients of either class no interval is given."""
CLIP = 1e-7
"""Probabilities are clipped to [CLIP, 1 − CLIP] before their logit."""


@dataclass(frozen=True)
class Estimate:
    """value is None where it is undefined, low and high where no interval is given; note says why."""

    value: float | None
    low: float | None
    high: float | None
    note: str | None = None


def headline(
    labels: ArrayLike, probabilities: ArrayLike, patients: Sequence[Any] | NDArray[Any], alpha: float = 0.025
) -> dict[str, Estimate]:
    """Name of HEADLINE → its estimate, with limits of one-sided error alpha over patients.

    labels: 0 or 1, (n,); probabilities: calibrated, (n,) in [0, 1]; patients: n keys. Standard errors are the larger
    of the model's and of the sandwich over patients (Liang & Zeger 1986, Biometrika 73:13), with Student's t. Raises
    DataError for no rows, labels beside 0 and 1 and probabilities that are none.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    y = checked_labels(np.asarray(labels), len(p)).astype(np.float64)
    checked_scores(p)
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    counts = [len(np.unique(codes[y == label])) for label in (1, 0)]
    if min(counts) < 1:
        note = "one class only"
        return {name: Estimate(None, None, None, note) for name in HEADLINE}
    few = None
    if min(counts) < FEWEST_OF_A_CLASS:
        few = f"no interval with fewer than {FEWEST_OF_A_CLASS} patients of a class"
    t = float(stats.t.isf(alpha, max(1, min(counts) - 1)))
    x = special.logit(np.clip(p, CLIP, 1 - CLIP))
    found: dict[str, Estimate] = {}
    separated = x[y == 1].min() >= x[y == 0].max() or x[y == 1].max() <= x[y == 0].min()
    if separated or np.ptp(x) < 1e-9:
        why = "the scores separate the classes" if separated else "all probabilities are equal"
        found["calibration_slope"] = Estimate(None, None, None, f"undefined: {why}")
    else:
        weights, error = _logistic(np.stack([np.ones_like(x), (x - x.mean()) / x.std()], axis=1), y, 0 * x, codes)
        found["calibration_slope"] = _limits(weights[1] / x.std(), error[1] / x.std(), t, few)
    weights, error = _logistic(np.ones((len(x), 1)), y, x, codes)
    found["calibration_in_the_large"] = _limits(weights[0], error[0], t, few)
    ratio = float(y.sum() / p.sum())
    residuals = np.bincount(codes, weights=y - ratio * p)
    k = len(residuals)
    spread = np.sqrt(max(k / max(k - 1, 1) * float(np.sum(residuals**2)), float(np.sum(p * (1 - p))))) / y.sum()
    one = _limits(np.log(ratio), float(spread), t, few)
    ends = [None if end is None else float(np.exp(end)) for end in (one.low, one.high)]
    found["observed_expected"] = Estimate(ratio, ends[0], ends[1], few)
    return found


def _limits(value: float, error: float, t: float, few: str | None) -> Estimate:
    if few:
        return Estimate(float(value), None, None, few)
    return Estimate(float(value), float(value - t * error), float(value + t * error))


def _logistic(x: Floats, y: Floats, offset: Floats, codes: NDArray[np.int_]) -> tuple[Floats, Floats]:
    """(coefficients, standard errors), each (columns,), of y ~ expit(x w + offset), by damped Newton steps."""
    w = np.zeros(x.shape[1])

    def loss(weights: Floats) -> float:
        eta = x @ weights + offset
        return float(np.sum(np.logaddexp(0, eta) - y * eta))

    for _ in range(100):
        fitted = special.expit(x @ w + offset)
        information = (x * (fitted * (1 - fitted))[:, None]).T @ x + 1e-12 * np.eye(len(w))
        step, now, size = np.linalg.solve(information, x.T @ (y - fitted)), loss(w), 1.0
        while loss(w + size * step) > now + 1e-12 and size > 1e-6:
            size /= 2
        w = w + size * step
        if float(np.abs(size * step).max()) < 1e-10:
            break
    fitted = special.expit(x @ w + offset)
    inverse = np.linalg.inv((x * (fitted * (1 - fitted))[:, None]).T @ x + 1e-12 * np.eye(len(w)))
    scores = np.stack([np.bincount(codes, weights=column * (y - fitted)) for column in x.T])
    k = scores.shape[1]
    sandwich = k / max(k - 1, 1) * inverse @ (scores @ scores.T) @ inverse
    return w, np.sqrt(np.maximum(np.diag(inverse), np.diag(sandwich)))


def ece_if_calibrated(probabilities: ArrayLike, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """(mean, 95% quantile) of the expected calibration error that a perfectly calibrated model would show.

    probabilities: (n,) in [0, 1]. Labels are drawn from the probabilities themselves, the bins stay as they are
    (consistency resampling: Bröcker & Smith 2007, Weather and Forecasting 22:651); rows count as independent.
    Raises DataError for no rows and probabilities that are none.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    table = Table(np.zeros(len(p), dtype=np.int64), p)
    n, ends = len(p), np.r_[table.starts[1:], len(p)]
    group = np.minimum((ECE_BINS * (table.starts + ends) / 2 / n).astype(np.int64), ECE_BINS - 1)
    of_row = np.repeat(group, ends - table.starts)
    member = np.zeros((n, ECE_BINS))
    member[np.arange(n), of_row] = 1.0
    rng, found = np.random.default_rng(seed), []
    for start in range(0, draws, 200):
        labels = rng.random((min(200, draws - start), n)) < table.scores
        found.append(np.abs((labels - table.scores) @ member).sum(axis=1) / n)
    every = np.concatenate(found)
    return float(every.mean()), float(np.quantile(every, 0.95))


def enough(labels: ArrayLike, patients: Sequence[Any] | NDArray[Any]) -> bool:
    """Whether both classes have the FEWEST_OF_A_CLASS patients that an interval needs: a matter of counts alone."""
    y, keys = np.asarray(labels), np.asarray(patients)
    if len(y) != len(keys):
        raise DataError(f"{len(y)} labels of {len(keys)} patients: they must be one to a row.")
    return min(len(np.unique(keys[y == label])) for label in (0, 1)) >= FEWEST_OF_A_CLASS
