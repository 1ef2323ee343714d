"""Heat maps: how often one that owes nothing to training is shown, and one that owes something to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.result import Result
from wrist_model.explanation import sanity_null

SIDE, SMOOTH = 14, 1.5
SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Of their variance that shuffled networks' maps of one picture have in common, such as its edges."""
POWER = 0.8


def sanity(pictures: int) -> list[Result]:
    """Limits: a map that is one more draw of the shuffled networks' passes in one of twenty, one that shares half as
    much of its variance with the picture in 80%. The first holds where they share half of it or more: below, shuffled
    networks have too little in common to be mistaken for an explanation, and most maps pass."""
    found = []
    for share in SHARES:
        setup = f"{pictures} pictures, {sanity_null.SHUFFLES} shuffles whose maps share {share:.0%} of their variance"
        untrained, trained = passed(share, share, pictures), passed(share, share / 2, pictures)
        limit = sanity_null.LEVEL
        said = setup + ", and so does the map"
        found.append(
            Result(
                "map_false_pass",
                untrained,
                limit,
                limit / max(untrained, 1e-9),
                _error(untrained, pictures),
                "share",
                said,
            )
        )
        said = setup + f", and the map {share / 2:.0%}"
        found.append(Result("map_pass", trained, POWER, trained / POWER, _error(trained, pictures), "share", said))
    return found


def passed(share: float, of_map: float, pictures: int, seed: int = 3) -> float:
    """The share of pictures whose map passes. share, of_map: of the variance of each shuffled network's map, and of
    the map that is checked, that is the picture's own."""
    rng, count = np.random.default_rng(seed), 0
    for _ in range(pictures):
        edges, own = _field(rng), _field(rng)
        shuffled = np.stack([_mixed(edges, _field(rng), share) for _ in range(sanity_null.SHUFFLES)])
        count += sanity_null.sanity(_mixed(edges, own, of_map), shuffled).passes
    return count / pictures


def _mixed(one: NDArray[np.float64], other: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    return np.sqrt(share) * one + np.sqrt(1 - share) * other


def _field(rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth map of variance 1."""
    found = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), SMOOTH)
    return found / found.std()


def _error(share: float, draws: int) -> str:
    return f"±{np.sqrt(max(share * (1 - share), 1 / draws / 4) / draws):.4f}"
