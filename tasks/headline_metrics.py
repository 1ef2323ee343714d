"""The headline: study-level test metrics with their intervals, as text, for the console."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from db import evaluations, metrics, models

METRICS = ("roc_auc", "sensitivity", "specificity")


def headlines(engine: Engine, evaluation_ids: Sequence[str]) -> list[dict[str, str]]:
    """One row an evaluation: architecture, and each metric as `0.912 (0.861–0.953)`, at the serving operating point."""
    rows = []
    for evaluation_id in evaluation_ids:
        row = evaluations.evaluation(engine, evaluation_id)
        points = models.operating_points(engine, row.model_version_id)
        serving = next(point.name for point in points if point.serving and point.level == "study")
        found = {
            metric.metric: metric
            for metric in metrics.metrics(engine, evaluation_id)
            if (metric.split, metric.level, metric.subgroup) == ("test", "study", "all")
            and metric.operating_point in (None, serving)
        }
        cells = {"architecture": row.architecture}
        for name in METRICS:
            metric = found.get(name)
            if metric is None or metric.value is None:
                cells[name] = "undefined"
            elif metric.ci_low is None or metric.ci_high is None:
                cells[name] = f"{metric.value:.3f}"
            else:
                cells[name] = f"{metric.value:.3f} ({metric.ci_low:.3f}–{metric.ci_high:.3f})"
        rows.append(cells)
    return rows
