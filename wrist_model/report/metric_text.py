"""A metric and its interval as text, and its spread over seeds."""

from __future__ import annotations

from wrist_model.evidence.replicates import Spread
from wrist_model.records import Metric


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
