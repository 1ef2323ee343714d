"""The report's rows on where the maps lie to the boxes that people drew, with what each row says in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wrist_model.evidence.localisation_metrics import SHORTCUTS
from wrist_model.evidence_records import LocalisationMetric
from wrist_model.report.report_data import ExternalReport, ModelReport


def rows(models: Sequence[ModelReport], external: Sequence[ExternalReport] = ()) -> list[dict[str, Any]]:
    """One a class, network and set of pictures (`where`, "" for the internal test split): the fracture first, shortcuts
    last; none where nothing was measured."""
    found = []
    for model, where in (*((one, "") for one in models), *((one.model, one.hold_out) for one in external)):
        for name in sorted({one.region_class for one in model.localisation}):
            metrics = {one.metric: one for one in model.localisation if one.region_class == name}
            found.append(
                {"model": model, "where": where, "name": name, "shortcut": name in SHORTCUTS, "metrics": metrics}
                | {"some": metrics["pointing_game"], "said": _said(name in SHORTCUTS, metrics)}
            )
    return sorted(found, key=lambda row: (row["shortcut"], row["name"] != "fracture", row["name"]))


def _said(shortcut: bool, metrics: dict[str, LocalisationMetric]) -> str:
    difference = metrics["heat_minus_area" if shortcut else "pointing_minus_random"]
    low, high = difference.ci_low, difference.ci_high
    if low is None or high is None:
        return difference.note or "no interval"
    if shortcut:
        more, less = "more heat than its area: a shortcut may be at work", "less heat than its area"
    else:
        more, less = "hit more often than by chance", "hit less often than by chance"
    return more if low > 0 else less if high < 0 else "not told from chance"
