"""Training is one draw: seeds of the replicates, and the spread of their results beside an interval over patients."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wrist_model.errors import DataError
from wrist_model.recipe import Recipe


@dataclass(frozen=True)
class Spread:
    """A metric over replicates: serving, the first seed's value; lowest, highest, sd (None for one) of all n."""

    n: int
    serving: float
    lowest: float
    highest: float
    sd: float | None


def seed(recipe: Recipe, replicate: int | None = None) -> int:
    """The training seed: the recipe's own, which serves and is never chosen by results, or that of a replicate, from 1.

    A replicate's follows from the recipe's alone, so that nobody can have tried some and named the best.
    """
    first = recipe.training.seed
    if replicate is None:
        return first
    return int(hashlib.sha256(f"replicate {replicate} of seed {first}".encode()).hexdigest()[:8], 16) % 2**31


def seeds(recipe: Recipe) -> tuple[int, ...]:
    """The training seeds, the recipe's own first."""
    return (seed(recipe), *(seed(recipe, number) for number in range(1, recipe.training.replicates)))


def spread(values: Sequence[float]) -> Spread:
    """Of one metric's values in the order of `seeds`. Raises DataError without values."""
    if not len(values):
        raise DataError("No replicate has a value: expected the first seed's at least. Evaluate the replicates.")
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(len(values), float(values[0]), float(min(values)), float(max(values)), sd)
