"""The gate: may a challenger take over from a reference? Non-inferiority on three metrics, margins fixed beforehand.

One-sided 95% bounds of the paired differences, by bootstrap over patients. A challenger passes when every lower bound
exceeds −margin, is refused when any upper bound lies below −margin, and is undecided in between (Piaggio et al. 2012,
CONSORT for non-inferiority, JAMA 308:2594).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wrist_model.errors import DataError
from wrist_model.recipe import GateRecipe
from wrist_model.records import Comparison, StudyPrediction
from wrist_model.statistics.confidence_intervals import draw, levels
from wrist_model.statistics.metrics import Table
from wrist_model.statistics.paired_tests import aligned

METHOD = "patient_bootstrap_one_sided_95"
FEWEST_PATIENTS = 10
"""With fewer hold-out patients in common nothing is decided."""


@dataclass(frozen=True)
class Decision:
    """decision: promoted, refused or undecided; reason: one sentence with the figures that decided."""

    decision: Literal["promoted", "refused", "undecided"]
    reason: str


def margins(recipe: GateRecipe) -> dict[str, float]:
    """Metric → margin, in the order in which they are told."""
    return {
        "roc_auc": recipe.margin_roc_auc,
        "sensitivity": recipe.margin_sensitivity,
        "specificity": recipe.margin_specificity,
    }


def differences(
    challenger_rows: Sequence[StudyPrediction],
    reference_rows: Sequence[StudyPrediction],
    *,
    challenger: str,
    reference: str,
    resamples: int,
    seed: int,
) -> tuple[Comparison, ...]:
    """challenger − reference for AUC, sensitivity and specificity, each at its own locked serving threshold.

    ci_low and ci_high are the one-sided 95% bounds (together a 90% interval), over the patients of the rows, which
    must be the same studies. Undefined ones (one class) are None. Raises DataError when the rows differ.
    """
    a, b = aligned(challenger_rows, reference_rows)
    labels = np.array([row.label for row in a], dtype=np.int64)
    patients = [row.patient_key for row in a]
    tables = [
        Table(labels, np.array([row.probability for row in rows], dtype=np.float64), patients, rows[0].threshold)
        for rows in (a, b)
    ]
    n_patients, names = tables[0].n_patients, list(margins(GateRecipe()))
    points = [table.values(np.ones((1, n_patients)), names) for table in tables]
    counts = draw(n_patients, resamples, seed)
    drawn = [table.values(counts, names) for table in tables]
    found = []
    for name in names:
        gap = float(points[0][name][0] - points[1][name][0])
        gaps = drawn[0][name] - drawn[1][name]
        gaps = gaps[~np.isnan(gaps)]
        low = high = None
        if n_patients > 1 and not np.isnan(gap) and len(gaps) >= resamples / 2:
            low, high = (float(value) for value in np.quantile(gaps, levels(n_patients, 0.90)))
        found.append(
            Comparison(challenger, reference, name, None if np.isnan(gap) else gap, low, high, METHOD, n_patients)
        )
    return tuple(found)


def decide(comparisons: Sequence[Comparison], recipe: GateRecipe) -> Decision:
    """The decision over all references: refused by one is refused, undecided by one is undecided."""
    if not comparisons:
        raise DataError("The gate was given nothing to compare.")
    limit = margins(recipe)
    few = min(one.n_patients for one in comparisons)
    if few < FEWEST_PATIENTS:
        return Decision("undecided", f"only {few} hold-out patients in common; at least {FEWEST_PATIENTS} are needed")
    worse = [one for one in comparisons if one.ci_high is not None and one.ci_high < -limit[one.metric]]
    if worse:
        return Decision("refused", _say(worse, limit, "worse beyond the margin"))
    open_ones = [one for one in comparisons if one.ci_low is None or one.ci_low <= -limit[one.metric]]
    if open_ones:
        return Decision("undecided", _say(open_ones, limit, "the data can't rule out a loss beyond the margin"))
    return Decision("promoted", _say(comparisons, limit, "no loss beyond the margins"))


def _say(comparisons: Sequence[Comparison], limit: dict[str, float], verdict: str) -> str:
    parts = []
    for one in comparisons:
        if one.difference is None or one.ci_low is None or one.ci_high is None:
            parts.append(f"{one.metric} undefined against {one.reference}")
        else:
            parts.append(
                f"{one.metric} {one.difference:+.3f} [{one.ci_low:+.3f}, {one.ci_high:+.3f}] "
                f"against {one.reference}, margin {limit[one.metric]:.3f}"
            )
    return f"{verdict}: {'; '.join(parts)}"
