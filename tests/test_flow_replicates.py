"""Trainings that differ by their seed show the spread beside the interval; they spend no look and never serve."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import db_story
import pytest
from gate_hall import BY, POINTS, RECIPE, Hall

from benchmarks import recheck
from db import evaluations, lineage, metrics, models, plans, promotions, trainings
from db.audit.chain import append
from db.audit.verify import verify
from db.engine import open_catalogue, writing
from tasks.evaluation_choice import latest
from tasks.gate import gate
from tasks.plan import frozen_plan
from tasks.promote import by_hand, reject
from tasks.replicates_shown import with_replicates
from tests import acts, small_network
from wrist_model import recipe as recipes
from wrist_model.errors import DataError
from wrist_model.evidence import replicates
from wrist_model.recipe import GateRecipe, Recipe
from wrist_model.report.report_data import ModelReport

THREE = replace(RECIPE, training=replace(RECIPE.training, replicates=3))


def replicate(hall: Hall, number: int, separation: float) -> str:
    """A trained and evaluated replicate of the hall's recipe: its model version."""
    seed = replicates.seed(THREE, number)
    _, model = db_story.train(hall.engine, hall.dataset, "resnet50", seed, THREE.as_stored, number)
    models.add_operating_points(hall.engine, model, POINTS, BY)
    hall.seed += 1
    hall.evaluation(model, separation, number, hall.dataset)
    return model


def first(hall: Hall, recipe: Recipe = THREE) -> tuple[str, str]:
    """The network of the recipe's own seed: its model version and its evaluation."""
    _, model = db_story.train(hall.engine, hall.dataset, "resnet50", recipe.training.seed, recipe.as_stored)
    models.add_operating_points(hall.engine, model, POINTS, BY)
    hall.recipe = recipe
    return model, hall.evaluation(model, 3.0, 1, hall.dataset)


def test_a_replicate_can_never_serve_nor_stand_in_for_the_model_that_may(hall: Hall) -> None:
    model, evaluation = first(hall)
    other = replicate(hall, 1, 5.0)
    assert models.model(hall.engine, other).role == "replicate"
    assert models.model(hall.engine, "resnet50").model_version_id == model
    assert [row.model_version_id for row in evaluations.newest_finished(hall.engine, hall.dataset)] == [model]
    assert latest() == [evaluation]
    for act in (by_hand, reject):
        with pytest.raises(DataError, match="is a replicate"):
            act(other, "it looks best")
    scoring: dict[str, Any] = {"model_version_id": other, "facts": db_story.FACTS, "by": BY}
    for more in ({"purpose": "prospective", "dataset_id": None}, {"purpose": "evaluation", "hold_out": "clinic"}):
        with pytest.raises(DataError, match="is a replicate"):
            evaluations.begin_evaluation(hall.engine, **{"dataset_id": hall.dataset, **scoring, **more})
    gate([evaluation], THREE)
    assert hall.champion() == model
    both = models.add_ensemble(hall.engine, [other, replicate(hall, 2, 4.0)], BY)
    assert models.model(hall.engine, both).role == "replicate"
    with pytest.raises(DataError, match="is a replicate"):
        promotions.add_promotion(hall.engine, both, "promoted", "by a script", BY)


def test_a_promotion_of_a_replicate_that_somebody_wrote_is_found(hall: Hall) -> None:
    _, evaluation = first(hall)
    gate([evaluation], THREE)
    other = replicate(hall, 1, 5.0)
    assert verify(hall.engine, files=False).findings == ()
    with writing(hall.engine) as connection:
        sql = f"SELECT id FROM model_version WHERE model_version_id = '{other}'"
        row = {"model_version_id": connection.exec_driver_sql(sql).scalar(), "decision": "promoted"}
        append(connection, "promotion", [{**row, "promotion_id": "pm-x", "reason": "", "decided_by": "me"}], BY)
    assert [one.kind for one in verify(hall.engine, files=False).findings] == ["replicate"]


def test_scoring_replicates_is_no_look_by_either_rule(hall: Hall) -> None:
    score = replace(THREE, gate=GateRecipe(0.03, 0.10, 0.10, rule="score"))
    frozen_plan(hall.dataset, score)
    first(hall, score)
    before = evaluations.holdout_looks(hall.engine, hall.dataset), plans.looks(hall.engine, hall.dataset, None)
    assert before == (1, (False,))
    replicate(hall, 1, 5.0)
    replicate(hall, 2, 4.0)
    assert (
        evaluations.holdout_looks(hall.engine, hall.dataset),
        plans.looks(hall.engine, hall.dataset, None),
    ) == before


def test_a_seed_that_was_tried_as_a_replicate_cant_be_named_to_serve(hall: Hall) -> None:
    replicate(hall, 1, 5.0)
    seed = replicates.seed(THREE, 1)
    chosen = replace(RECIPE, training=replace(RECIPE.training, seed=seed))
    with pytest.raises(DataError, match="was tried as a replicate"):
        db_story.begin_training(hall.engine, hall.dataset, "resnet50", seed, chosen.as_stored)


def test_the_spread_is_of_the_serving_seed_and_the_others(hall: Hall) -> None:
    model, evaluation = first(hall)
    stored = tuple(metrics.metrics(hall.engine, evaluation))
    known = ModelReport(model, "resnet50", operating_points=POINTS, metrics=stored)
    assert with_replicates(hall.engine, known, hall.dataset, THREE).spread("roc_auc") is None
    replicate(hall, 2, 5.0)
    replicate(hall, 1, 1.0)
    shown = with_replicates(hall.engine, known, hall.dataset, RECIPE)  # the recipe that trained the first names none
    assert [one.seed for one in shown.replicates] == [replicates.seed(THREE, number) for number in (1, 2)]
    spread = shown.spread("roc_auc")
    assert spread is not None and spread.n == 3 and spread.lowest < spread.serving < spread.highest
    told = lineage.explain_prediction(hall.engine, "sp-1")["model"]["training"]
    assert (told["seed"], told["replicate"]) == (THREE.training.seed, None)


def retrained(base: Path, listed: str, count: int) -> dict[str, Any]:
    """The whole job with so many seeds."""
    from flows.retrain import retrain

    tried = acts.recipe(1)
    file = base / "seeds.toml"
    recipes.write(replace(tried, training=replace(tried.training, replicates=count)), file)
    return retrain([listed], source=acts.SOURCE, body_part="ANY", recipe=str(file), jobs=1)


def test_a_retrain_trains_measures_and_shows_its_seeds_and_reuses_them(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("WRIST_HOME", str(home))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    listed = acts.first_files(tmp_path / "files")
    made = retrained(tmp_path, listed, 2)
    engine = open_catalogue(home)
    rows = "SELECT replicate, seed, status FROM training_runs ORDER BY seq"
    with engine.connect() as connection:
        assert list(map(tuple, connection.exec_driver_sql(rows))) == [
            (None, 1, "finished"),
            (1, replicates.seed(acts.recipe(1), 1), "finished"),
        ]
    assert len(made["evaluations"]) == 1 and evaluations.holdout_looks(engine, made["dataset_id"]) == 1
    page = Path(made["report"]).read_text(encoding="utf-8")
    assert "2 seeds " in page and "Training is one draw" in page
    assert "2 seeds " in next(Path(made["report"]).parent.glob("*model-card*")).read_text(encoding="utf-8")
    again = retrained(tmp_path, listed, 3)
    assert again["model_versions"] == made["model_versions"] and again["evaluations"] == made["evaluations"]
    with engine.connect() as connection:
        assert [row.replicate for row in connection.exec_driver_sql(rows)] == [None, 1, 2]
        sessions = connection.exec_driver_sql("SELECT count(DISTINCT session) FROM holdout_looks").scalar()
    assert sessions == 2 and evaluations.holdout_looks(engine, made["dataset_id"]) == 1
    assert "3 seeds " in Path(again["report"]).read_text(encoding="utf-8")
    assert verify(engine).findings == ()
    connection = sqlite3.connect(home / "catalogue.sqlite")
    assert list(recheck.problems(connection)) == []
    connection.close()
    runs = trainings.finished_trainings(engine, made["dataset_id"], small_network.known())
    assert [one.replicate for one in runs] == [2, 1, None]
