"""Measure an evaluation: the metrics of validation and test, from the predictions as they stand in the catalogue."""

from __future__ import annotations

from prefect import get_run_logger, task

from db import datasets, evaluations, metrics, models
from db.engine import open_catalogue
from db.image_refs import image_refs
from db.predictions import image_predictions, study_predictions
from tasks.metrics_table import metrics_table
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.evidence.evaluation_metrics import measure
from wrist_model.recipe import Recipe


@task(name="score", task_run_name="score {evaluation_id}", tags=["evaluation"], **BUSY)
def score(evaluation_id: str, recipe: Recipe) -> None:
    """Writes the metrics of validation and test, or of an external set, with their intervals; what is stored stays."""
    engine = open_catalogue()
    row = evaluations.evaluation(engine, evaluation_id)
    dataset_id = row.frozen_dataset_id
    points = models.operating_points(engine, row.model_version_id)
    with progress(f"score {row.architecture}") as tell:
        for done, split in enumerate(row.splits):
            tell("metrics and intervals", done, len(row.splits), row.hold_out or split)
            if metrics.are_measured(engine, evaluation_id, split):
                continue
            found = measure(
                image_predictions(engine, evaluation_id, split),
                study_predictions(engine, evaluation_id, split),
                points,
                recipe.evaluation,
                split,
                {ref.image_uid: ref.subgroups for ref in image_refs(engine, dataset_id, split, row.hold_out)},
                patients_known=datasets.patients_known(engine, dataset_id, row.hold_out),
            )
            metrics.add_metrics(engine, evaluation_id, found, provenance())
        tell("metrics and intervals", len(row.splits), len(row.splits), "")
    (said,) = metrics_table(engine, [evaluation_id])
    where = f"study-level AUC on {row.hold_out}" if row.hold_out else "study-level test AUC"
    get_run_logger().info("%s: %s %s.", row.architecture, where, said["roc_auc"])
