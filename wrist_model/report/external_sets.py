"""What a report says of external sets: the same model's figures on each, beside those on the internal test split."""

from __future__ import annotations

from wrist_model.records import Metric
from wrist_model.report.headline import CALIBRATION, HEADLINE
from wrist_model.report.report_data import ExternalReport

BESIDE = (
    *("roc_auc", "pr_auc", "sensitivity", "specificity", "calibration_in_the_large", "calibration_slope"),
    *("observed_expected", "brier"),
)
"""Discrimination, decisions at the locked serving threshold, calibration: in this order."""
TITLES = dict((*HEADLINE, *CALIBRATION))


def rows(one: ExternalReport) -> list[tuple[str, str, Metric | None, Metric | None]]:
    """(metric, its title, internal, external) of study level, of what is stored on either side."""
    found = [(name, TITLES[name], one.internal.metric(name), one.model.metric(name)) for name in BESIDE]
    return [row for row in found if row[2] is not None or row[3] is not None]


def counts(one: ExternalReport) -> Metric | None:
    """A metric of all studies of the set, whose numbers of patients, studies and images are the set's."""
    return one.model.metric("roc_auc") or next(iter(one.model.metrics), None)
