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

Floats = NDArray[np.float64]
SHUFFLES = 19
"""Shuffled networks: a map that owes nothing to training passes with a chance of 1 / 20."""
UNRELATED = 0.2
"""A map whose mean similarity is below this shares under 4% of its variance with the shuffled networks' maps and passes
whatever they have in common among themselves."""


@dataclass(frozen=True)
class Sanity:
    """similarity: mean Spearman's ρ of the map and the shuffled networks' maps, in [-1, 1]; null: the same for each of
    these against all others, (k,); p_value: chance of so low a rank for a map that owes nothing to training."""

    similarity: float
    null: tuple[float, ...]
    p_value: float

    @property
    def passes(self) -> bool:
        """Whether the map may be shown; false for a map without training in it at most as often as 1 / (k + 1)."""
        return self.similarity < UNRELATED or self.p_value <= 1 / (len(self.null) + 1) + 1e-12


def sanity(heat: Floats, shuffled: Floats) -> Sanity:
    """One picture's map, float (h, w), against those of k shuffled networks, (k, h, w), k >= 2.

    A flat map counts as equal to any other. Raises DataError for fewer than two shuffled maps.
    """
    if len(shuffled) < 2:
        raise DataError(f"{len(shuffled)} shuffled networks: expected at least 2, as a rule {SHUFFLES}.")
    maps = np.concatenate([np.asarray(heat)[None], np.asarray(shuffled)]).reshape(len(shuffled) + 1, -1)
    ranks = np.stack([stats.rankdata(one) for one in maps])
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1)
    both = np.outer(length, length)
    rho = np.divide(ranks @ ranks.T, both, out=np.ones_like(both), where=both > 0)
    mean = (rho.sum(axis=1) - np.diag(rho)) / (len(maps) - 1)
    p = (1 + int((mean[1:] <= mean[0] + 1e-12).sum())) / len(maps)
    return Sanity(float(mean[0]), tuple(mean[1:].tolist()), float(p))
