"""Tune one network on a frozen data-set version's training and validation images."""

from __future__ import annotations

import base64
from typing import Any

from prefect import get_run_logger, task

from db import datasets, tuning_trials
from db.engine import open_catalogue
from db.home import home
from tasks.runtime import artifacts
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from wrist_model.recipe import Recipe, write
from wrist_model.records import TuningTrial


@task(name="tune", task_run_name="tune {architecture}", tags=["training"])
def search(
    dataset_id: str, recipe: Recipe, architecture: str, trials: int | None = None, processes: int = 1
) -> dict[str, Any]:
    """Writes each trial that ended, the best recipe as home/recipes/<name>.toml, and a plot as an artifact.

    The same data-set version, recipe and network go on with the trials that are there. Gives the best trial.
    """
    from wrist_model.report import figures
    from wrist_model.tuning.search import Trial, tune

    engine, wanted = open_catalogue(), trials or recipe.tuning.trials
    study_name = f"{architecture}-{dataset_id}-{recipe.sha256[:12]}"

    def on_trial(trial: Trial) -> None:
        parameters = tuple(
            (name, getattr(trial, name)) for name in ("dropout", "dense_units", "views_per_image", "epochs", "log_loss")
        )
        row = TuningTrial(
            study_name,
            trial.number,
            architecture,
            trial.learning_rate,
            trial.batch_size,
            trial.value,
            trial.state,
            trial.seconds,
            parameters,
            dataset_id,
        )
        tuning_trials.add_tuning_trial(engine, row, provenance())

    with progress(f"tune {architecture}") as tell:
        found = tune(
            datasets.image_refs(engine, dataset_id, "train"),
            datasets.image_refs(engine, dataset_id, "validation"),
            recipe,
            architecture,
            home=home(),
            study_name=study_name,
            trials=wanted,
            on_trial=on_trial,
            processes=processes,
            progress=tell,
        )
    path = home() / "recipes" / f"{found.best.name}.toml"
    write(found.best, path)
    best = found.best_trial
    told = (
        f"Best of {len(found.trials)} trials: validation AUC {best.value or 0:.4f} at learning rate "
        f"{best.learning_rate:.2g}, batch {best.batch_size}.\n"
    )
    tried = [each for each in tuning_trials.tuning_trials(engine, dataset_id) if each.study_name == study_name]
    if figure := figures.trials(tried):
        told += f"\n![trials](data:image/png;base64,{base64.b64encode(figures.png(figure)).decode()})\n"
    artifacts.markdown(f"tuning-{architecture}", f"Trials of {study_name}", told)
    get_run_logger().info("%s: best of %d trials: AUC %.3f; %s.", architecture, len(found.trials), best.value, path)
    return {"trial": best.number, "value": best.value, "recipe": str(path), "trials": len(found.trials)}
