"""Replicates beside the models of a report: what each gave with another seed."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from db import evaluations, metrics, models, trainings
from tasks.train import trained
from wrist_model.recipe import Recipe
from wrist_model.records import ENSEMBLE
from wrist_model.report.report_data import ModelReport


def with_replicates(engine: Engine, model: ModelReport, dataset_id: str, recipe: Recipe) -> ModelReport:
    """The model with its measured replicates, in the order of their numbers; an ensemble's are ensembles of theirs."""
    networks = [model.architecture]
    if model.architecture == ENSEMBLE:
        networks = [models.model(engine, member).architecture for member in model.members]
    of = [trained(engine, dataset_id, recipe, network) for network in networks]
    shared = set.intersection(*(set(each) for each in of)) - {None}
    found = []
    for number in sorted(one for one in shared if one is not None):
        ids = [each[number] for each in of]
        row = evaluations.finished_inside(engine, ids[0] if len(ids) == 1 else models.ensemble_id(ids))
        if row is None:
            continue
        found.append(
            ModelReport(
                row.model_version_id,
                row.architecture,
                seed=_seed(engine, row.model_version_id),
                operating_points=models.operating_points(engine, row.model_version_id),
                metrics=tuple(metrics.metrics(engine, row.evaluation_id)),
            )
        )
    return replace(model, replicates=tuple(found))


def _seed(engine: Engine, model_version_id: str) -> int | None:
    """Of a network; None of an ensemble."""
    run = models.model(engine, model_version_id).training_run_id
    return trainings.training_run(engine, run).seed if run else None
