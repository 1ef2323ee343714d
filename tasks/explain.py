"""Explain: Grad-CAM maps of the gallery's cases for each network, stored and hashed."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import evaluations, explanations, models, predictions
from db.engine import open_catalogue, writing
from db.home import explanation_folder, home, model_file
from db.image_refs import image_refs
from tasks import localise
from tasks.raw_scores import second_rules
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.errors import CatalogueBusy
from wrist_model.evidence_records import Explanation
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.records import ENSEMBLE, ImagePrediction
from wrist_model.report import gallery


def cases(engine: Engine, evaluation_id: str, count: int) -> tuple[ImagePrediction, ...]:
    """The gallery's test images of an evaluation: chosen by stored scores, so always the same ones."""
    return gallery.choose(predictions.image_predictions(engine, evaluation_id, "test"), count)


def store(engine: Engine, evaluation_id: str, maps: Sequence[Explanation]) -> Sequence[str]:
    """Store maps whose files are there; `wrist prune` deletes none while this transaction is open. Gives their ids.

    Raises CatalogueBusy where a file is gone: it was there already when the map was drawn, and was pruned since. Who
    tries again draws it."""
    with writing(engine) as connection:
        for one in maps:
            if not (home() / one.path).is_file():
                raise CatalogueBusy(
                    f"{one.path}: this heat map's file was deleted while it was explained (`wrist prune`?). Nothing of "
                    "this step was stored; run the same command again, and it is drawn again."
                )
        return explanations.add_explanations(connection, evaluation_id, maps, provenance())


@task(name="explain", task_run_name="explain {evaluation_id}", tags=["explanation"], **BUSY)
def explain(evaluation_id: str, chosen_by: str, count: int, resamples: int = 2000, seed: int = 7) -> Sequence[str]:
    """Writes Grad-CAM overlays of the gallery's cases for one network's evaluation, and how the maps of all test images
    with boxes lie to these; gives the overlays' ids.

    Maps of a model that was trained by the second rules are held against several shuffled networks, others against one.
    chosen_by: the evaluation whose scores choose the cases (the served model's), so that networks stand side by side.
    resamples, seed: of the bootstrap over patients.
    """
    engine = open_catalogue()
    row = evaluations.evaluation(engine, evaluation_id)
    model = models.model(engine, row.model_version_id)
    if model.architecture == ENSEMBLE:
        return ()
    wanted = {one.image_uid for one in cases(engine, chosen_by, count)} if count else set()
    wanted -= {one.image_uid for one in explanations.explanations(engine, evaluation_id)}
    test = image_refs(engine, row.frozen_dataset_id, "test", row.hold_out)
    refs = [ref for ref in test if ref.image_uid in wanted]
    wait = localise.waiting(engine, evaluation_id, test)
    if not refs and wait is None:
        return ()
    load_tensorflow()
    from wrist_model.explanation import grad_cam, sanity_null

    file = model_file(home(), model.artifact_sha256)
    network = grad_cam.open_network(file, model.architecture)
    stored: Sequence[str] = ()
    if refs:
        with progress(f"explain {model.architecture}") as tell:
            folder = explanation_folder(home())
            shuffles = sanity_null.SHUFFLES if second_rules(engine, model) else 1
            maps = grad_cam.explain(
                file, model.architecture, refs, folder, progress=tell, explainer=network, shuffles=shuffles
            )
        stored = store(engine, evaluation_id, maps)
        withheld = sum(one.withheld for one in maps)
        get_run_logger().info("%s: %d maps, %d of them withheld.", model.architecture, len(maps), withheld)
    if wait is not None:
        localise.measure(engine, evaluation_id, wait, network, resamples, seed)
        get_run_logger().info("%s: %d maps measured on boxes.", model.architecture, len(wait.refs))
    return stored
