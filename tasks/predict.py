"""Score: predictions of studies that nobody has labelled yet, at the serving operating point."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task

from db import datasets, evaluations, models, predictions
from db.engine import open_catalogue
from db.home import home
from tasks.evaluate import scored
from tasks.ingest_files import studies_at
from tasks.runtime.provenance import facts, provenance
from wrist_model.errors import DataError
from wrist_model.scoring import operating_points, study_aggregation


@task(name="score new studies", task_run_name="score new studies", tags=["prediction"])
def score_new(
    paths: list[str] | None, model: str | None, source: str | None = None, cluster: str | None = None
) -> dict[str, Any]:
    """Writes one prospective evaluation with its image and study predictions; gives its id, the studies' rows, and how
    many studies of these paths this model had scored before.

    paths: only studies with a file at or below one of these; without any, all that have no label.
    cluster: a Dask scheduler whose workers compute. Raises DataError when no model serves.
    """
    engine, by = open_catalogue(), provenance()
    chosen = models.model(engine, model)
    points = models.operating_points(engine, chosen.model_version_id)
    if not points:
        raise DataError(f"{chosen.model_version_id} has no operating points: `wrist evaluate` locks them.")
    places = studies_at(engine, home(), paths or (), source)
    done = {
        row.study_uid
        for one in evaluations.evaluations(engine, model_version_id=chosen.model_version_id)
        if one.purpose == "prospective"
        for row in predictions.study_predictions(engine, one.evaluation_id)
    }
    found = datasets.refs_to_score(engine, places if paths else None)
    refs = [ref for ref in found if ref.study_uid not in done]
    before = len({ref.study_uid for ref in found} & done)
    if not refs:
        get_run_logger().info("Nothing new to score with %s.", chosen.model_version_id)
        return {"evaluation_id": None, "model_version_id": chosen.model_version_id, "studies": [], "before": before}
    rows = scored(engine, chosen, refs, cluster)
    images = operating_points.apply(points, rows)
    studies = operating_points.apply(points, study_aggregation.by_study(rows))
    start = evaluations.begin_evaluation(
        engine,
        model_version_id=chosen.model_version_id,
        dataset_id=None,
        purpose="prospective",
        facts=facts(),
        by=by,
    )
    predictions.add_predictions(engine, start.evaluation_id, images, studies, by)
    evaluations.finish_evaluation(engine, start.evaluation_id, by)
    get_run_logger().info("Scored %d studies with %s.", len(studies), chosen.model_version_id)
    return {
        "evaluation_id": start.evaluation_id,
        "model_version_id": chosen.model_version_id,
        "before": before,
        "studies": [
            {
                "study_uid": row.study_uid,
                "paths": places.get(row.study_uid, []),
                "n_images": row.n_images,
                "probability": row.probability,
                "predicted_label": row.predicted_label,
            }
            for row in studies
        ],
    }
