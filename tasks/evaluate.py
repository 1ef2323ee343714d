"""Predict, lock, score: predictions are stored first, and metrics are computed from what was stored."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import comparisons, datasets, evaluations, models
from db import report_queries as facts_of
from db.engine import open_catalogue
from db.home import home
from db.metrics import add_metrics
from db.predictions import add_predictions, image_predictions, study_predictions
from tasks.compute import dask_predict
from tasks.headline_metrics import headlines
from tasks.runtime.heartbeat import alive
from tasks.runtime.progress import progress
from tasks.runtime.provenance import facts, provenance
from tasks.train import trained_before
from wrist_model.errors import DataError
from wrist_model.evidence import measure
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.recipe import Recipe
from wrist_model.records import ENSEMBLE, ImagePrediction, ImageRef, Split
from wrist_model.scoring import ensemble, operating_points, study_aggregation
from wrist_model.statistics import paired_tests

TUNING_SPLIT: Split = "validation"
HOLD_OUT: Split = "test"


@task(name="predict", task_run_name="predict with {model_version_id}", tags=["evaluation"])
def predict(model_version_id: str, dataset_id: str, recipe: Recipe, member_evaluations: Sequence[str] = ()) -> str:
    """`predictions` as a task of its own; gives the evaluation's id."""
    return predictions(model_version_id, dataset_id, recipe, member_evaluations)


def predictions(model_version_id: str, dataset_id: str, recipe: Recipe, member_evaluations: Sequence[str] = ()) -> str:
    """Writes a model version's predictions of validation and then of test; gives the evaluation's id.

    Between the two its operating points are locked, once for all: a model that has some keeps them on any data.
    member_evaluations: for an ensemble, its members' finished evaluations, whose stored rows are averaged.
    An evaluation that is complete is reused, an interrupted one is completed.
    """
    engine, by = open_catalogue(), provenance()
    model = models.model(engine, model_version_id)
    start = evaluations.begin_evaluation(
        engine,
        model_version_id=model_version_id,
        dataset_id=dataset_id,
        purpose="evaluation",
        facts=facts(),
        by=by,
        recipe_sha256=recipe.sha256,
    )
    if start.complete:
        return start.evaluation_id
    with alive(start.evaluation_id):
        for split in (TUNING_SPLIT, HOLD_OUT):
            refs = datasets.image_refs(engine, dataset_id, split)
            if member_evaluations:
                rows: Sequence[ImagePrediction] = ensemble.ensemble(
                    [image_predictions(engine, one, split) for one in member_evaluations]
                )
            else:
                rows = scored(engine, model, refs)
            study_aggregation.complete(rows, refs)
            if split == TUNING_SPLIT and not models.operating_points(engine, model_version_id):
                models.add_operating_points(
                    engine, model_version_id, operating_points.lock(rows, recipe.evaluation), by
                )
            points = models.operating_points(engine, model_version_id)
            images = operating_points.apply(points, rows)
            studies = operating_points.apply(points, study_aggregation.by_study(rows))
            add_predictions(engine, start.evaluation_id, images, studies, by)
    evaluations.finish_evaluation(engine, start.evaluation_id, by)
    return start.evaluation_id


def scored(
    engine: Engine, model: models.ModelVersion, refs: Sequence[ImageRef], cluster: str | None = None
) -> Sequence[ImagePrediction]:
    """Raw predictions by a network, or by each member of an ensemble and their mean; on a Dask cluster, if given."""
    if model.architecture != ENSEMBLE:
        return raw(model, refs, cluster)
    return ensemble.ensemble([raw(models.model(engine, member), refs, cluster) for member in model.members])


def raw(
    model: models.ModelVersion, refs: Sequence[ImageRef], cluster: str | None = None
) -> tuple[ImagePrediction, ...]:
    """A single network's raw predictions of these images, in their order."""
    path = home() / "models" / f"{model.artifact_sha256}.keras"
    with progress(f"predict with {model.architecture}") as tell:
        if cluster:
            scores = dask_predict.predict(path, refs, home=home(), address=cluster, progress=tell)
        else:
            load_tensorflow()
            from wrist_model.scoring import inference

            scores = inference.predict(path, refs, home=home(), progress=tell)
    return tuple(
        ImagePrediction(ref.image_uid, ref.study_uid, ref.patient_key, ref.split, ref.label, float(score))
        for ref, score in zip(refs, scores, strict=True)
    )


@task(name="score", task_run_name="score {evaluation_id}", tags=["evaluation"])
def score(evaluation_id: str, recipe: Recipe) -> None:
    """Writes the metrics of validation and test, computed from the predictions as they stand in the catalogue."""
    engine = open_catalogue()
    row = evaluations.evaluation(engine, evaluation_id)
    points = models.operating_points(engine, row.model_version_id)
    with progress(f"score {row.architecture}") as tell:
        for done, split in enumerate((TUNING_SPLIT, HOLD_OUT)):
            tell("metrics and intervals", done, 2, split)
            refs = datasets.image_refs(engine, frozen(row), split)
            metrics = measure.measure(
                image_predictions(engine, evaluation_id, split),
                study_predictions(engine, evaluation_id, split),
                points,
                recipe.evaluation,
                split,
                {ref.image_uid: ref.subgroups for ref in refs},
                patients_known=facts_of.patients_known(engine, frozen(row)),
            )
            add_metrics(engine, evaluation_id, metrics, provenance())
        tell("metrics and intervals", 2, 2, "")
    (said,) = headlines(engine, [evaluation_id])
    get_run_logger().info("%s: study-level test AUC %s.", row.architecture, said["roc_auc"])


def frozen(row: evaluations.EvaluationRow) -> str:
    """The data-set version of an evaluation. DataError for one of new studies, which has none."""
    if row.dataset_id is None:
        raise DataError(f"{row.evaluation_id} scored new studies: it has no data-set version to measure on.")
    return row.dataset_id


@task(name="compare", task_run_name="compare the networks", tags=["evaluation"])
def compare_networks(evaluation_ids: Sequence[str], recipe: Recipe) -> None:
    """Writes the paired differences of the first evaluation's model minus each other's, on the test studies."""
    engine = open_catalogue()
    first, *others = evaluation_ids
    challenger = evaluations.evaluation(engine, first).model_version_id
    for other in others:
        found = paired_tests.paired(
            study_predictions(engine, first, HOLD_OUT),
            study_predictions(engine, other, HOLD_OUT),
            challenger=challenger,
            reference=evaluations.evaluation(engine, other).model_version_id,
            resamples=recipe.evaluation.resamples,
            seed=recipe.evaluation.bootstrap_seed,
        )
        comparisons.add_comparisons(engine, first, found, provenance())


def ensemble_of(model_versions: Sequence[str]) -> str:
    """The model version that averages these networks; the same members always give the same one."""
    return models.add_ensemble(open_catalogue(), tuple(model_versions), provenance())


def newest(dataset_id: str | None, recipe: Recipe, model_versions: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
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


def latest(dataset_id: str | None = None) -> list[str]:
    """The newest finished evaluation of each model version on the newest data-set version. DataError without any."""
    engine = open_catalogue()
    dataset_id = datasets.dataset(engine, dataset_id).dataset_id
    by_model = {
        row.model_version_id: row.evaluation_id
        for row in evaluations.evaluations(engine, dataset_id=dataset_id)
        if row.purpose == "evaluation" and row.status == "finished"
    }
    if not by_model:
        raise DataError(f"Nothing is evaluated on {dataset_id}: `wrist evaluate` first.")
    return list(by_model.values())


def served(evaluation_ids: Sequence[str], recipe: Recipe) -> str:
    """Of these evaluations the one whose model the recipe named beforehand to serve; the last one failing that."""
    engine = open_catalogue()
    for evaluation_id in evaluation_ids:
        if evaluations.evaluation(engine, evaluation_id).architecture == recipe.evaluation.serve:
            return evaluation_id
    return evaluation_ids[-1]
