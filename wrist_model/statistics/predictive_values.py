"""PPV and NPV at a named prevalence, from sensitivity and specificity: a data set's own prevalence is no clinic's."""

from __future__ import annotations

import math

from wrist_model.errors import DataError
from wrist_model.statistics.calibration_headline import Estimate
from wrist_model.statistics.clustered_proportion import Proportion

NAMES = ("ppv", "npv")


def at_prevalence(sensitivity: Proportion, specificity: Proportion, prevalence: float) -> dict[str, Estimate]:
    """`ppv` and `npv` by Bayes' rule, with limits of the error that the two shares' own limits have.

    sensitivity, specificity: as `clustered_proportion.proportion` gives them, of different patients; prevalence in
    (0, 1). PPV follows from the ratio of false to true calls, (1 − specificity) / sensitivity, and NPV from (1 −
    sensitivity) / specificity; the ratio's limits recover the variances of the two shares' own score limits (MOVER-R:
    Donner & Zou 2012, Statistical Methods in Medical Research 21:347), which have a width where no call is false.
    Logit limits with two cases added to each cell (Mercaldo, Lau & Zhou 2007) were tried: they held the truth in 44% to
    90% of sets of 50 and 100 patients. Raises DataError for another prevalence.
    """
    if not 0 < prevalence < 1:
        raise DataError(f"A prevalence of {prevalence}: expected a share between 0 and 1, such as 0.15.")
    against, found = (1 - prevalence) / prevalence, {}
    for name, hit, other, odds in (
        ("ppv", sensitivity, specificity, against),
        ("npv", specificity, sensitivity, 1 / against),
    ):
        false = (1 - other.value, 1 - other.high, 1 - other.low)
        true = (hit.value, hit.low, hit.high)
        if false[0] <= 0 and true[0] <= 0:
            why = "nothing was called positive" if name == "ppv" else "nothing was called negative"
            found[name] = Estimate(None, None, None, why)
            continue
        most, least = _upper_limit_of_ratio(false, true), _upper_limit_of_ratio(true, false)
        value = true[0] / (true[0] + odds * false[0])
        found[name] = Estimate(value, 1 / (1 + odds * most), least / (least + odds) if least < math.inf else 1.0)
    return found


def _upper_limit_of_ratio(top: tuple[float, float, float], bottom: tuple[float, float, float]) -> float:
    """Of top / bottom, each (value, low, high); infinite where bottom may be 0."""
    (a, _, high), (b, low, _) = top, bottom
    scale = low * (2 * b - low)
    if scale <= 1e-15:
        return math.inf
    return (a * b + math.sqrt(max(0.0, (a * b) ** 2 - high * (2 * a - high) * scale))) / scale
