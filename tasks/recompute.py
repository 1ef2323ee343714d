"""Derive stored metrics again from stored predictions, and compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db import datasets, evaluations, metrics, models, predictions, recipes
from db.engine import open_catalogue
from db.image_refs import image_refs
from tasks.evaluation_choice import latest, with_external
from wrist_model.evidence.recompute import Difference, recompute
from wrist_model.recipe import stored as stored_recipe


@dataclass(frozen=True)
class Recomputed:
    """One evaluation derived again: how many metrics, and what differs (nothing, when all is well)."""

    evaluation_id: str
    architecture: str
    n_metrics: int
    differences: tuple[Difference, ...]


def recomputed(evaluation_ids: Sequence[str] | None = None) -> tuple[Recomputed, ...]:
    """Derives every stored metric of evaluations (the newest of each model, and of it on each external set) from stored
    predictions; writes nothing."""
    engine = open_catalogue()
    found = []
    for evaluation_id in evaluation_ids or with_external(engine, latest()):
        row = evaluations.evaluation(engine, evaluation_id)
        dataset_id = row.frozen_dataset_id
        used = recipes.recipe_of_evaluation(engine, evaluation_id)
        recipe = stored_recipe(used.canonical_json, used.name)
        stored = metrics.metrics(engine, evaluation_id)
        differences: list[Difference] = []
        for split in row.splits:
            refs = image_refs(engine, dataset_id, split, row.hold_out)
            differences += recompute(
                predictions.image_predictions(engine, evaluation_id, split),
                predictions.study_predictions(engine, evaluation_id, split),
                models.operating_points(engine, row.model_version_id),
                stored,
                recipe.evaluation,
                split,
                {ref.image_uid: ref.subgroups for ref in refs},
                patients_known=datasets.patients_known(engine, dataset_id, row.hold_out),
            )
        found.append(Recomputed(evaluation_id, row.architecture, len(stored), tuple(differences)))
    return tuple(found)
