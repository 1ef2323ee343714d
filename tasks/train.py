"""Train one network on a frozen data-set version, or go on with the training that was interrupted."""

from __future__ import annotations

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import datasets, trainings
from db.engine import open_catalogue
from db.home import home
from tasks.runtime.heartbeat import alive
from tasks.runtime.progress import progress
from tasks.runtime.provenance import facts, provenance
from tasks.runtime.training_curves import Curves
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.recipe import Recipe, model_json
from wrist_model.records import Epoch, ImageRef


@task(name="train", task_run_name="train {architecture}", tags=["training"])
def fit(dataset_id: str, recipe: Recipe, architecture: str, tensorboard: bool = False) -> str:
    """Writes a training run, its history epoch by epoch, and the model version; gives the model version's id.

    The same data-set version, recipe and network are trained once: a finished run's model is reused, an interrupted
    run goes on after its last finished epoch. A failure is stored with its reason. tensorboard: also write its logs,
    home/tensorboard/<training run>.
    """
    load_tensorflow()
    from wrist_model.training import fit as training

    log, engine = get_run_logger(), open_catalogue()
    if found := trained_before(engine, dataset_id, recipe, architecture):
        log.info("%s: already trained on %s with this recipe: %s.", architecture, dataset_id, found)
        return found
    start = trainings.begin_training(
        engine,
        dataset_id=dataset_id,
        architecture=architecture,
        seed=recipe.training.seed,
        recipe_sha256=recipe.sha256,
        recipe_json=recipe.canonical_json,
        recipe_name=recipe.name,
        weights_source=recipe.network.weights,
        facts=facts(),
        by=provenance(),
    )
    if start.resumed:
        log.info("%s: going on with the interrupted training %s.", architecture, start.training_run_id)

    curves = Curves(architecture)

    def on_epoch(epoch: Epoch) -> None:
        trainings.add_epoch(engine, start.training_run_id, epoch, provenance())
        curves.add(epoch)

    try:
        with alive(start.training_run_id), progress(f"train {architecture}") as tell:
            trained = training.train(
                _by_content(datasets.image_refs(engine, dataset_id, "train")),
                _by_content(datasets.image_refs(engine, dataset_id, "validation")),
                recipe,
                architecture,
                home=home(),
                run_id=start.training_run_id,
                on_epoch=on_epoch,
                progress=tell,
                tensorboard=tensorboard,
            )
    except Exception as error:
        trainings.fail_training(engine, start.training_run_id, f"{type(error).__name__}: {error}", provenance())
        raise
    model_version_id = trainings.finish_training(engine, start.training_run_id, trained, provenance())
    best = trained.history[trained.best_epoch - 1]
    log.info(
        "%s: %d epochs in %.0f s, best epoch %d (validation loss %.3f): %s.",
        architecture,
        len(trained.history),
        trained.seconds,
        trained.best_epoch,
        best.val_loss,
        model_version_id,
    )
    return model_version_id


def trained_before(engine: Engine, dataset_id: str, recipe: Recipe, architecture: str) -> str | None:
    """The newest model version of this network, data and recipe, whatever the recipe says of gate and gallery."""
    for one in trainings.finished_trainings(engine, dataset_id, architecture):
        if model_json(one.recipe_json) == recipe.model_json:
            return one.model_version_id
    return None


def _by_content(refs: list[ImageRef]) -> list[ImageRef]:
    """In an order that is the same in every installation: identifiers are keyed, pictures are not."""
    return sorted(refs, key=lambda ref: (ref.pixel_sha256, ref.image_uid))
