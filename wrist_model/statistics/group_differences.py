"""Differences between subgroups, with intervals that all hold at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wrist_model.errors import DataError
from wrist_model.statistics.clustered_proportion import proportion
from wrist_model.statistics.roc_area import area_interval, areas

METRICS = ("roc_auc", "sensitivity", "specificity")
FEWEST_OF_A_CLASS = 10
"""A group, or the rest, with fewer patients of a class that the metric needs is listed without an interval."""


@dataclass(frozen=True)
class GroupDifference:
    """The metric in a group minus that in all other studies; low and high hold for all groups and metrics at once.
    positives, negatives: patients of the group. None, with a note, where a class has too few patients."""

    group: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    positives: int
    negatives: int
    note: str | None = None


def group_differences(
    labels: ArrayLike,
    probabilities: ArrayLike,
    called: ArrayLike,
    patients: Sequence[Any] | NDArray[Any],
    groups: Mapping[str, ArrayLike],
    confidence: float = 0.95,
) -> tuple[GroupDifference, ...]:
    """Each group against the rest, for each of METRICS, in the order of groups.

    labels, called: 0 or 1, (n,); probabilities: (n,); patients: n keys; groups: name → bool (n,). Each limit recovers
    the variances of the two sides' own score limits (Newcombe 1998, Statistics in Medicine 17:873; Zou & Donner 2008,
    Statistics in Medicine 27:1693), at the error of Bonferroni over all intervals shown. Raises DataError for unequal
    lengths.
    """
    y, scores, calls, keys = np.asarray(labels), np.asarray(probabilities), np.asarray(called), np.asarray(patients)
    if not len(y) == len(scores) == len(calls) == len(keys):
        raise DataError(
            f"{len(y)} labels, {len(scores)} scores, {len(calls)} calls, {len(keys)} patients: expected as many."
        )
    jobs, few = [], {}
    for name, members in groups.items():
        inside = np.asarray(members, dtype=bool)
        counts = {
            (side, label): len(np.unique(keys[chosen & (y == label)]))
            for side, chosen in ((True, inside), (False, ~inside))
            for label in (1, 0)
        }
        for metric in METRICS:
            needed = {"roc_auc": (1, 0), "sensitivity": (1,), "specificity": (0,)}[metric]
            least = min(counts[side, label] for side in (True, False) for label in needed)
            jobs.append((name, metric, inside, counts[True, 1], counts[True, 0]))
            few[name, metric] = least < FEWEST_OF_A_CLASS
    shown = sum(not one for one in few.values())
    found = []
    for name, metric, inside, positives, negatives in jobs:
        if few[name, metric]:
            note = f"fewer than {FEWEST_OF_A_CLASS} patients of a class in the group or the rest: too small to read"
            found.append(GroupDifference(name, metric, None, None, None, positives, negatives, note))
            continue
        alpha = (1 - confidence) / 2 / shown
        (a, low_a, high_a), (b, low_b, high_b) = (
            _value(metric, y[side], scores[side], calls[side], keys[side], alpha) for side in (inside, ~inside)
        )
        low = a - b - float(np.hypot(a - low_a, high_b - b))
        high = a - b + float(np.hypot(high_a - a, b - low_b))
        found.append(GroupDifference(name, metric, a - b, low, high, positives, negatives))
    return tuple(found)


def _value(
    metric: str, y: NDArray[Any], scores: NDArray[Any], calls: NDArray[Any], keys: NDArray[Any], alpha: float
) -> tuple[float, float, float]:
    if metric == "roc_auc":
        found = areas(y, scores[None, :], keys)
        return float(found.areas[0]), *area_interval(found, 0, alpha)
    chosen = y == (1 if metric == "sensitivity" else 0)
    share = proportion(calls[chosen] == y[chosen], keys[chosen], alpha)
    return share.value, share.low, share.high
