"""Explain: Grad-CAM maps of the gallery's cases for each network, stored and hashed."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import audit, datasets, evaluations
from db.engine import home, open_catalogue
from tasks.context import provenance
from tasks.evaluate import frozen
from tasks.progress import progress
from wrist_model.quiet import load_tensorflow
from wrist_model.records import ENSEMBLE, ImagePrediction
from wrist_model.report import gallery


def cases(engine: Engine, evaluation_id: str, count: int) -> tuple[ImagePrediction, ...]:
    """The gallery's test images of an evaluation: chosen by stored scores, so always the same ones."""
    return gallery.choose(evaluations.image_predictions(engine, evaluation_id, "test"), count)


@task(name="explain", task_run_name="explain {evaluation_id}", tags=["explanation"])
def explain(evaluation_id: str, chosen_by: str, count: int) -> Sequence[str]:
    """Writes Grad-CAM overlays of the gallery's cases for one network's evaluation; gives their ids.

    chosen_by: the evaluation whose scores choose the cases (the served model's), so that networks stand side by side.
    """
    load_tensorflow()
    from wrist_model import gradcam

    engine = open_catalogue()
    row = evaluations.evaluation(engine, evaluation_id)
    model = audit.model(engine, row.model_version_id)
    if model.architecture == ENSEMBLE or not count:
        return ()
    wanted = {one.image_uid for one in cases(engine, chosen_by, count)}
    wanted -= {one.image_uid for one in evaluations.explanations(engine, evaluation_id)}
    refs = [ref for ref in datasets.image_refs(engine, frozen(row), "test") if ref.image_uid in wanted]
    if not refs:
        return ()
    with progress(f"explain {model.architecture}") as tell:
        maps = gradcam.explain(
            home() / "models" / f"{model.artifact_sha256}.keras", model.architecture, refs, home(), progress=tell
        )
    stored = evaluations.add_explanations(engine, evaluation_id, maps, provenance())
    withheld = sum(one.withheld for one in maps)
    get_run_logger().info("%s: %d maps, %d of them withheld.", model.architecture, len(maps), withheld)
    return stored
