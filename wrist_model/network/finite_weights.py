"""Weights that are NaN or infinite: a network with one of them may give every picture the same score."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

SHOWN = 3


def non_finite(named: Iterable[tuple[str, np.ndarray]]) -> str:
    """Which layers hold such values, and how many, in words; "" where none does. named: (layer, floats), also twice."""
    bad: dict[str, int] = {}
    for name, array in named:
        count = int((~np.isfinite(np.asarray(array, np.float32))).sum())
        if count:
            bad[name] = bad.get(name, 0) + count
    said = ", ".join(f"{name} ({count})" for name, count in list(bad.items())[:SHOWN])
    return said + (f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else "")
