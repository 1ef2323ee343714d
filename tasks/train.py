"""Train one network on a frozen data-set version, or go on with the training that was interrupted."""

from __future__ import annotations

from prefect import get_run_logger, task

from db import trainings
from db.engine import Catalogue, open_catalogue, writing
from db.home import home, work_folders
from db.image_refs import image_refs
from db.recipes import add_recipe
from tasks.runtime.endings import as_ended
from tasks.runtime.lease import kept, patiently
from tasks.runtime.progress import progress
from tasks.runtime.provenance import facts, provenance
from tasks.runtime.retry_policy import BUSY
from tasks.runtime.training_curves import Curves
from wrist_model.errors import CatalogueBusy, LeaseLost
from wrist_model.evidence import replicates
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.recipe import Recipe, model_json
from wrist_model.records import Epoch, ImageRef


@task(name="train", task_run_name="train {architecture}", tags=["training"], **BUSY)
def fit(
    dataset_id: str, recipe: Recipe, architecture: str, tensorboard: bool = False, replicate: int | None = None
) -> str:
    """Writes a training run, its history epoch by epoch, and the model version; gives the model version's id.

    The same data-set version, recipe and network are trained once: a finished run's model is reused, an interrupted
    run goes on after its last finished epoch. A failure is stored with its reason. tensorboard: also write its logs,
    home/tensorboard/<training run>. replicate: the number, from 1, of a training that differs from the recipe's own by
    its seed alone; it shows the spread, and its model never serves.
    """
    load_tensorflow()
    from wrist_model.training import fit as training
    from wrist_model.training import frozen_features

    log, engine = get_run_logger(), open_catalogue()
    name = architecture if replicate is None else f"{architecture}, replicate {replicate}"
    start = patiently(lambda: _reuse_or_begin(engine, dataset_id, recipe, architecture, replicate))
    if isinstance(start, str):
        log.info("%s: already trained on %s with this recipe: %s.", name, dataset_id, start)
        return start
    if start.resumed:
        log.info("%s: going on with the interrupted training %s.", name, start.training_run_id)
    way = frozen_features.way_begun(recipe, architecture, start.begun) if start.resumed else start.begun

    curves = Curves(architecture, replicate)

    def on_epoch(epoch: Epoch) -> None:
        trainings.add_epoch(engine, start.training_run_id, epoch, provenance())
        curves.add(epoch)

    with kept(engine, start.lease.resource):
        try:
            with progress(f"train {name}") as tell:
                trained = training.train(
                    _by_content(image_refs(engine, dataset_id, "train")),
                    _by_content(image_refs(engine, dataset_id, "validation")),
                    recipe,
                    architecture,
                    folders=work_folders(home()),
                    run_id=start.training_run_id,
                    on_epoch=on_epoch,
                    progress=tell,
                    tensorboard=tensorboard,
                    seed=replicates.seed(recipe, replicate),
                    way=way,
                )
        except LeaseLost:  # another process has written its end, and may have gone on with it
            raise
        except BaseException as error:  # a signal, a cancelled run too
            stopped = isinstance(error, CatalogueBusy) or not isinstance(error, Exception)  # the same call goes on
            trainings.fail_training(engine, start.training_run_id, as_ended(error), provenance(), resumable=stopped)
            raise
        model_version_id = trainings.finish_training(engine, start.training_run_id, trained, provenance())
    best = trained.history[trained.best_epoch - 1]
    log.info(
        "%s: %d epochs in %.0f s, best epoch %d (validation loss %.3f): %s.",
        name,
        len(trained.history),
        trained.seconds,
        trained.best_epoch,
        best.val_loss,
        model_version_id,
    )
    return model_version_id


def _reuse_or_begin(
    engine: Catalogue, dataset_id: str, recipe: Recipe, architecture: str, replicate: int | None
) -> str | trainings.TrainingStart:
    """The model version of a finished training, or a training that is begun or gone on with; decided in one
    transaction, which stores the recipe too. One that was begun by a recipe with other margins goes on by that."""
    from wrist_model.training import frozen_features

    stores = recipe.training.mode == "features" and recipe.network.weights != "none"
    code = facts(frozen_features.way(recipe, architecture) if stores else None)
    by, seed = provenance(), replicates.seed(recipe, replicate)
    with writing(engine) as connection:
        add_recipe(connection, recipe.as_stored, by)
        if known := trained_before(connection, dataset_id, recipe, architecture, replicate):
            return known
        begun = trainings.unended_recipes(connection, dataset_id, architecture, seed, replicate)
        same = [one for one in begun if model_json(one.canonical_json) == recipe.model_json]
        return trainings.begin_training(
            connection,
            dataset_id=dataset_id,
            architecture=architecture,
            seed=seed,
            recipe=same[0] if same else recipe.as_stored,
            facts=code,
            by=by,
            replicate=replicate,
        )


def trained_before(
    engine: Catalogue, dataset_id: str, recipe: Recipe, architecture: str, replicate: int | None = None
) -> str | None:
    """The newest model version of this network, data and recipe, whatever the recipe says of gate and gallery."""
    return trained(engine, dataset_id, recipe, architecture).get(replicate)


def trained(engine: Catalogue, dataset_id: str, recipe: Recipe, architecture: str) -> dict[int | None, str]:
    """The newest model version of each replicate, and under None of the training that may serve."""
    rows = trainings.finished_trainings(engine, dataset_id, architecture)
    ours = [one for one in rows if model_json(one.recipe_json) == recipe.model_json]
    return {one.replicate: one.model_version_id for one in reversed(ours)}


def _by_content(refs: list[ImageRef]) -> list[ImageRef]:
    """In an order that is the same in every installation: identifiers are keyed, pictures are not."""
    return sorted(refs, key=lambda ref: (ref.pixel_sha256, ref.image_uid))
