"""Areas under ROC curves over the runs of a cross-validation, and paired differences, with intervals over groups.

Each run (a seed's fold) ranks its own test images, and the area is the mean over runs: scores of two trainings are
never compared. The covariance is DeLong's with the placements of a group added up (`statistics.roc_area`, after
Obuchowski), here over all runs, in which the same group stands once a seed. So an interval says how the figure would
vary over other groups of patients tested with these trainings; what another training set would change is in it only as
far as the trainings of the folds and seeds differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wrist_model.statistics import roc_area


@dataclass(frozen=True)
class Scored:
    """Test images of one run. labels: (n,); scores: (models, n); groups: n keys."""

    labels: np.ndarray
    scores: np.ndarray
    groups: list[str]


def areas(runs: Sequence[Scored]) -> roc_area.Areas:
    """The mean areas of the models over runs, and their covariance over groups."""
    keys = sorted({group for run in runs for group in run.groups})
    code = {key: number for number, key in enumerate(keys)}
    models = len(runs[0].scores)
    area, sums, held = np.zeros(models), np.zeros((2, models, len(keys))), np.zeros((2, len(keys)), bool)
    for run in runs:
        placed = roc_area.placements(run.labels, run.scores)
        mine = placed[:, run.labels == 1].mean(axis=1)
        area += mine / len(runs)
        codes = np.array([code[group] for group in run.groups])
        for side in (0, 1):
            chosen = run.labels == side
            held[side, codes[chosen]] = True
            for model in range(models):
                gaps = (placed[model, chosen] - mine[model]) / chosen.sum() / len(runs)
                sums[side, model] += np.bincount(codes[chosen], weights=gaps, minlength=len(keys))
    neg, pos = sums
    negatives, positives = (int(each.sum()) for each in held)
    both = pos @ neg.T
    covariance = _few(positives) * pos @ pos.T + _few(negatives) * neg @ neg.T + both + both.T
    return roc_area.Areas(area, covariance, positives, negatives)


def _few(n: int) -> float:
    return n / max(n - 1, 1)
