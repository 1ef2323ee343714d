"""Which interval a metric gets: by the first rules the bootstrap's for all, by the second what holds at the edges too.

Second rules: ROC AUC by the score form of DeLong's, PR AUC from the number of positive patients, Brier score and log
loss by Student's t with the variance that the probabilities foretell, metrics at a threshold as before (BCa, Wilson on
the boundary), ECE none but the value that a calibrated model would show. Whether an interval is given depends on the
numbers of patients alone. Coverage, by simulation: docs/evidence.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from wrist_model.statistics import confidence_intervals as bootstrap
from wrist_model.statistics import roc_area, score_intervals
from wrist_model.statistics.calibration_headline import ece_if_calibrated
from wrist_model.statistics.confidence_intervals import Interval
from wrist_model.statistics.metrics import METRICS, Floats, Table

Rules = Literal["first", "second"]
FEWEST_OF_A_CLASS = 10
"""Patients of either class below which a metric that rests on both gets no interval."""
FEWEST_FOR_PR_AUC = 20
"""Positive patients below which PR AUC gets none: it moves with the prevalence that so few happen to give."""
FEWEST = 5
"""Patients of the one class, or of the one kind of call, that the other metrics rest on."""
RESTS_ON = {"sensitivity": ("tp", "fn"), "specificity": ("tn", "fp"), "ppv": ("tp", "fp"), "npv": ("tn", "fn")}
ALPHA = 0.025


def intervals(
    table: Table,
    resamples: int,
    seed: int,
    names: Sequence[str] = METRICS,
    counts: Floats | None = None,
    rules: Rules = "first",
) -> dict[str, Interval]:
    """Metric → its 95% interval over patients; arguments as `confidence_intervals.intervals` has them."""
    if rules == "first":
        return bootstrap.intervals(table, resamples, seed, names, counts)
    found = {name: too_few(name, table) for name in names}
    at_threshold = [name for name in names if found[name] is None and name in bootstrap.BOUNDARY]
    drawn = bootstrap.intervals(table, resamples, seed, at_threshold, counts) if at_threshold else {}
    return {name: found[name] or drawn.get(name) or _from_scores(name, table) for name in names}


def too_few(name: str, table: Table) -> Interval | None:
    """An empty interval that says why, where the metric has too few patients; None where it has enough."""
    if name in RESTS_ON:
        have = int((sum(table.per_patient(cell) for cell in RESTS_ON[name]) > 0).sum())  # type: ignore[union-attr]
        return None if have >= FEWEST else Interval(None, None, 0, f"no interval with fewer than {FEWEST} patients")
    of_class = [len(np.unique(table.codes[table.labels == label])) for label in (0, 1)]
    if name == "pr_auc" and of_class[1] < FEWEST_FOR_PR_AUC:
        return Interval(None, None, 0, f"no interval with fewer than {FEWEST_FOR_PR_AUC} positive patients")
    if min(of_class) >= FEWEST_OF_A_CLASS:
        return None
    return Interval(None, None, 0, f"no interval with fewer than {FEWEST_OF_A_CLASS} patients of a class")


def _from_scores(name: str, table: Table) -> Interval:
    y, p, patients = table.labels, table.scores, table.codes
    if name == "roc_auc":
        return Interval(*roc_area.area_interval(roc_area.areas(y, p[None, :], patients), 0, ALPHA), 0)
    if name == "pr_auc":
        positives = bootstrap.effective_n(np.bincount(patients[y == 1]))
        return Interval(*score_intervals.pr_auc_interval(table.value(name) or 0.0, positives, ALPHA), 0)
    if name == "brier":
        return Interval(*score_intervals.loss_interval("brier", y, p, patients, ALPHA), 0)
    if name == "log_loss":
        return Interval(*score_intervals.loss_interval("log_loss", y, p, patients, ALPHA), 0)
    mean, most = ece_if_calibrated(p)
    said = f"a calibrated model of this size would show {mean:.3f} on average, more than {most:.3f} in 1 of 20"
    return Interval(None, None, 0, said)
