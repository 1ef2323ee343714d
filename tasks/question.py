"""What the form behind Resume tells whoever decides: both models' figures, where to read more, what the buttons do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db import comparisons, evaluations, metrics, models, promotions
from tasks.runtime import pages
from wrist_model.records import Metric
from wrist_model.report.headline import HEADLINE
from wrist_model.report.metric_text import in_words, with_interval
from wrist_model.report.model_card import plain, table
from wrist_model.scoring.serving_point import serving_metrics

SHOWN = ("roc_auc", "sensitivity", "specificity")


def question(engine: Engine, verdict: dict[str, Any], run: str | None, report: str) -> str:
    """Markdown. verdict: what the gate gives; run: the flow run that asks; report: the page's path."""
    model, champion = verdict["model_version_id"], promotions.champion(engine)
    lines = [f"## Shall {model} serve?", "", f"It {plain(in_words(verdict['reason']))}.", ""]
    lines += [*_figures(engine, model, champion.model_version_id if champion else None), ""]
    read = {"report": pages.report(report), "gate, costs and curves": pages.link(f"/runs/flow-run/{run}?tab=Artifacts")}
    links = [f"[{name}]({address})" for name, address in read.items() if address]
    lines += [f"Read first: {', '.join(links)}.", ""] if links else [f"The report: {plain(report)}.", ""]
    return "\n".join(
        [
            *lines,
            "*Close* decides nothing, and the run goes on waiting. The red *Cancel* of the run's page ends the run "
            "without an answer. Reject says that the model never serves. Unanswered, it stays challenger, and "
            f"`wrist promote {model}` works at any time.",
        ]
    )


def _figures(engine: Engine, challenger: str, champion: str | None) -> list[str]:
    """The challenger's figures, the champion's beside them where one serves, and the paired differences."""
    names, theirs = dict(HEADLINE), _metrics(engine, champion) if champion else {}
    ours = _metrics(engine, challenger)
    evaluation = evaluations.finished_inside(engine, challenger)
    found = comparisons.comparisons(engine, evaluation.evaluation_id) if evaluation else []
    paired = {one.metric: one for _, one, _ in found if one.reference == champion}
    if champion is None:
        rows: list[tuple[object, ...]] = [(names[name], with_interval(ours.get(name))) for name in SHOWN]
        return [*table(("test studies", challenger), rows), "", "No model serves yet."]
    rows = []
    for name in SHOWN:
        one = paired.get(name)
        difference = "not compared" if one is None or one.difference is None else f"{one.difference:+.3f}"
        if one is not None and one.ci_low is not None and one.ci_high is not None:
            difference += f" ({one.ci_low:+.3f} to {one.ci_high:+.3f})"
        rows.append((names[name], with_interval(ours.get(name)), with_interval(theirs.get(name)), difference))
    head = ("test studies", f"{challenger} (asks)", f"{champion} (serves)", "difference, same patients")
    return [*table(head, rows), "", "Each model's own figures are of its own newest test; the difference is paired."]


def _metrics(engine: Engine, model_version_id: str) -> dict[str, Metric]:
    row = evaluations.finished_inside(engine, model_version_id)
    if row is None:
        return {}
    points = models.operating_points(engine, model_version_id)
    return serving_metrics(tuple(metrics.metrics(engine, row.evaluation_id)), points)
