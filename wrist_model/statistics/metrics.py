"""The one place that computes each metric.

Everything is computed on rows weighted by patient, many weightings at once: a point estimate is the weighting in
which each patient counts once, a bootstrap resample one in which each counts as often as it was drawn. So the value
and its interval can't come from two formulas.

Definitions (parity with scikit-learn to 1e-12 where it has the metric, held by a test):
- accuracy, sensitivity, specificity, ppv, npv, f1_positive, f1_negative: from the confusion matrix at a threshold;
  positive where probability >= threshold. Undefined (NaN) where the denominator is empty, never a silent 0.
- cohen_kappa: Cohen 1960; undefined where chance agreement is 1.
- roc_auc: the Mann–Whitney form, ties count one half (Hanley & McNeil 1982).
- pr_auc: average precision, Σ (R_k − R_{k−1}) P_k, no interpolation (scikit-learn's `average_precision_score`).
- brier: mean (p − y)², Brier 1950. log_loss: natural logarithm, p clipped to [2.2e-16, 1 − 2.2e-16].
- ece: expected calibration error with 15 equal-mass bins. Rows are sorted by probability, rows of equal probability
  stay together, and a group whose middle lies at mass fraction q is in bin floor(15 q). The result is
  Σ over bins |Σ (y − p)| / n (Naeini et al. 2015, with equal-mass bins as in Nixon et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wrist_model.errors import DataError

Floats = NDArray[np.float64]
AT_THRESHOLD = (
    "accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1_positive",
    "f1_negative",
    "cohen_kappa",
)
FROM_SCORES = ("roc_auc", "pr_auc", "brier", "log_loss", "ece")
METRICS = AT_THRESHOLD + FROM_SCORES
ECE_BINS = 15
UNDEFINED = {
    "accuracy": "no rows",
    "sensitivity": "no positive cases",
    "specificity": "no negative cases",
    "ppv": "nothing was called positive",
    "npv": "nothing was called negative",
    "f1_positive": "no positive cases and nothing was called positive",
    "f1_negative": "no negative cases and nothing was called negative",
    "cohen_kappa": "chance agreement is 1: labels and calls are all of one class",
    "roc_auc": "one class only",
    "pr_auc": "no positive cases",
    "brier": "no rows",
    "log_loss": "no rows",
    "ece": "no rows",
}
"""Why a metric can have no value."""


@dataclass(frozen=True)
class Confusion:
    """Counts at a threshold."""

    tp: int
    fp: int
    tn: int
    fn: int


class Table:
    """Rows prepared once (checked, sorted, coded by patient), to be weighted many times.

    labels: int (n,), 0 or 1. probabilities: float (n,) in [0, 1]. patients: n hashable keys.
    threshold: positive where probability >= threshold; None leaves the metrics at a threshold undefined.
    Raises DataError for no rows, unequal lengths, labels beside 0 and 1, and scores that are NaN or outside [0, 1].
    """

    def __init__(
        self,
        labels: Sequence[int] | NDArray[np.int_],
        probabilities: Sequence[float] | Floats,
        patients: Sequence[str] | NDArray[np.int_] | None = None,
        threshold: float | None = None,
    ) -> None:
        p = np.asarray(probabilities, dtype=np.float64)
        y = checked_labels(labels, len(p))
        checked_scores(p)
        keys = np.arange(len(p)) if patients is None else np.asarray(patients)
        if len(keys) != len(p):
            raise DataError(f"{len(p)} scores but {len(keys)} patients: they must be one to a row.")
        if threshold is not None and not np.isfinite(threshold):
            raise DataError(f"The threshold is {threshold}: expected a number. Lock the operating points again.")
        order = np.argsort(p, kind="stable")
        self.keys, codes = np.unique(keys, return_inverse=True)
        self.labels, self.scores, self.codes = y[order], p[order], codes[order]
        self.threshold = threshold
        self.starts = np.flatnonzero(np.r_[True, np.diff(self.scores) > 0])
        called = self.scores >= (np.inf if threshold is None else threshold)
        pos, neg = self.labels == 1, self.labels == 0
        clipped = np.clip(self.scores, np.finfo(float).eps, 1 - np.finfo(float).eps)
        additive = np.stack(
            [
                pos & called,
                neg & called,
                neg & ~called,
                pos & ~called,
                (self.scores - self.labels) ** 2,
                -np.where(pos, np.log(clipped), np.log1p(-clipped)),
            ],
            axis=1,
        ).astype(np.float64)
        self.sums = np.zeros((len(self.keys), additive.shape[1]))
        np.add.at(self.sums, self.codes, additive)

    @property
    def n_patients(self) -> int:
        return len(self.keys)

    def per_patient(self, cell: str) -> Floats:
        """float (patients,): how many rows each patient has in tp, fp, tn or fn."""
        return self.sums[:, ("tp", "fp", "tn", "fn").index(cell)]

    def confusion(self) -> Confusion:
        return Confusion(*(round(value) for value in self.sums[:, :4].sum(axis=0)))

    def value(self, metric: str) -> float | None:
        """The point estimate of one metric, or None where it is undefined."""
        found = float(self.values(np.ones((1, self.n_patients)), (metric,))[metric][0])
        return None if np.isnan(found) else found

    def values(self, counts: Floats, names: Sequence[str] = METRICS) -> dict[str, Floats]:
        """Metric → float64 (resamples,), NaN where undefined.

        counts: float64 (resamples, patients), how often each patient counts; ones give the plain metric.
        """
        totals = counts @ self.sums
        mass = totals[:, :4].sum(axis=1)
        found: dict[str, Floats] = {}
        if self.threshold is not None:
            found.update(_at_threshold(*totals[:, :4].T))
        with np.errstate(divide="ignore", invalid="ignore"):
            found["brier"], found["log_loss"] = totals[:, 4] / mass, totals[:, 5] / mass
        wanted = [name for name in ("roc_auc", "pr_auc", "ece") if name in names]
        if wanted:
            # A quarter of a million weights at a time stay in the cache.
            step = max(1, 250_000 // max(1, len(self.scores)))
            parts = [self._ranked(counts[start : start + step], wanted) for start in range(0, len(counts), step)]
            found.update({name: np.concatenate([part[name] for part in parts]) for name in wanted})
        empty = np.full(len(counts), np.nan)
        return {name: found.get(name, empty) for name in names}

    def _ranked(self, counts: Floats, wanted: Sequence[str]) -> dict[str, Floats]:
        weights = np.take(counts, self.codes, axis=1)
        positive = weights * self.labels
        scores = self.scores
        if len(self.starts) < len(scores):
            weights = np.add.reduceat(weights, self.starts, axis=1)
            positive = np.add.reduceat(positive, self.starts, axis=1)
            scores = scores[self.starts]
        below_all, below_pos = np.cumsum(weights, axis=1), np.cumsum(positive, axis=1)
        mass, n_pos = below_all[:, -1:], below_pos[:, -1:]
        found = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            if "roc_auc" in wanted:
                negative_below = (below_all - below_pos) - 0.5 * (weights - positive)
                pairs = np.einsum("rk,rk->r", positive, negative_below)
                found["roc_auc"] = pairs / (n_pos * (mass - n_pos))[:, 0]
            if "pr_auc" in wanted:
                above_all = mass - below_all + weights
                above_pos = n_pos - below_pos + positive
                precision = np.divide(above_pos, above_all, out=np.zeros_like(above_pos), where=above_all > 0)
                found["pr_auc"] = np.einsum("rk,rk->r", positive, precision) / n_pos[:, 0]
            if "ece" in wanted:
                bins = (ECE_BINS * (below_all - 0.5 * weights) / mass).astype(np.int64)
                np.clip(bins, 0, ECE_BINS - 1, out=bins)
                bins += ECE_BINS * np.arange(len(counts))[:, None]
                gaps = np.bincount(bins.ravel(), (positive - weights * scores).ravel(), ECE_BINS * len(counts))
                found["ece"] = np.abs(gaps).reshape(len(counts), ECE_BINS).sum(axis=1) / mass[:, 0]
        return found


def _at_threshold(tp: Floats, fp: Floats, tn: Floats, fn: Floats) -> dict[str, Floats]:
    n = tp + fp + tn + fn
    with np.errstate(divide="ignore", invalid="ignore"):
        agreed = (tp + tn) / n
        chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / n**2
        kappa = np.where(1 - chance > 1e-15, (agreed - chance) / (1 - chance), np.nan)
        return {
            "accuracy": agreed,
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "ppv": tp / (tp + fp),
            "npv": tn / (tn + fn),
            "f1_positive": 2 * tp / (2 * tp + fp + fn),
            "f1_negative": 2 * tn / (2 * tn + fp + fn),
            "cohen_kappa": kappa,
        }


def checked_labels(labels: Sequence[int] | NDArray[np.int_], n: int) -> NDArray[np.int64]:
    """int64 (n,) of 0 and 1; raises DataError for anything else."""
    if any(label is None for label in labels):
        raise DataError("A row has no label: metrics need rows with label 0 or 1. Leave unlabelled studies out.")
    y = np.asarray(labels)
    if len(y) != n:
        raise DataError(f"{n} scores but {len(y)} labels: they must be one to a row.")
    if not len(y):
        raise DataError("No rows to measure: the split holds no labelled image.")
    if not np.isin(y, (0, 1)).all():
        raise DataError(f"Labels must be 0 or 1; found {sorted(set(y.tolist()) - {0, 1})[:3]}.")
    return y.astype(np.int64)


def checked_scores(scores: Floats) -> None:
    """Raises DataError where a score is NaN or outside [0, 1]."""
    if np.isnan(scores).any():
        raise DataError(
            f"{int(np.isnan(scores).sum())} of {len(scores)} scores are NaN: the network diverged. "
            "Train it again with a lower learning rate."
        )
    if len(scores) and not (scores.min() >= 0 and scores.max() <= 1):
        raise DataError(f"Scores must lie in [0, 1]; found {scores.min():g} to {scores.max():g}.")


def refuse_hard_labels(scores: Sequence[float] | Floats) -> None:
    """Raises DataError where every score is 0 or 1: an AUC of rounded predictions is another, flattering or
    damning, quantity (the original report's first notebook had it)."""
    p = np.asarray(scores, dtype=np.float64)
    if len(p) > 1 and np.isin(p, (0.0, 1.0)).all():
        raise DataError(
            "Every score is exactly 0 or 1: these are decisions, not probabilities, and have no ROC curve. "
            "Pass the network's probabilities."
        )


def roc_auc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Area under the ROC curve. scores: probabilities in [0, 1]; hard labels and one class only are a DataError."""
    refuse_hard_labels(scores)
    found = Table(labels, scores).value("roc_auc")
    if found is None:
        raise DataError("One class only: an ROC AUC needs positive and negative cases.")
    return found


def roc_curve(labels: Sequence[int], scores: Sequence[float]) -> tuple[Floats, Floats]:
    """(false positive rate, sensitivity), each float64 (k,), from (0, 0) to (1, 1); empty for one class."""
    fp, tp = _from_the_top(labels, scores)
    if not len(tp) or tp[-1] == 0 or fp[-1] == 0:
        return np.empty(0), np.empty(0)
    return np.r_[0, fp / fp[-1]], np.r_[0, tp / tp[-1]]


def pr_curve(labels: Sequence[int], scores: Sequence[float]) -> tuple[Floats, Floats]:
    """(recall, precision), each float64 (k,), recall rising; empty without positive cases."""
    fp, tp = _from_the_top(labels, scores)
    if not len(tp) or tp[-1] == 0:
        return np.empty(0), np.empty(0)
    precision = tp / (tp + fp)
    return np.r_[0, tp / tp[-1]], np.r_[precision[0], precision]


def _from_the_top(labels: Sequence[int], scores: Sequence[float]) -> tuple[Floats, Floats]:
    p = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    y = np.asarray(labels, dtype=np.float64)[order]
    last = np.r_[np.flatnonzero(np.diff(p[order])), len(p) - 1] if len(p) else np.empty(0, int)
    return np.cumsum(1 - y)[last], np.cumsum(y)[last]


def calibration_bins(labels: Sequence[int], probabilities: Sequence[float], bins: int = ECE_BINS) -> Floats:
    """float64 (used bins, 3): mean probability, observed share of positives, rows; equal-mass bins as in `ece`."""
    table = Table(labels, probabilities)
    n = len(table.scores)
    ends = np.r_[table.starts[1:], n]
    middle = (table.starts + ends) / 2
    group_bin = np.minimum((bins * middle / n).astype(int), bins - 1)
    row_bin = np.repeat(group_bin, ends - table.starts)
    rows = [
        (table.scores[row_bin == b].mean(), table.labels[row_bin == b].mean(), (row_bin == b).sum())
        for b in np.unique(row_bin)
    ]
    return np.asarray(rows, dtype=np.float64)
