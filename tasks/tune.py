"""Tune one network on a frozen data-set version's training and validation images."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from prefect import get_run_logger, task

from db import tuning_trials
from db.engine import open_catalogue
from db.home import home, tuned_recipe_file, work_folders
from db.image_refs import image_refs
from tasks.runtime import artifacts
from tasks.runtime.lease import held
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
    from wrist_model.tuning.search import tune

    engine, wanted = open_catalogue(), trials or recipe.tuning.trials
    study_name = f"{architecture}-{dataset_id}-{recipe.sha256[:12]}"

    def on_trial(trial: TuningTrial) -> None:
        tuning_trials.add_tuning_trial(engine, replace(trial, dataset_id=dataset_id), provenance())

    with held(f"tuning {study_name}"), progress(f"tune {architecture}") as tell:
        found = tune(
            image_refs(engine, dataset_id, "train"),
            image_refs(engine, dataset_id, "validation"),
            recipe,
            architecture,
            folders=work_folders(home()),
            study_name=study_name,
            trials=wanted,
            on_trial=on_trial,
            processes=processes,
            progress=tell,
        )
    path = tuned_recipe_file(home(), found.best.name)
    write(found.best, path)
    best = found.best_trial
    text = (
        f"Best of {len(found.trials)} trials: validation AUC {best.value or 0:.4f} at learning rate "
        f"{best.learning_rate:.2g}, batch {best.batch_size}.\n"
    )
    tried = tuning_trials.tuning_trials(engine, dataset_id, study_name)
    if figure := figures.trials(tried):
        text += f"\n![trials](data:image/png;base64,{base64.b64encode(figures.png(figure)).decode()})\n"
    artifacts.markdown(f"tuning-{architecture}", f"Trials of {study_name}", text)
    get_run_logger().info("%s: best of %d trials: AUC %.3f; %s.", architecture, len(found.trials), best.value, path)
    return {"trial": best.trial, "value": best.value, "recipe": str(path), "trials": len(found.trials)}
