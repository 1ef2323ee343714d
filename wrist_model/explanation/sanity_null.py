"""Does a heat map depend on what was learned? Against several shuffled networks, and with a null distribution.

Adebayo et al. 2018 (arXiv 1810.03292) compare a map with that of a network whose weights are shuffled. One shuffle is
one draw, and a similarity means nothing without knowing how alike two shuffled networks' maps are on that picture.
Here the map is one of k + 1: if it owed nothing to training it could be any of them (exchangeability), and its mean
similarity to the others would be the lowest of all with a chance of 1 / (k + 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wrist_model.errors import DataError

Floats = NDArray[np.floating]
SHUFFLES = 19
"""Shuffled networks: a map that owes nothing to training is the least similar of 20 with a chance of 1 / 20."""
LEVEL = 1 / (SHUFFLES + 1)
UNRELATED = 0.2
"""A map with a lower mean similarity shares under 4% of its variance with the shuffled networks' maps, and passes: what
they have in common is then too little to be taken for an explanation, and to tell maps apart by."""
MEANING = (
    f"Each map was held against the maps of {SHUFFLES} networks with shuffled weights. It is shown when its mean "
    f"correlation with them is under {UNRELATED:.1f}, or when it is less like them than every one of them is like the "
    f"others (p = {LEVEL:.2f}: a map that owes nothing to training is so in one of {SHUFFLES + 1} cases). A map that "
    "is shown is none that any weights would give; that it was learned is not thereby proven. Others, and maps that "
    "lie on the border, are withheld."
)


@dataclass(frozen=True)
class Sanity:
    """similarity: mean Spearman's ρ of the map and the shuffled networks' maps, in [-1, 1]; null: the same for each of
    these against all others; p_value: chance of so low a rank for a map that owes nothing to training."""

    similarity: float
    null: tuple[float, ...]
    p_value: float

    @property
    def passes(self) -> bool:
        """Whether the map may be shown. One without training in it, that is no less similar than UNRELATED, passes with
        a chance of LEVEL at most."""
        return self.similarity < UNRELATED or self.p_value <= LEVEL + 1e-12

    @property
    def score(self) -> float:
        """1 − max(0, similarity), in [0, 1]: what is shown beside the scores of one shuffle."""
        return 1.0 - max(0.0, self.similarity)


def rule(shuffles: int) -> str:
    """What is stored with a map that was held against so many shuffled networks."""
    return f"null_of_{shuffles}_shuffles"


def sanity(heat: Floats, shuffled: Floats) -> Sanity:
    """One picture's map, float (h, w), against those of k shuffled networks, (k, h, w), k >= 2.

    A flat map counts as equal to any other. Of the shuffled networks those with a flat map are left out: they say
    nothing, and with fewer than SHUFFLES of them p can't reach LEVEL. Raises DataError for fewer than two maps.
    """
    if len(shuffled) < 2:
        raise DataError(f"{len(shuffled)} shuffled networks: expected at least 2, as a rule {SHUFFLES}.")
    others = np.asarray(shuffled).reshape(len(shuffled), -1)
    others = others[np.ptp(others, axis=1) > 0]
    if np.ptp(heat) <= 0:
        return Sanity(1.0, (), 1.0)
    if not len(others):
        return Sanity(0.0, (), 1.0)
    maps = np.concatenate([np.asarray(heat).reshape(1, -1), others])
    ranks = stats.rankdata(maps, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    ranks /= np.linalg.norm(ranks, axis=1, keepdims=True)
    rho = ranks @ ranks.T
    mean = (rho.sum(axis=1) - 1.0) / (len(maps) - 1)
    p = (1 + int((mean[1:] <= mean[0] + 1e-12).sum())) / len(maps)
    return Sanity(float(mean[0]), tuple(mean[1:].tolist()), float(p))
