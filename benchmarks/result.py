"""The one shape that every benchmark's figures have."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """ours and peer in `unit`; ratio is how many times better ours is than the peer (or how far inside the limit)."""

    name: str
    ours: float
    peer: float
    ratio: float
    spread: str
    unit: str
    setup: str


def spread(values: Sequence[float]) -> str:
    """`min–median–max (n runs)` of repeated figures."""
    return f"{min(values):.3g}–{statistics.median(values):.3g}–{max(values):.3g} ({len(values)} runs)"
