"""The gate's rule: may a challenger take over? Non-inferiority by score limits, at the error that the look may cost.

Sensitivity and specificity: Tango's limits for paired proportions, adjusted for patients with several studies. ROC AUC:
the score form of DeLong's limits. A challenger is promoted where every lower limit exceeds −margin, refused where an
upper limit lies below −margin, and undecided in between (Piaggio et al. 2012, CONSORT for non-inferiority, JAMA
308:2594). All metrics and all references must pass, so that they need no correction among themselves (intersection-
union: Berger 1982, Technometrics 24:295); the looks do, see `alpha_spending`. How often the rule is wrong, by
simulation: docs/evidence.md. Decisions made by the earlier rule are recomputed by `promotion_gate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wrist_model.errors import DataError
from wrist_model.evidence.alpha_spending import Budget
from wrist_model.evidence.promotion_gate import Decision
from wrist_model.records import Comparison, ImagePrediction, StudyPrediction
from wrist_model.statistics.clustered_proportion import proportion
from wrist_model.statistics.paired_proportions import paired_difference
from wrist_model.statistics.paired_tests import aligned
from wrist_model.statistics.roc_area import area_interval, areas, difference_interval

METRICS = ("roc_auc", "sensitivity", "specificity")
FEWEST_OF_A_CLASS = 20
"""With fewer hold-out patients of either class nothing is decided."""
Rows = Sequence[StudyPrediction | ImagePrediction]


@dataclass(frozen=True)
class Compared:
    """One reference's comparisons, with the patients of each class that they rest on."""

    comparisons: tuple[Comparison, ...]
    positives: int
    negatives: int


def method(metric: str, alpha: float) -> str:
    """How a stored comparison was made, with its error: `tango_clustered_one_sided_0.0125`."""
    return f"{'delong_score' if metric == 'roc_auc' else 'tango_clustered'}_one_sided_{alpha:.6g}"


def compare(
    challenger_rows: Sequence[StudyPrediction],
    reference_rows: Sequence[StudyPrediction],
    *,
    challenger: str,
    reference: str,
    alpha: float,
) -> Compared:
    """challenger − reference for each of METRICS, each model by its own stored decisions.

    ci_low and ci_high are limits of one-sided error alpha in (0, 0.5). A metric whose class is missing is None.
    Raises DataError unless both hold the same labelled studies with decisions.
    """
    a, b = aligned(challenger_rows, reference_rows)
    y = np.array([row.label for row in a], dtype=np.int64)
    patients = np.array([row.patient_key for row in a])
    scores = np.array([[row.probability for row in rows] for rows in (a, b)], dtype=np.float64)
    right = np.array([[row.predicted_label == row.label for row in rows] for rows in (a, b)])
    counts = tuple(len(np.unique(patients[y == label])) for label in (1, 0))
    found = []
    for metric in METRICS:
        gap: float | None = None
        low: float | None = None
        high: float | None = None
        if metric == "roc_auc" and min(counts) > 1:
            gap, low, high = difference_interval(areas(y, scores, patients), alpha)
        elif metric != "roc_auc" and (chosen := y == (metric == "sensitivity")).any():
            one = paired_difference(right[0, chosen], right[1, chosen], patients[chosen], alpha)
            gap, low, high = one.difference, one.low, one.high
        n = len(np.unique(patients))
        found.append(Comparison(challenger, reference, metric, gap, low, high, method(metric, alpha), n))
    return Compared(tuple(found), *counts)


def decide(compared: Sequence[Compared], margins: Mapping[str, float], budget: Budget) -> Decision:
    """The decision over all references (the champion and the best earlier champion), at the look's error.

    margins: metric → margin, each in (0, 1). The comparisons must have been made at `budget.alpha`. Refused by one
    reference is refused; undecided by one is undecided. Raises DataError where there is nothing to compare.
    """
    if not compared:
        raise DataError("The gate was given nothing to compare: expected one reference's comparisons at least.")
    if budget.alpha <= 0:
        return Decision("undecided", budget.in_words)
    for one in compared:
        few = min((one.positives, "positive"), (one.negatives, "negative"))
        if few[0] < FEWEST_OF_A_CLASS:
            return Decision(
                "undecided",
                f"only {few[0]} {few[1]} hold-out patients in common; at least {FEWEST_OF_A_CLASS} of each class are "
                "needed: add test patients, or decide by hand",
            )
    every = [comparison for one in compared for comparison in one.comparisons]
    worse = [one for one in every if one.ci_high is not None and one.ci_high < -margins[one.metric]]
    if worse:
        return Decision("refused", _say(worse, margins, "worse beyond the margin", budget))
    unsettled = [one for one in every if one.ci_low is None or one.ci_low <= -margins[one.metric]]
    if unsettled:
        return Decision(
            "undecided", _say(unsettled, margins, "the data can't rule out a loss beyond the margin", budget)
        )
    return Decision("promoted", _say(every, margins, "no loss beyond the margins", budget))


def decide_first(rows: Sequence[StudyPrediction], floors: Mapping[str, float], budget: Budget) -> Decision:
    """A model without a champion before it: promoted where each lower limit reaches its floor, else undecided.

    rows: labelled hold-out studies with probability and decision; floors: metric of METRICS → least lower limit, of the
    look's one-sided error, in [0, 1): first models share the looks' error as later ones do. Undecided leaves it a
    challenger. Raises DataError for rows without them.
    """
    if budget.alpha <= 0:
        return Decision("undecided", budget.in_words)
    if not rows or any(row.label is None or row.probability is None or row.predicted_label is None for row in rows):
        raise DataError("The first model's floors need labelled studies with decisions: evaluate it on test first.")
    y = np.array([row.label for row in rows])
    patients = np.array([row.patient_key for row in rows])
    counts = {label: len(np.unique(patients[y == label])) for label in (1, 0)}
    if min(counts.values()) < FEWEST_OF_A_CLASS:
        return Decision(
            "undecided",
            f"the first model, examined on {counts[1]} positive and {counts[0]} negative patients; at least "
            f"{FEWEST_OF_A_CLASS} of each class are needed: add test patients, or decide by hand",
        )
    right = np.array([row.predicted_label == row.label for row in rows])
    found = areas(y, np.array([[row.probability for row in rows]], dtype=np.float64), patients)
    limits = {"roc_auc": (float(found.areas[0]), area_interval(found, 0, budget.alpha)[0])}
    for metric, label in (("sensitivity", 1), ("specificity", 0)):
        share = proportion(right[y == label], patients[y == label], budget.alpha)
        limits[metric] = share.value, share.low
    said = "; ".join(
        f"{name} {limits[name][0]:.3f}, lower limit {limits[name][1]:.3f}, floor {floors[name]:.3f}" for name in floors
    )
    below = [name for name in floors if limits[name][1] < floors[name]]
    if below:
        return Decision(
            "undecided",
            f"the first model stays a challenger, {' and '.join(below)} under the floor: {said} ({budget.in_words})",
        )
    return Decision("promoted", f"the first model, above its floors: {said} ({budget.in_words})")


def _say(comparisons: Sequence[Comparison], margins: Mapping[str, float], verdict: str, budget: Budget) -> str:
    parts = []
    for one in comparisons:
        if one.difference is None or one.ci_low is None or one.ci_high is None:
            parts.append(f"{one.metric} undefined against {one.reference}")
        else:
            parts.append(
                f"{one.metric} {one.difference:+.3f} [{one.ci_low:+.3f}, {one.ci_high:+.3f}] "
                f"against {one.reference}, margin {margins[one.metric]:.3f}"
            )
    return f"{verdict}: {'; '.join(parts)} ({budget.in_words})"
