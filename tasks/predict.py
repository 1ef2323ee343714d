"""Score: predictions of studies that nobody has labelled yet, at the serving operating point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import get_run_logger, task
from sqlalchemy import Connection

from db import evaluations, images, models, predictions
from db.engine import open_catalogue, writing
from db.home import home
from db.image_refs import refs_of_studies, refs_of_unlabelled
from db.leases import SCORING
from db.unended_runs import resource
from tasks import requests
from tasks.ingest_files import studies_at
from tasks.raw_scores import scores_of_whole_studies, ways
from tasks.runtime.endings import as_ended
from tasks.runtime.lease import held, kept
from tasks.runtime.provenance import facts, provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.errors import DataError, LeaseLost
from wrist_model.network import forward
from wrist_model.records import ImageRef
from wrist_model.scoring import operating_points, study_aggregation

WAIT_SECONDS = 1800.0  # for another process that scores: what it has scored is not scored again


@task(name="score new studies", task_run_name="score new studies", tags=["prediction"], **BUSY)
def score_new(
    paths: list[str] | None,
    model: str | None,
    source: str | None = None,
    cluster: str | None = None,
    quiet_minutes: float = 0.0,
) -> dict[str, Any]:
    """Writes one prospective evaluation with its image and study predictions, or that it failed and why; gives its id,
    the studies' rows, how many studies of these paths this model had scored before, and how many are not yet complete.

    A study that has got images since it was scored, or of which a file is read otherwise now (`--recheck --take`), is
    scored again; the earlier prediction stays, superseded.
    paths: only studies with a file at or below one of these; without any, all that have no label.
    cluster: a Dask scheduler whose workers compute.
    quiet_minutes: a study counts as complete so long after its last image came. Raises DataError when no model serves.
    """
    with requests.unnamed(paths or ()), held(SCORING, WAIT_SECONDS):
        return _score_new(paths, model, source, cluster, quiet_minutes)


def _score_new(
    paths: list[str] | None, model: str | None, source: str | None, cluster: str | None, quiet_minutes: float
) -> dict[str, Any]:
    engine, by = open_catalogue(), provenance()
    places = studies_at(engine, home(), paths or (), source)
    with writing(engine) as connection:
        chosen = models.model(connection, model)
        points = models.operating_points(connection, chosen.model_version_id)
        if not points:
            raise DataError(f"{chosen.model_version_id} has no operating points: `wrist evaluate` locks them.")
        found = refs_of_studies(connection, places) if paths else refs_of_unlabelled(connection)
        replaced = images.replaced(connection, {ref.study_uid for ref in found})
        found = [ref for ref in found if ref.image_uid not in replaced]
        scored = _scored(connection, chosen.model_version_id, found)
        left = [ref for ref in found if ref.study_uid not in scored]
        waiting = images.still_coming(connection, {ref.study_uid for ref in left}, quiet_minutes)
        refs = [ref for ref in left if ref.study_uid not in waiting]
        result: dict[str, Any] = {
            "evaluation_id": None,
            "model_version_id": chosen.model_version_id,
            "before": len(scored),
            "waiting": len(waiting),
            "studies": [],
        }
        if not refs:
            said = f"; {len(waiting)} studies wait for their last images" if waiting else ""
            get_run_logger().info("Nothing new to score with %s%s.", chosen.model_version_id, said)
            return result
        how = ways(connection, chosen)
        evaluation_id = evaluations.begin_evaluation(
            connection,
            model_version_id=chosen.model_version_id,
            dataset_id=None,
            purpose="prospective",
            facts=facts(forward.joined(how)),
            by=by,
        ).evaluation_id
    with kept(engine, resource("evaluation", evaluation_id)):
        try:
            rows = scores_of_whole_studies(engine, chosen, refs, how, cluster)
            of_images = operating_points.apply(points, rows)
            of_studies = operating_points.apply(points, study_aggregation.by_study(rows))
            with writing(engine) as connection:
                elsewhere = _scored(connection, chosen.model_version_id, refs)  # by another run meanwhile
                of_images = tuple(row for row in of_images if row.study_uid not in elsewhere)
                of_studies = tuple(row for row in of_studies if row.study_uid not in elsewhere)
                predictions.add_predictions(connection, evaluation_id, of_images, of_studies, by)
                note = f"another run scored {len(elsewhere)} of the studies meanwhile" if elsewhere else None
                evaluations.finish_evaluation(connection, evaluation_id, by, reason=note)
        except LeaseLost:  # another process has written its end
            raise
        except BaseException as error:  # a signal, a cancelled run too
            evaluations.finish_evaluation(engine, evaluation_id, by, "failed", as_ended(error))
            raise
    get_run_logger().info("Scored %d studies with %s.", len(of_studies), chosen.model_version_id)
    return {
        **result,
        "evaluation_id": evaluation_id if of_studies else None,
        "before": len(scored) + len(elsewhere),
        "studies": [
            {
                "study_uid": row.study_uid,
                "paths": places.get(row.study_uid, []),
                "n_images": row.n_images,
                "probability": row.probability,
                "predicted_label": row.predicted_label,
            }
            for row in of_studies
        ],
    }


def _scored(connection: Connection, model_version_id: str, refs: Sequence[ImageRef]) -> set[str]:
    """The studies of which this model has scored each of the given images."""
    before = predictions.images_scored(connection, model_version_id, [ref.image_uid for ref in refs])
    return {ref.study_uid for ref in refs} - {ref.study_uid for ref in refs if ref.image_uid not in before}
