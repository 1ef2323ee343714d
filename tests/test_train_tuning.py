"""Tuning: trials on stored features, resumable, and blind to the test split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from db.home import work_folders
from tests import small_network, train_data
from wrist_model import recipe as recipes
from wrist_model.errors import DataError, LeakError
from wrist_model.records import ImageRef, TuningTrial
from wrist_model.scoring import inference
from wrist_model.training import fit
from wrist_model.tuning import search


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ImageRef]]:
    folder = tmp_path_factory.mktemp("tuning")
    train_data.backbone(folder, small_network.known())
    return folder, train_data.refs(folder, 20)


def run(ground: tuple[Path, list[ImageRef]], home: Path, trials: int, **changes: object) -> tuple[search.Tuned, list]:
    folder, refs = ground
    told: list[TuningTrial] = []
    recipe = train_data.recipe(str(folder / "{architecture}.keras"), **{"free_layers": 4} | changes)
    found = search.tune(
        refs[:12],
        refs[12:],
        recipe,
        small_network.NAME,
        folders=work_folders(home),
        study_name="s",
        trials=trials,
        on_trial=told.append,
    )
    return found, told


def test_a_tuning_goes_on_where_it_was_and_writes_a_recipe_that_reads_back(
    ground: tuple[Path, list[ImageRef]], tmp_path: Path
) -> None:
    first, told = run(ground, tmp_path, 2)
    assert [each.trial for each in told] == [0, 1] and len(first.trials) == 2
    rows = sum(path.stat().st_size for path in tmp_path.glob("features/*/*.rows"))
    second, told = run(ground, tmp_path, 3)
    assert second.trials[:2] == first.trials and len(told) == len(second.trials) == 3
    assert rows == sum(path.stat().st_size for path in tmp_path.glob("features/*/*.rows"))
    ranks = [(each.value, -each.parameter("log_loss")) for each in second.trials if each.value is not None]
    assert (second.best_trial.value, -second.best_trial.parameter("log_loss")) == max(ranks)

    path = tmp_path / f"{second.best.name}.toml"
    recipes.write(second.best, path)
    read = recipes.read(path)
    assert read == second.best and read.sha256 == second.best.sha256
    assert read.training.learning_rate == second.best_trial.learning_rate


def test_a_trials_figures_are_those_of_the_epoch_that_its_training_keeps(
    ground: tuple[Path, list[ImageRef]], tmp_path: Path
) -> None:
    """The lowest validation loss decides in both; the best AUC of any epoch would be another network's."""
    found, _ = run(ground, tmp_path, 1, epochs=6, patience=6)
    _, refs = ground
    trained = fit.train(
        refs[:12],
        refs[12:],
        found.best,
        small_network.NAME,
        folders=work_folders(tmp_path),
        run_id="r",
        on_epoch=lambda epoch: None,
    )
    raw = inference.predict(tmp_path / "models" / f"{trained.artifact_sha256}.keras", refs[12:])
    labels = np.array([ref.label for ref in refs[12:]])
    own = np.clip(np.where(labels == 1, raw, 1 - raw), 1e-7, 1)
    assert found.best_trial.parameter("log_loss") == pytest.approx(float(-np.log(own).mean()), rel=1e-3)
    losses = [epoch.val_loss for epoch in trained.history]
    assert trained.best_epoch == 1 + losses.index(min(losses))


def test_a_tuning_that_would_see_the_test_split_is_refused(ground: tuple[Path, list[ImageRef]], tmp_path: Path) -> None:
    folder, refs = ground
    leaked = (folder, [*refs[:-1], replace(refs[-1], split="test")])
    with pytest.raises(LeakError, match="im-19 stands in the test split"):
        run(leaked, tmp_path, 1)
    assert not list(tmp_path.iterdir())


def test_a_recipe_that_freezes_nothing_is_refused(ground: tuple[Path, list[ImageRef]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="stored features"):
        run(ground, tmp_path, 1, mode="online")


@pytest.mark.soak
def test_trials_run_side_by_side_in_processes_and_each_counts_once(
    ground: tuple[Path, list[ImageRef]], tmp_path: Path
) -> None:
    folder, refs = ground
    train_data.backbone(folder, "resnet50")  # processes of their own know the shipped networks
    told: list[TuningTrial] = []
    found = search.tune(
        refs[:12],
        refs[12:],
        train_data.recipe(str(folder / "{architecture}.keras")),
        "resnet50",
        folders=work_folders(tmp_path),
        study_name="s",
        trials=3,
        processes=2,
        on_trial=told.append,
    )
    ended = [each for each in found.trials if each.state in ("complete", "pruned")]
    assert len(ended) >= 3
    assert sorted(each.trial for each in told) == sorted(each.trial for each in found.trials)
