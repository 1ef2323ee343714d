"""Tune a recipe on stored features: Optuna's TPE and median pruner on the validation studies' AUC.

The trials lie in folders.tuning/<study>.journal, so that a killed tuning goes on and several processes share one.
The test split can't get in: images that stand in it are refused.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model.errors import DataError, LeakError
from wrist_model.network import pretrained_weights
from wrist_model.recipe import Recipe
from wrist_model.records import ImagePrediction, ImageRef, Progress, TuningTrial, WorkFolders
from wrist_model.scoring import study_aggregation
from wrist_model.statistics import metrics
from wrist_model.training import feature_store, image_batches, training_inputs
from wrist_model.training.fit import Fit, free_policy, prepared

log = logging.getLogger(__name__)
LEARNING_RATES = (1e-5, 1e-2)  # log scale
BATCH_SIZES = (16, 32, 64, 128)
DENSE_UNITS = (16, 32, 64, 128, 256)
DROPOUTS = (0.0, 0.6)
WARM_UP_EPOCHS = 1  # no trial is pruned before
WARM_UP_TRIALS = 2


@dataclass(frozen=True)
class Tuned:
    """best: the recipe with the best trial's values. trials: all that ended, in order."""

    best: Recipe
    best_trial: TuningTrial
    trials: tuple[TuningTrial, ...]


def tune(
    train: Sequence[ImageRef],
    validation: Sequence[ImageRef],
    recipe: Recipe,
    architecture: str,
    *,
    folders: WorkFolders,
    study_name: str,
    trials: int,
    on_trial: Callable[[TuningTrial], None],
    processes: int = 1,
    progress: Progress | None = None,
) -> Tuned:
    """Search until `trials` have ended, those of earlier calls with the same study_name included.

    views_per_image is searched up to the recipe's own. Features are stored once, before the first trial. on_trial
    hears of each trial that ended, of earlier calls too. Raises LeakError when an image of the test split is among
    them, DataError for a recipe that freezes nothing.
    """
    for ref in (*train, *validation):
        if ref.split == "test":
            raise LeakError(f"{ref.image_uid} stands in the test split: tuning sees training and validation alone.")
    found = pretrained_weights.resolve(recipe.network.weights, architecture)
    if found.tensors is None or recipe.training.mode != "features":
        raise DataError(
            'Tuning runs on stored features: it needs pretrained weights and training.mode = "features"; '
            f'the recipe {recipe.name} has weights = "{recipe.network.weights}", mode = "{recipe.training.mode}".'
        )
    study = _study(folders.tuning, study_name, recipe)
    _end_abandoned(study, processes)
    reported: set[int] = set()

    def report(study: Any) -> None:
        for each in _ended(study, architecture):
            if each.trial not in reported:
                reported.add(each.trial)
                on_trial(each)
        if progress:
            ended = [each.value for each in _ended(study, architecture) if each.value is not None]
            best = f"best AUC {max(ended):.3f}" if ended else ""
            progress(f"tune {architecture}", min(len(reported), trials), trials, best)

    report(study)
    bench = Bench(train, validation, recipe, architecture, found, folders, progress)
    if processes > 1:
        job = partial(_work, train, validation, recipe, architecture, folders, study_name, trials)
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            for future in [pool.submit(job, number) for number in range(processes)]:
                future.result()
                report(study)
    else:
        _search(study, bench, trials, lambda: report(study))
    report(study)
    ended = _ended(study, architecture)
    best = max((each for each in ended if each.value is not None), key=_rank, default=None)
    if best is None:
        raise DataError(f"None of the {len(ended)} trials of {study_name} ended with a value.")
    return Tuned(proposed(recipe, architecture, best), best, tuple(ended))


def _rank(trial: TuningTrial) -> tuple[float, float]:
    return (trial.value or 0.0, -(trial.parameter("log_loss") or math.inf))


def proposed(recipe: Recipe, architecture: str, trial: TuningTrial) -> Recipe:
    """The recipe with a trial's values, for the one network that they were found for."""
    changed = replace(
        recipe,
        name=f"{recipe.name}-tuned-{architecture}",
        note=f"Tuned on validation: trial {trial.trial}, study-level AUC {trial.value or 0:.4f}.",
        network=replace(recipe.network, dropout=trial.parameter("dropout"), dense_units=trial.parameter("dense_units")),
        training=replace(
            recipe.training,
            learning_rate=trial.learning_rate or recipe.training.learning_rate,
            batch_size=trial.batch_size or recipe.training.batch_size,
            views_per_image=trial.parameter("views_per_image"),
        ),
    )
    return changed.only((architecture,))


class Bench:
    """What all trials share: the network's frozen part, the opened store of features, the labels."""

    def __init__(
        self,
        train: Sequence[ImageRef],
        validation: Sequence[ImageRef],
        recipe: Recipe,
        architecture: str,
        found: pretrained_weights.Weights,
        folders: WorkFolders,
        progress: Progress | None = None,
    ) -> None:
        self.recipe, self.architecture, self.found, self.validation = recipe, architecture, found, validation
        self.labels = image_batches.labels(train), image_batches.labels(validation)
        self.policy = free_policy(recipe, architecture, found)
        make = partial(prepared, recipe, architecture, found)
        network = make(self.policy)
        data = training_inputs.open_inputs(
            network, train, validation, recipe, found, make, features=folders.features, progress=progress
        )
        if not isinstance(data, feature_store.Features):
            raise DataError("Tuning runs on stored features; this recipe freezes nothing.")
        self.data = data

    def run(self, trial: Any) -> float:
        """One training with the trial's values; its best epoch's AUC. Raises optuna.TrialPruned."""
        import keras
        import optuna

        begun = time.perf_counter()
        views = sorted({1, self.recipe.training.views_per_image, *(v for v in (2, 3, 5) if v < self.data.stored_views)})
        values = {
            "learning_rate": trial.suggest_float("learning_rate", *LEARNING_RATES, log=True),
            "batch_size": trial.suggest_categorical("batch_size", BATCH_SIZES),
            "views_per_image": trial.suggest_categorical("views_per_image", views),
        }
        network = {
            "dropout": trial.suggest_float("dropout", *DROPOUTS),
            "dense_units": trial.suggest_categorical("dense_units", DENSE_UNITS),
        }
        recipe = replace(
            self.recipe,
            network=replace(self.recipe.network, **network),
            training=replace(self.recipe.training, **values),
        )
        keras.backend.clear_session()
        built = prepared(recipe, self.architecture, self.found, self.policy)
        fit = Fit(built, self.data.with_views(recipe.training.views_per_image), self.labels, recipe.training)
        best, lowest, waited = (-1.0, math.inf), math.inf, 0
        for epoch in range(1, recipe.training.epochs + 1):
            val_loss = fit.epoch(epoch).val_loss
            try:
                seen = _measured(self.validation, fit.seen.probabilities)
            except DataError as error:  # scores of 0 and 1 alone, or none: these values make the network diverge
                raise optuna.TrialPruned(f"diverged in epoch {epoch}: {error}") from None
            kept = val_loss < lowest or epoch == 1
            best, lowest, waited = (seen, val_loss, 0) if kept else (best, lowest, waited + 1)
            trial.set_user_attr("log_loss", best[1])
            trial.set_user_attr("epochs", epoch)
            trial.set_user_attr("best", best[0])
            trial.set_user_attr("seconds", time.perf_counter() - begun)
            trial.report(best[0], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
            if waited >= recipe.training.patience:
                break
        return best[0]


def _measured(refs: Sequence[ImageRef], probabilities: np.ndarray) -> tuple[float, float]:
    """Study-level AUC and log loss."""
    rows = [
        ImagePrediction(ref.image_uid, ref.study_uid, ref.patient_key, ref.split, ref.label, float(p))
        for ref, p in zip(refs, probabilities, strict=True)
    ]
    studies = study_aggregation.by_study(rows)
    labels = np.array([study.label for study in studies], np.int64)
    scores = np.array([study.raw_probability for study in studies])
    own = np.clip(np.where(labels == 1, scores, 1 - scores), 1e-7, 1)
    return float(metrics.roc_auc(labels.tolist(), scores.tolist())), float(-np.log(own).mean())


def _study(folder: Path, name: str, recipe: Recipe) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = folder / f"{name}.journal"
    path.parent.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        study_name=name,
        direction="maximize",
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(path))),
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=recipe.tuning.seed, n_startup_trials=5, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=WARM_UP_TRIALS, n_warmup_steps=WARM_UP_EPOCHS),
    )


def _end_abandoned(study: Any, processes: int) -> None:
    """Trials that a killed process left running count as failed."""
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        log.warning("Trial %d was interrupted; it counts as failed and is not repeated.", trial.number)


def _search(study: Any, bench: Bench, trials: int, on_end: Callable[[], None]) -> None:
    import optuna

    done = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    limit = optuna.study.MaxTrialsCallback(trials, states=done)
    if len(study.get_trials(deepcopy=False, states=done)) < trials:
        study.optimize(bench.run, callbacks=[limit, lambda *_: on_end()])


def _work(
    train: Sequence[ImageRef],
    validation: Sequence[ImageRef],
    recipe: Recipe,
    architecture: str,
    folders: WorkFolders,
    study_name: str,
    trials: int,
    number: int,
) -> None:
    study = _study(
        folders.tuning, study_name, replace(recipe, tuning=replace(recipe.tuning, seed=recipe.tuning.seed + number))
    )
    found = pretrained_weights.resolve(recipe.network.weights, architecture)
    _search(study, Bench(train, validation, recipe, architecture, found, folders), trials, lambda: None)


def _ended(study: Any, architecture: str) -> list[TuningTrial]:
    names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    return [
        TuningTrial(
            study_name=study.study_name,
            trial=each.number,
            architecture=architecture,
            learning_rate=each.params["learning_rate"],
            batch_size=each.params["batch_size"],
            value=each.user_attrs.get("best"),
            state=names[each.state.name],
            seconds=each.user_attrs.get("seconds", 0.0),
            parameters=(
                *((name, each.params[name]) for name in ("dropout", "dense_units", "views_per_image")),
                ("epochs", each.user_attrs.get("epochs", 0)),
                ("log_loss", each.user_attrs.get("log_loss")),
            ),
        )
        for each in study.get_trials(deepcopy=False)
        if each.state.name in names and "dense_units" in each.params
    ]
