"""Predict a frozen data-set version with a model version, and lock its operating points between validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from prefect import task

from db import evaluations, hold_outs, models
from db.engine import open_catalogue, writing
from db.image_refs import image_refs
from db.predictions import add_predictions, image_predictions
from db.unended_runs import resource
from tasks.raw_scores import averaged, raw_scores, ways
from tasks.runtime.endings import as_ended
from tasks.runtime.lease import kept, patiently
from tasks.runtime.provenance import facts, provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.errors import DataError, LeaseLost
from wrist_model.network import forward
from wrist_model.recipe import Recipe
from wrist_model.records import Forward, ImagePrediction
from wrist_model.scoring import operating_points, study_aggregation

WAIT_SECONDS = 3600.0  # for another process that makes the same evaluation: its rows are reused then


@task(name="predict", task_run_name="predict with {model_version_id}", tags=["evaluation"], **BUSY)
def predict(
    model_version_id: str,
    dataset_id: str,
    recipe: Recipe,
    member_evaluations: Sequence[str] = (),
    hold_out: str | None = None,
) -> str:
    """`predictions` as a task of its own; gives the evaluation's id."""
    return predictions(model_version_id, dataset_id, recipe, member_evaluations, hold_out)


def predictions(
    model_version_id: str,
    dataset_id: str,
    recipe: Recipe,
    member_evaluations: Sequence[str] = (),
    hold_out: str | None = None,
) -> str:
    """Writes a model version's predictions of validation and then of test; gives the evaluation's id.

    Between the two its operating points are locked, once for all: a model that has some keeps them on any data.
    member_evaluations: for an ensemble, its members' finished evaluations, whose stored rows are averaged.
    hold_out: an external set of the version, which is scored alone, by the points that are locked already.
    An evaluation that is complete is reused, an interrupted one is completed. A failure is stored with its reason.
    Raises LeakError where the model is known by then to have learnt from the external set; none of it is stored.
    """
    engine, by = open_catalogue(), provenance()
    model = models.model(engine, model_version_id)
    made = [evaluations.evaluation(engine, one) for one in member_evaluations]
    ran_by = {row.model_version_id: Forward(row.engine, row.precision) for row in made}
    how = [ran_by[member] for member in model.members] if made else ways(engine, model)
    ran = forward.joined(how)
    start = patiently(
        lambda: evaluations.begin_evaluation(
            engine,
            model_version_id=model_version_id,
            dataset_id=dataset_id,
            purpose="evaluation",
            facts=facts(ran),
            by=by,
            recipe=recipe.as_stored,
            hold_out=hold_out,
        ),
        WAIT_SECONDS,
    )
    if start.complete:
        return start.evaluation_id
    with kept(engine, resource("evaluation", start.evaluation_id)):
        try:
            for split in evaluations.scored_splits(hold_out):
                refs = image_refs(engine, dataset_id, split, hold_out)
                if member_evaluations:
                    rows: Sequence[ImagePrediction] = averaged(
                        engine,
                        [models.model(engine, row.model_version_id) for row in made],
                        [image_predictions(engine, one, split) for one in member_evaluations],
                    )
                else:
                    rows = raw_scores(engine, model, refs, how)
                study_aggregation.complete(rows, refs)
                locked = operating_points.lock(rows, recipe.evaluation) if split == "validation" else ()
                with writing(engine) as connection:
                    if hold_out:  # patients may have been merged, and pictures linked, since the set was found
                        hold_outs.refuse_known(connection, model_version_id, dataset_id, hold_out)
                    points = models.operating_points(connection, model_version_id)
                    if locked and not points:
                        points = tuple(replace(one, **asdict(ran)) for one in locked)
                        models.add_operating_points(connection, model_version_id, points, by)
                    if points and (points[0].precision or "f32") != ran.precision:
                        raise DataError(
                            f"{model_version_id}'s thresholds were locked in {points[0].precision or 'f32'} meanwhile; "
                            f"these scores are in {ran.precision}. Evaluate again."
                        )
                    images = operating_points.apply(points, rows)
                    studies = operating_points.apply(points, study_aggregation.by_study(rows))
                    add_predictions(connection, start.evaluation_id, images, studies, by)
            evaluations.finish_evaluation(engine, start.evaluation_id, by)
        except LeaseLost:  # another process has written its end
            raise
        except BaseException as error:  # a signal, a cancelled run too
            evaluations.finish_evaluation(engine, start.evaluation_id, by, "failed", as_ended(error))
            raise
    return start.evaluation_id
