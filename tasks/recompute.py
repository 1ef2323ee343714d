"""Derive stored metrics again from stored predictions, and compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db import datasets, evaluations, metrics, models, predictions
from db import report_queries as facts_of
from db.engine import open_catalogue
from tasks.evaluate import HOLD_OUT, TUNING_SPLIT, frozen, latest
from wrist_model import recipe as recipes
from wrist_model.evidence.recompute import Difference, recompute


@dataclass(frozen=True)
class Recomputed:
    """One evaluation derived again: how many metrics, and what differs (nothing, when all is well)."""

    evaluation_id: str
    architecture: str
    n_metrics: int
    differences: tuple[Difference, ...]


def recomputed(evaluation_ids: Sequence[str] | None = None) -> tuple[Recomputed, ...]:
    """Derives every stored metric of evaluations (the newest of each model) from stored predictions; writes nothing."""
    engine = open_catalogue()
    found = []
    for evaluation_id in evaluation_ids or latest():
        row = evaluations.evaluation(engine, evaluation_id)
        dataset_id = frozen(row)
        recipe = recipes.stored(*facts_of.recipe_of_evaluation(engine, evaluation_id))
        stored = metrics.metrics(engine, evaluation_id)
        differences: list[Difference] = []
        for split in (TUNING_SPLIT, HOLD_OUT):
            refs = datasets.image_refs(engine, dataset_id, split)
            differences += recompute(
                predictions.image_predictions(engine, evaluation_id, split),
                predictions.study_predictions(engine, evaluation_id, split),
                models.operating_points(engine, row.model_version_id),
                stored,
                recipe.evaluation,
                split,
                {ref.image_uid: ref.subgroups for ref in refs},
                patients_known=facts_of.patients_known(engine, dataset_id),
            )
        found.append(Recomputed(evaluation_id, row.architecture, len(stored), tuple(differences)))
    return tuple(found)
