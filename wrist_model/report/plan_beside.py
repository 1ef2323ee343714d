"""What was planned before the hold-out was looked at, beside what happened: a table, and the checklists' answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wrist_model.evidence.retrain_plan import expected, in_words
from wrist_model.records import Comparison
from wrist_model.report.headline import HEADLINE
from wrist_model.report.metric_text import in_words as spoken
from wrist_model.report.report_data import ReportData

METRICS = ("roc_auc", "sensitivity", "specificity")


def rows(data: ReportData) -> list[tuple[str, str, str]]:
    """(what, planned, happened) a line; empty without a stored plan. happened is empty where nothing answers it."""
    if data.plan is None:
        return []
    happened = dict(_happened(data))
    lines = in_words(json.loads(data.plan.content))
    return [(what, spoken(planned), spoken(happened.get(what, ""))) for what, planned in lines]


def sample_size(data: ReportData) -> str | None:
    """What the hold-out was expected to decide, as planned; None without a stored plan."""
    if data.plan is None:
        return None
    said = json.loads(data.plan.content)
    hold = said["hold_out"]
    size = f"{hold['positive_patients']} patients with a positive and {hold['negative_patients']} with a negative study"
    return f"{size}, as planned {when(data)}. {'; '.join(words for _, words in expected(said))}."


def when(data: ReportData) -> str:
    """When the plan was stored, as a half sentence; data has one."""
    looks = data.plan.looks_before if data.plan else 0
    return f"after {looks} look(s) at them" if looks else "before they were looked at"


def of_the_gate(data: ReportData) -> list[Comparison]:
    """The comparisons that the served model's decision rests on."""
    return [one for one in data.comparisons if one.challenger == data.served and "one_sided" in one.method]


def _happened(data: ReportData) -> Iterator[tuple[str, str]]:
    served, found = data.serving_model, of_the_gate(data)
    if metric := served.metric("roc_auc"):
        yield "Hold-out", f"{metric.n_studies} studies of {metric.n_patients} patients scored"
    point = served.point()
    threshold = f" at {point.name}, threshold {point.threshold:.3f}" if point else ""
    yield "Serves", f"{served.architecture} {served.model_version_id}{threshold}: {data.decision or 'not decided'}"
    methods = sorted({one.method.replace("_", " ") for one in found})
    yield "Rule", ", ".join(methods) or "nothing was compared"
    titles = dict(HEADLINE)
    limits = [
        f"{titles[one.metric]} {one.ci_low:+.3f} against {one.reference}" for one in found if one.ci_low is not None
    ]
    yield "Margins", f"lower limits: {', '.join(limits)}" if limits else ""
    yield "First model", "" if found else (data.decision_reason or "")
    others = sorted({one.seed for model in data.models for one in model.replicates if one.seed is not None})
    yield "Seeds", f"measured with {', '.join(map(str, others))} too" if others else "no other seed is measured"
    if data.look is not None:
        left = f"one-sided error {data.look.alpha:.4f}" if data.look.alpha > 0 else "no error was left"
        yield "Looks", f"look {data.look.look}, {left}: {data.look.decision}"
    for name in METRICS:
        widths = [
            one.difference - one.ci_low
            for one in found
            if one.metric == name and one.difference is not None and one.ci_low is not None
        ]
        yield name, f"half-width {', '.join(f'{width:.3f}' for width in widths)}" if widths else ""
