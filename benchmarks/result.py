"""The one shape that every benchmark's figures have."""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any


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


def in_a_fresh_process(measure: Callable[..., Any], *arguments: Any) -> Any:
    """What `measure` gives in a process of its own: nothing was started there before, and memory starts small."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, *arguments).result()
