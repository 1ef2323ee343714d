"""Slope and intercept: raw probability → calibrated probability, fitted on validation only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from wrist_model.errors import DataError
from wrist_model.statistics.metrics import Floats, checked_labels, checked_scores

CLIP = 1e-7
"""Raw probabilities are clipped to [CLIP, 1 − CLIP] before their logit: a float32 softmax reaches 0 and 1."""
LEAST_SLOPE = 0.01
"""A slope below this would flatten the scores or turn their order round; the network is then called no better than
chance by a nearly constant probability, not by a silent flip."""


@dataclass(frozen=True)
class Calibration:
    """probability = expit(slope * logit(raw) + intercept). note: what was out of the ordinary in the fit, or None."""

    slope: float
    intercept: float
    note: str | None = None

    def apply(self, raw: Sequence[float] | Floats, logits: Sequence[float | None] | None = None) -> Floats:
        """float64 (n,) in [0, 1] from raw probabilities (n,) in [0, 1], or from their logits where all are known."""
        return special.expit(self.slope * logit(raw, logits) + self.intercept)


def logit(raw: Sequence[float] | Floats, logits: Sequence[float | None] | None) -> Floats:
    """float64 (n,): the given logits where all are known, else those of the clipped probabilities raw (n,)."""
    if logits is not None and len(logits) and None not in logits:
        return np.asarray(logits, dtype=np.float64)
    return special.logit(np.clip(np.asarray(raw, dtype=np.float64), CLIP, 1 - CLIP))


def fit(
    raw: Sequence[float] | Floats, labels: Sequence[int], logits: Sequence[float | None] | None = None
) -> Calibration:
    """Logistic regression of the label on logit(raw), without a penalty (Cox 1958; Platt 1999).

    Where a score separates the classes wholly the likelihood has no maximum, and Platt's targets (n₊+1)/(n₊+2) and
    1/(n₋+2) take the labels' place. Constant scores keep slope 1 and move the intercept to the prevalence.
    logits: of raw, unrounded; used where every row has one. Raises DataError for one class only, NaN or no rows.
    """
    scores = np.asarray(raw, dtype=np.float64)
    y = checked_labels(labels, len(scores))
    checked_scores(scores)
    n_pos, n_neg = int(y.sum()), int((1 - y).sum())
    if not n_pos or not n_neg:
        raise DataError(
            f"Validation holds {n_pos} positive and {n_neg} negative cases: calibration and thresholds need both. "
            "Ingest more studies or give validation a larger share."
        )
    x, targets, notes = logit(scores, logits), y.astype(np.float64), []
    if np.ptp(x) < 1e-9:
        return Calibration(1.0, float(special.logit(n_pos / len(y)) - x[0]), "constant scores: slope kept at 1")
    if x[y == 1].min() >= x[y == 0].max() or x[y == 1].max() <= x[y == 0].min():
        targets = np.where(y == 1, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
        notes.append("the scores separate the classes: fitted to Platt's targets")
    slope, intercept = _newton(x, targets)
    if slope < LEAST_SLOPE:
        notes.append(f"fitted slope {slope:.3g}: held at {LEAST_SLOPE}, the network does not rank validation")
        slope = LEAST_SLOPE
        intercept = float(
            optimize.brentq(lambda b: float(np.sum(special.expit(slope * x + b) - targets)), -50, 50, xtol=1e-12)
        )
    return Calibration(float(slope), float(intercept), "; ".join(notes) or None)


def _newton(x: Floats, targets: Floats) -> tuple[float, float]:
    """Maximum likelihood of targets ~ expit(slope x + intercept); x is standardised for the steps."""
    centre, scale = float(x.mean()), float(x.std())
    z = (x - centre) / scale

    def loss(w: Floats) -> tuple[float, Floats]:
        eta = w[0] * z + w[1]
        residual = special.expit(eta) - targets
        return float(np.sum(np.logaddexp(0, eta) - targets * eta)), np.array([residual @ z, residual.sum()])

    def hessian(w: Floats) -> Floats:
        p = special.expit(w[0] * z + w[1])
        v = p * (1 - p)
        return np.array([[v @ (z * z), v @ z], [v @ z, v.sum()]])

    start = np.array([0.0, special.logit(np.clip(targets.mean(), 1e-6, 1 - 1e-6))])
    found = optimize.minimize(loss, start, jac=True, hess=hessian, method="trust-exact", options={"gtol": 1e-9})
    return float(found.x[0] / scale), float(found.x[1] - found.x[0] * centre / scale)
