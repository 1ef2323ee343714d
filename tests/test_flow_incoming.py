"""Studies that arrive in pieces, scorings that fail, and work that a signal ends, on real networks and pictures."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest_settings import settings
from prefect_fixtures import radiographs
from sqlalchemy import Engine

from db import trainings
from db.audit.verify import verify
from db.engine import open_catalogue
from db.home import work_folders
from db.query.read_only_sql import query
from flows.score_incoming import score_incoming
from tasks.freeze import freeze
from tasks.ingest_files import catalogue_files
from tasks.predict import score_new
from tasks.predict_dataset import predictions
from tasks.promote import by_hand
from tasks.recheck_decoding import recheck
from tasks.runtime.provenance import facts
from tasks.sources_toml import Root, quiet_minutes, remember
from tasks.train import fit
from tests import small_network, train_data
from tests.test_ingest_recheck import read_by
from wrist_model.errors import DataError, UsageError
from wrist_model.network import forward
from wrist_model.recipe import Recipe, SplitRecipe, from_mapping
from wrist_model.records import Forward, Provenance


def small(**training: Any) -> Recipe:
    """The small network from random weights."""
    network = {"architectures": [small_network.known()], "weights": "none", "image_size": 32}
    training = {"epochs": 1, "batch_size": 16, "mode": "online"} | training
    evaluation = {"resamples": 100, "serve": small_network.NAME}
    return from_mapping({"name": "small", "network": network, "training": training, "evaluation": evaluation}, "small")


ROOT = Path(__file__).parent.parent
LONG = """name = "long"
[network]
architectures = ["efficientnetb0"]
weights = "none"
image_size = 32
[training]
mode = "online"
epochs = 12
patience = 12
batch_size = 16
seed = {seed}
"""


def until(true: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


@dataclass
class Site:
    """A home with a trained champion. incoming: where new studies come, a folder each."""

    home: Path
    incoming: Path
    pictures: list[Path]
    engine: Engine
    dataset: str

    def catalogue(self, place: Path) -> None:
        catalogue_files(
            [place],
            home=self.home,
            engine=self.engine,
            rule=SplitRecipe(),
            provenance=Provenance("tester"),
            **settings(body_part="ANY", jobs=1),
        )

    def arrive(self, study: str, *numbers: int) -> str:
        """A study has these pictures now, and is catalogued; gives the list that names them."""
        folder = self.incoming / study
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["path,label,patient,study"]
        for number in numbers:
            shutil.copy2(self.pictures[number], folder / f"{number}.png")
            lines.append(f"{number}.png,,{study},{study}")
        manifest = folder / "manifest.csv"
        manifest.write_text("\n".join(lines) + "\n")
        self.catalogue(manifest)
        return str(manifest)


@pytest.fixture(scope="module")
def site(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        base = tmp_path_factory.mktemp("site")
        patch.setenv("WRIST_HOME", str(base / "home"))
        patch.delenv("WRIST_DATABASE_URL", raising=False)
        manifest = radiographs(base / "radiographs", 40)
        engine = open_catalogue(base / "home")
        made = Site(base / "home", base / "incoming", sorted(manifest.parent.glob("*.png")), engine, "")
        made.catalogue(manifest)
        made.dataset = freeze()
        model = fit(made.dataset, small(), small_network.NAME)
        predictions(model, made.dataset, small())
        by_hand(model, "the only one")
        yield made


def rows(study: str) -> list[tuple[Any, ...]]:
    sql = "select n_images, superseded_by from study_predictions where purpose = 'prospective' and study_uid = "
    return query(f"{sql}'{study}' order by prediction_id").rows


def test_a_study_that_arrives_in_pieces_is_scored_again_and_the_earlier_prediction_is_superseded(site: Site) -> None:
    place = site.arrive("pieces", 1)
    (first,) = score_new([place], None)["studies"]
    assert score_new([place], None)["studies"] == [], "nothing has come since"
    site.arrive("pieces", 1, 2)
    (second,) = score_new([place], None)["studies"]
    assert (first["n_images"], second["n_images"]) == (1, 2) and first["study_uid"] == second["study_uid"]
    earlier, later = rows(first["study_uid"])
    assert earlier[0] == 1 and earlier[1] is not None and later == (2, None)
    current = query(f"select n_images from current_predictions where study_uid = '{first['study_uid']}'").rows
    assert current == [(2,)]
    images = query(
        "select superseded_by is null from image_predictions where purpose = 'prospective' order by prediction_id"
    ).rows
    assert images == [(0,), (1,), (1,)]
    verdict = verify(site.engine)
    assert verdict.ok and not verdict.warnings, (verdict.findings, verdict.warnings)


def test_a_study_that_is_read_otherwise_now_is_scored_again_on_that_reading_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = site.arrive("misread", 6)
    (first,) = score_new([place], None)["studies"]
    read_by(monkeypatch, 3, {2: lambda grey: grey, 3: np.flipud})
    (found,) = recheck([place], site.home, site.engine, Provenance("tester"), SplitRecipe(), take=True, body_part="ANY")
    (second,) = score_new([place], None)["studies"]
    assert (first["n_images"], second["n_images"]) == (1, 1) and first["probability"] != second["probability"]
    scored = query(
        f"select image_uid from image_predictions where evaluation_id = (select evaluation_id from "
        f"current_predictions where study_uid = '{first['study_uid']}')"
    ).rows
    assert scored == [(found.taken_as,)]
    assert score_new([place], None)["studies"] == [], "nothing has come since"
    verdict = verify(site.engine)
    assert verdict.ok and not verdict.warnings, (verdict.findings, verdict.warnings)


def test_an_incoming_study_waits_until_no_image_has_come_for_a_while(site: Site) -> None:
    place = site.arrive("quiet", 3)
    waits = score_new([place], None, quiet_minutes=5.0)
    assert (waits["evaluation_id"], waits["waiting"], waits["studies"]) == (None, 1, [])
    done = score_new([place], None, quiet_minutes=0.0)
    assert (done["waiting"], len(done["studies"])) == (0, 1)
    site.arrive("quiet", 3, 4)
    said = score_incoming([place], body_part="ANY", jobs=1, return_state=True).message
    assert "0 studies scored; 1 wait" in str(said)
    assert quiet_minutes(site.home) == 10
    file = site.home / "sources.toml"
    file.write_text("[incoming]\nquiet_minutes = 0\n")
    remember(site.home, Root(str(site.incoming)))
    assert quiet_minutes(site.home) == 0, "remembering a root keeps it"
    said = score_incoming([place], body_part="ANY", jobs=1, return_state=True).message
    assert said == "1 studies scored."
    file.write_text("[incoming]\nquiet_minutes = 'soon'\n")
    with pytest.raises(UsageError, match=r"sources\.toml.*quiet_minutes"):
        quiet_minutes(site.home)
    file.unlink()


def test_a_scoring_that_fails_is_stored_with_why_and_the_next_one_scores(site: Site) -> None:
    place = site.arrive("lost", 6)
    file = site.incoming / "lost" / "6.png"
    file.unlink()
    with pytest.raises(DataError):
        score_new([place], None)
    with site.engine.connect() as connection:
        sql = "select status, reason from evaluation_event order by id desc limit 1"
        status, reason = connection.exec_driver_sql(sql).one()
    assert status == "failed" and reason.startswith("DataError: ")
    site.arrive("lost", 6)
    assert len(score_new([place], None)["studies"]) == 1


def test_new_studies_are_scored_by_the_engine_that_locked_the_thresholds_and_what_stood_in_for_it_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ran(study: str, picture: int) -> tuple[Any, ...]:
        found = score_new([site.arrive(study, picture)], None)["evaluation_id"]
        return query(f"select engine, \"precision\" from evaluations where evaluation_id = '{found}'").rows[0]

    assert query('select distinct engine, "precision" from operating_points').rows == [("openvino", "f32")]
    assert ran("locked", 3) == ("openvino", "f32")
    monkeypatch.setitem(sys.modules, "openvino", None)  # as Python marks what can't be imported
    forward.openvino_is_here.cache_clear()
    assert ran("elsewhere", 4) == ("tensorflow", "f32")
    forward.openvino_is_here.cache_clear()
    assert verify(site.engine).ok


@pytest.mark.soak  # two whole trainings by the console
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "KeyboardInterrupt: stopped from the keyboard (Ctrl-C)"),
        (signal.SIGTERM, "TerminationSignal: stopped by signal 15"),
    ],
)
def test_a_training_that_a_signal_ends_says_so_and_the_same_command_goes_on(
    site: Site, tmp_path: Path, number: signal.Signals, said: str
) -> None:
    recipe = tmp_path / "long.toml"
    recipe.write_text(LONG.format(seed=int(number)))
    command = [sys.executable, "-m", "flows.console.cli", "train", "--dataset", site.dataset, "--recipe", str(recipe)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell's `&` lets it be ignored
    )
    run = f"select status, epochs_run from training_runs where seed = {number:d}"
    until(lambda: query(run).rows not in ([], [("running", 0)]))
    process.send_signal(number)
    errors = process.communicate(timeout=120)[1]
    assert query(run).rows[0][0] == "failed", errors
    assert query("select reason from training_event order by id desc limit 1").rows == [(said,)]
    assert process.returncode != 0
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0
    assert query(run).rows == [("finished", 12)]


@pytest.mark.parametrize(
    "begun", [None, Forward("tensorflow", "f32")], ids=["before engines were stored", "tensorflow"]
)
def test_a_training_goes_on_by_the_engine_that_it_was_begun_with(
    site: Site, tmp_path: Path, begun: Forward | None
) -> None:
    """Else half of its epochs learn from features of one engine, half of another's, and its row names the first."""
    recipe = train_data.recipe(str(train_data.backbone(tmp_path, small_network.known())), epochs=1, free_layers=4)
    recipe = replace(recipe, training=replace(recipe.training, seed=20 if begun else 21))
    by = Provenance("tester")

    def interrupted() -> str:
        run = trainings.begin_training(
            site.engine,
            dataset_id=site.dataset,
            architecture=small_network.NAME,
            seed=recipe.training.seed,
            recipe=recipe.as_stored,
            facts=facts(begun),
            by=by,
        ).training_run_id
        trainings.fail_training(site.engine, run, "switched off", by, resumable=True)
        return run

    run = interrupted()
    model = fit(site.dataset, recipe, small_network.NAME)
    assert query(f"select training_run_id from model_versions where model_version_id = '{model}'").rows == [(run,)]
    assert engines_of_features(site) == {"tensorflow"}


def engines_of_features(site: Site) -> set[str]:
    return {json.loads(one.read_text())["engine"] for one in work_folders(site.home).features.glob("*/store.json")}
