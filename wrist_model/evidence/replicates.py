"""Training is one draw: seeds of the replicates, and the spread of their results beside an interval over patients."""

from __future__ import annotations

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


def seeds(recipe: Recipe) -> tuple[int, ...]:
    """The training seeds, the recipe's own first: that one serves, and is never chosen by results."""
    more = np.random.SeedSequence(recipe.training.seed).generate_state(recipe.training.replicates - 1)
    return (recipe.training.seed, *(int(one) % 2**31 for one in more))


def spread(values: Sequence[float]) -> Spread:
    """Of one metric's values in the order of `seeds`. Raises DataError without values."""
    if not len(values):
        raise DataError("No replicate has a value: expected the first seed's at least. Evaluate the replicates.")
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(len(values), float(values[0]), float(min(values)), float(max(values)), sd)
