"""Which models to evaluate, which evaluations are the newest, and which of them the recipe named to serve."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from db import datasets, evaluations, models
from db.engine import open_catalogue
from tasks.runtime.provenance import provenance
from tasks.train import trained, trained_before
from wrist_model.errors import DataError
from wrist_model.recipe import Recipe


def ensemble_of(model_versions: Sequence[str]) -> str:
    """The model version that averages these networks; the same members always give the same one."""
    return models.add_ensemble(open_catalogue(), tuple(model_versions), provenance())


def models_to_evaluate(
    dataset_id: str | None, recipe: Recipe, model_versions: Sequence[str] | None
) -> tuple[str, tuple[str, ...]]:
    """The data-set version and model versions to evaluate, where none are named: the newest of this recipe.

    Raises DataError when no version is frozen or a network of the recipe is not trained on it.
    """
    engine = open_catalogue()
    dataset_id = datasets.dataset(engine, dataset_id).dataset_id
    if model_versions:
        return dataset_id, tuple(model_versions)
    found = []
    for architecture in recipe.network.architectures:
        model_version_id = trained_before(engine, dataset_id, recipe, architecture)
        if model_version_id is None:
            raise DataError(
                f"{architecture} is not trained on {dataset_id} with the recipe {recipe.name}: "
                f"`wrist train --recipe {recipe.name}` first."
            )
        found.append(model_version_id)
    return dataset_id, tuple(found)


def replicates_to_evaluate(dataset_id: str, recipe: Recipe) -> list[tuple[str, ...]]:
    """The model versions of each replicate of the recipe, a network after the other, where all of them are trained."""
    engine, networks = open_catalogue(), recipe.network.architectures
    found = [trained(engine, dataset_id, recipe, architecture) for architecture in networks]
    return [
        tuple(of[number] for of in found)
        for number in range(1, recipe.training.replicates)
        if all(number in of for of in found)
    ]


def latest(dataset_id: str | None = None) -> list[str]:
    """The newest finished evaluation of each model version on a data-set version (the newest that has one: what was
    frozen since, such as for an external set, is not evaluated yet). Raises DataError without any."""
    engine = open_catalogue()
    dataset_id = dataset_id or evaluations.newest_evaluated(engine) or datasets.dataset(engine).dataset_id
    found = [row.evaluation_id for row in evaluations.newest_finished(engine, dataset_id)]
    if not found:
        raise DataError(f"Nothing is evaluated on {dataset_id}: `wrist evaluate` first.")
    return found


def with_external(engine: Engine, evaluation_ids: Sequence[str]) -> list[str]:
    """These evaluations, and the newest one of each of their models on each external set."""
    found = list(evaluation_ids)
    for evaluation_id in evaluation_ids:
        model_version_id = evaluations.evaluation(engine, evaluation_id).model_version_id
        found += [row.evaluation_id for row in evaluations.finished_outside(engine, model_version_id)]
    return found


def evaluation_to_serve(evaluation_ids: Sequence[str], recipe: Recipe) -> str:
    """Of these evaluations the one whose model the recipe named beforehand to serve; the last one failing that."""
    engine = open_catalogue()
    for evaluation_id in evaluation_ids:
        if evaluations.evaluation(engine, evaluation_id).architecture == recipe.evaluation.serve:
            return evaluation_id
    return evaluation_ids[-1]
