"""A metric and its interval as text, its spread over seeds, and stored sentences with names as people read them."""

from __future__ import annotations

import re

from wrist_model.evidence.replicates import Spread
from wrist_model.records import Metric
from wrist_model.report.headline import CALIBRATION, HEADLINE, POINT_NAMES

_SPOKEN = {
    **{name: title for name, title in (*HEADLINE, *CALIBRATION) if "_" in name},
    **{f"at {name}": f"at the point of {title}" for name, title in POINT_NAMES.items()},
}
_STORED = re.compile(rf"\b({'|'.join(sorted(map(re.escape, _SPOKEN), key=len, reverse=True))})\b")


def in_words(sentence: str) -> str:
    """A stored reason or a line of a plan, with `ROC AUC` in place of `roc_auc`, and points by what they mean."""
    return _STORED.sub(lambda found: _SPOKEN[found[1]], sentence)


def with_interval(metric: Metric | None, *, undefined: str = "undefined", no_interval: str = "") -> str:
    """`0.861 (0.812–0.905)`; without limits the value and `no_interval`; without a value `undefined`."""
    if metric is None or metric.value is None:
        return undefined
    if metric.ci_low is None or metric.ci_high is None:
        return f"{metric.value:.3f}{no_interval}"
    return f"{metric.value:.3f} ({metric.ci_low:.3f}–{metric.ci_high:.3f})"


def over_seeds(found: Spread | None) -> str:
    """`5 seeds 0.841–0.873, SD 0.012`, or an empty text."""
    if found is None or found.sd is None:
        return ""
    return f"{found.n} seeds {found.lowest:.3f}–{found.highest:.3f}, SD {found.sd:.3f}"
