"""Explain: Grad-CAM maps of the gallery's cases for each network, stored and hashed."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import datasets, evaluations, explanations, models, predictions
from db.engine import open_catalogue
from db.home import home
from tasks.evaluate import frozen
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.records import ENSEMBLE, ImagePrediction
from wrist_model.report import gallery


def cases(engine: Engine, evaluation_id: str, count: int) -> tuple[ImagePrediction, ...]:
    """The gallery's test images of an evaluation: chosen by stored scores, so always the same ones."""
    return gallery.choose(predictions.image_predictions(engine, evaluation_id, "test"), count)


@task(name="explain", task_run_name="explain {evaluation_id}", tags=["explanation"])
def explain(evaluation_id: str, chosen_by: str, count: int) -> Sequence[str]:
    """Writes Grad-CAM overlays of the gallery's cases for one network's evaluation; gives their ids.

    chosen_by: the evaluation whose scores choose the cases (the served model's), so that networks stand side by side.
    """
    load_tensorflow()
    from wrist_model.explanation import grad_cam

    engine = open_catalogue()
    row = evaluations.evaluation(engine, evaluation_id)
    model = models.model(engine, row.model_version_id)
    if model.architecture == ENSEMBLE or not count:
        return ()
    wanted = {one.image_uid for one in cases(engine, chosen_by, count)}
    wanted -= {one.image_uid for one in explanations.explanations(engine, evaluation_id)}
    refs = [ref for ref in datasets.image_refs(engine, frozen(row), "test") if ref.image_uid in wanted]
    if not refs:
        return ()
    with progress(f"explain {model.architecture}") as tell:
        maps = grad_cam.explain(
            home() / "models" / f"{model.artifact_sha256}.keras", model.architecture, refs, home(), progress=tell
        )
    stored = explanations.add_explanations(engine, evaluation_id, maps, provenance())
    withheld = sum(one.withheld for one in maps)
    get_run_logger().info("%s: %d maps, %d of them withheld.", model.architecture, len(maps), withheld)
    return stored
