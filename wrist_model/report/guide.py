"""The report in one screen: what was asked, the answer, how sure it is, and what not to conclude from it."""

from __future__ import annotations

from wrist_model.records import Metric
from wrist_model.report.metric_text import in_words, with_interval
from wrist_model.report.report_data import ReportData


def guide(data: ReportData) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(heading, sentences): plain text from stored figures; a figure that isn't stored is not spoken of."""
    return (
        ("Asked", _asked(data)),
        ("Answer", _answer(data)),
        ("How sure", _how_sure(data)),
        ("Do not conclude", _not_to_conclude(data)),
    )


def _classes(data: ReportData) -> tuple[str, str]:
    """What studies with a positive and with a negative label are called, as their sources mean it."""
    meant = data.dataset.meanings
    return ("abnormal", "normal") if meant == ("abnormal",) else (f"{' or '.join(meant)}-positive", "negative")


def _asked(data: ReportData) -> tuple[str, ...]:
    positive, negative = _classes(data)
    return (
        f"Does {data.serving_model.name}, which the recipe named beforehand, tell {positive} wrist studies from "
        f"{negative} ones of patients that it never saw, and shall it serve?",
    )


def _answer(data: ReportData) -> tuple[str, ...]:
    model = data.serving_model
    said = []
    for name, called in zip(("sensitivity", "specificity"), _classes(data), strict=True):
        metric = model.metric(name)
        if metric is not None and metric.value is not None:
            said.append(f"Of 100 {called} studies it calls {_of_100(metric)} {called}.")
    area = model.metric("roc_auc")
    if area is not None and area.value is not None:
        said.append(f"ROC AUC {with_interval(area)}: 1 is perfect, 0.5 is chance.")
    decision = {"promoted": "It serves now", "refused": "It does not serve", "undecided": "Undecided: nothing changes"}
    if data.decision:
        why = in_words(data.decision_reason or "by hand")
        said.append(f"{decision.get(data.decision, data.decision.capitalize())}: {why}.")
    return tuple(said) or ("No figure is stored.",)


def _of_100(metric: Metric) -> str:
    assert metric.value is not None
    about = f"about {metric.value * 100:.0f}"
    if metric.ci_low is None or metric.ci_high is None:
        return about
    return f"{about} ({metric.ci_low * 100:.0f} to {metric.ci_high * 100:.0f})"


def _how_sure(data: ReportData) -> tuple[str, ...]:
    some = data.serving_model.metric("roc_auc") or data.serving_model.metric("accuracy")
    said = []
    if some is not None:
        said.append(
            f"The ranges in brackets hold for {some.n_patients:,} patients ({some.n_studies:,} studies) drawn by "
            "chance from the same places; they say nothing about other places."
        )
    looks = "once" if data.holdout_looks == 1 else f"{data.holdout_looks} times"
    said.append(
        "Thresholds were fixed on validation before these patients were scored. They have been looked at "
        f"{looks}: each look makes a lucky figure likelier."
    )
    if not data.patients_known:
        said.append("The source names no patients: the ranges may be too narrow.")
    for one in data.external:
        area = one.model.metric("roc_auc")
        if area is not None and area.value is not None:
            said.append(f"At another place ({one.hold_out}) the ROC AUC was {with_interval(area)}.")
    return tuple(said)


def _not_to_conclude(data: ReportData) -> tuple[str, ...]:
    said = ["That the figures are of patients: the radiographs are synthetic."] if data.synthetic else []
    meant = " or ".join(data.dataset.meanings)
    said.append(f"That it finds anything but what its label says ({meant}), or where in the picture that is.")
    if not data.external:
        said.append("That it does as well at another hospital or scanner: none was tested.")
    said.append("That a bright map shows the finding, or that a subgroup with few studies is safe.")
    said.append("That a patient may be diagnosed by it: it is not for diagnosis.")
    return tuple(said)
