"""PPV and NPV at a named prevalence, from sensitivity and specificity: a data set's own prevalence is no clinic's."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from wrist_model.errors import DataError
from wrist_model.statistics.calibration_headline import Estimate
from wrist_model.statistics.clustered_proportion import Proportion

NAMES = ("ppv", "npv")


def at_prevalence(
    sensitivity: Proportion, specificity: Proportion, prevalence: float, alpha: float = 0.025
) -> dict[str, Estimate]:
    """`ppv` and `npv` by Bayes' rule, with limits of one-sided error alpha on the logit scale.

    sensitivity, specificity: as `clustered_proportion.proportion` gives them, of different patients; prevalence in
    (0, 1). Limits are the adjusted logit ones (Mercaldo, Lau & Zhou 2007, Statistics in Medicine 26:2170), with two
    successes and two failures added, so that they exist at 0 and 1. Raises DataError for another prevalence.
    """
    if not 0 < prevalence < 1:
        raise DataError(f"A prevalence of {prevalence}: expected a share between 0 and 1, such as 0.15.")
    found = {}
    z = float(stats.norm.isf(alpha))
    for name, hit, other, odds in (
        ("ppv", sensitivity, specificity, special.logit(prevalence)),
        ("npv", specificity, sensitivity, -special.logit(prevalence)),
    ):
        wrong, right = (1 - other.value) * (1 - special.expit(odds)), hit.value * special.expit(odds)
        if right + wrong <= 0:
            why = "nothing was called positive" if name == "ppv" else "nothing was called negative"
            found[name] = Estimate(None, None, None, why)
            continue
        a, b = (_added(share) for share in (hit, other))
        centre = odds + np.log(a[0]) - np.log(1 - b[0])
        half = z * np.sqrt((1 - a[0]) / (a[0] * a[1]) + b[0] / ((1 - b[0]) * b[1]))
        value = float(right / (right + wrong))
        low, high = float(special.expit(centre - half)), float(special.expit(centre + half))
        found[name] = Estimate(value, min(low, value), max(high, value))
    return found


def _added(share: Proportion) -> tuple[float, float]:
    n = share.n_effective + 4
    return (share.value * share.n_effective + 2) / n, n
