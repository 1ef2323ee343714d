"""The interval of one proportion over studies, for patients with one study or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wrist_model.errors import DataError
from wrist_model.statistics.confidence_intervals import effective_n, wilson

FEWEST_ODD_PATIENTS = 10
"""With fewer patients who have a success, or who have a failure, how far the studies of one patient agree can't be
estimated, and they are taken to agree wholly."""


@dataclass(frozen=True)
class Proportion:
    """value, low, high in [0, 1]; n: studies; patients: of those studies; n_effective: what the studies are worth."""

    value: float
    low: float
    high: float
    n: int
    patients: int
    n_effective: float


def proportion(successes: ArrayLike, patients: Sequence[Any] | NDArray[Any], alpha: float) -> Proportion:
    """Wilson's score interval with the effective number of studies; one-sided error alpha at each end.

    successes: bool (n,); patients: n keys. The number of studies is divided by the ratio of the variance between
    patients to that of independent studies (Rao & Scott 1992, Biometrics 48:577). Raises DataError for no studies.
    """
    x = np.asarray(successes, dtype=np.float64)
    if not len(x) or len(x) != len(patients):
        raise DataError(f"{len(x)} judgements of {len(patients)} studies: expected as many, and at least one.")
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    sizes, sums = np.bincount(codes).astype(np.float64), np.bincount(codes, weights=x)
    n, k, value = len(x), len(sizes), float(x.mean())
    effective = effective_n(sizes)
    odd = min(int((sums > 0).sum()), int((sums < sizes).sum()))
    if n > k and odd >= FEWEST_ODD_PATIENTS:
        between = k / (k - 1) * float(np.sum((sums - sizes * value) ** 2)) / n**2
        effective = min(float(n), value * (1 - value) / between) if between > 0 else effective
    low, high = wilson(value, effective, 1 - 2 * alpha)
    return Proportion(value, low, high, n, k, effective)
