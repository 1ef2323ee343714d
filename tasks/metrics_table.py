"""Study-level test metrics with their intervals as text, a row an evaluation: what the console prints."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from db import evaluations, metrics, models
from wrist_model.report.metric_text import with_interval
from wrist_model.scoring.serving_point import serving_metrics

METRICS = ("roc_auc", "sensitivity", "specificity")


def metrics_table(engine: Engine, evaluation_ids: Sequence[str]) -> list[dict[str, str]]:
    """One row an evaluation: architecture, and each metric as `0.912 (0.861–0.953)`, at the serving operating point."""
    rows = []
    for evaluation_id in evaluation_ids:
        row = evaluations.evaluation(engine, evaluation_id)
        found = serving_metrics(
            metrics.metrics(engine, evaluation_id, split="test", level="study", subgroup="all"),
            models.operating_points(engine, row.model_version_id),
        )
        rows.append({"architecture": row.architecture, **{name: with_interval(found.get(name)) for name in METRICS}})
    return rows
