"""Tests of two models on the same patients that need no large numbers: the two are exchanged patient by patient.

If the models are equally good, which of the two made which judgement of a patient is arbitrary. All studies of a
patient are exchanged together, so that a patient with many studies is one exchange and not many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from wrist_model.errors import DataError

Floats = NDArray[np.float64]


def sign_flip_p(gaps: ArrayLike, patients: Sequence[Any] | NDArray[Any]) -> float:
    """Exact two-sided p value of equal accuracy: the share of sign patterns with at least as large a total.

    gaps: (n,) whole numbers, 1 where the first model alone is right, -1 where the second alone is, else 0;
    patients: n keys. The statistic is the total over studies, the gap in accuracy itself times n. All 2^k patterns of
    k patients are counted, by the distribution of the sum and not one by one. With one study a patient this is
    McNemar's exact test. Raises DataError for gaps that are not whole.
    """
    d = np.asarray(gaps, dtype=np.float64)
    if (d != np.round(d)).any():
        raise DataError("Gaps must be whole numbers: expected 1, 0 or -1 for each study (right minus right).")
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    totals = np.abs(np.bincount(codes, weights=d)).astype(np.int64)
    totals, observed = totals[totals > 0], int(abs(d.sum()))
    reach = int(totals.sum())
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for size in totals.tolist():
        chance = (np.roll(chance, size) + np.roll(chance, -size)) / 2
    return float(min(1.0, chance[np.abs(np.arange(-reach, reach + 1)) >= observed].sum()))


def area_exchange_p(
    labels: ArrayLike, scores: ArrayLike, patients: Sequence[Any] | NDArray[Any], exchanges: int, seed: int
) -> float:
    """Two-sided p value of equal areas under the ROC curve: the models' ranks are exchanged patient by patient.

    labels: 0 or 1, (n,), both classes; scores: (2, n); patients: n keys. Scores become midranks first, since two
    models' scores need no common scale (Bandos, Rockette & Gur 2005, Statistics in Medicine 24:2873). The observed
    arrangement counts as one of the exchanges. Raises DataError for one class.
    """
    y = np.asarray(labels) == 1
    if y.all() or not y.any():
        raise DataError("One class only: areas under the ROC curve need positive and negative studies.")
    ranks = np.stack([stats.rankdata(row) for row in np.asarray(scores, dtype=np.float64)])
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    above = [[_above(ranks[i, y], ranks[j, ~y]) for j in (0, 1)] for i in (0, 1)]
    rng, found = np.random.default_rng(seed), []
    for start in range(0, exchanges, 1000):
        swapped = rng.integers(0, 2, (min(1000, exchanges - start), codes.max() + 1))[:, codes].astype(np.float64)
        pos, neg = swapped[:, y], swapped[:, ~y]
        kept_pos, kept_neg = 1 - pos, 1 - neg
        first = (
            np.einsum("rn,rn->r", kept_pos @ above[0][0] + pos @ above[1][0], kept_neg)
            + np.einsum("rn,rn->r", kept_pos @ above[0][1] + pos @ above[1][1], neg)
        )  # fmt: skip
        second = (
            np.einsum("rn,rn->r", pos @ above[0][0] + kept_pos @ above[1][0], neg)
            + np.einsum("rn,rn->r", pos @ above[0][1] + kept_pos @ above[1][1], kept_neg)
        )  # fmt: skip
        found.append(np.abs(first - second))
    observed = abs(float(above[0][0].sum() - above[1][1].sum()))
    return float((1 + (np.concatenate(found) >= observed - 1e-9).sum()) / (1 + exchanges))


def _above(positive: Floats, negative: Floats) -> Floats:
    """float64 (positives, negatives): 1 where the positive ranks higher, one half where both are equal."""
    gap = positive[:, None] - negative[None, :]
    return (gap > 0) + 0.5 * (gap == 0)
