"""The gate at work on a catalogue: with whom a challenger is compared, what is stored, and when a person is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import db_story
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sqlalchemy import Engine

from db import datasets, evaluations, ingest_runs, labels, metrics, models, patients, promotions
from db.engine import open_catalogue, writing
from db.images import add_images
from db.lookups import recipe
from db.predictions import add_predictions
from tasks.evaluate import predictions
from tasks.gate import by_hand, gate, record
from wrist_model.errors import DataError
from wrist_model.recipe import EvaluationRecipe, GateRecipe, Recipe
from wrist_model.records import ImagePrediction, Member, Metric, OperatingPoint, Split, StudyPrediction

BY = db_story.BY
POINTS = tuple(OperatingPoint(level, "youden", 0.5, None, 1.0, 0.0, True) for level in ("image", "study"))  # type: ignore[arg-type]
RECIPE = Recipe("gate", evaluation=EvaluationRecipe(resamples=200, serve="resnet50"))
ONE_LOOK, ASKS = (replace(RECIPE, gate=rule) for rule in (GateRecipe(max_looks=1), GateRecipe(ask_person=True)))
SPLITS: tuple[Split, ...] = ("train",) * 4 + ("validation",) * 4 + ("test",) * 80


class Hall:
    """A catalogue of 80 test patients, and networks of a stated quality on them."""

    def __init__(self, home: Path) -> None:
        self.engine: Engine = open_catalogue(home)
        patients.remember_key(self.engine, "fingerprint", BY)
        run = ingest_runs.begin_ingest(self.engine, "mura", BY, db_story.FACTS)
        self.records = [db_story.record(number, split) for number, split in enumerate(SPLITS)]
        add_images(self.engine, run, self.records)
        self.dataset = self.freeze([db_story.member(one) for one in self.records])
        self.seed, self.recipe = 0, RECIPE

    def freeze(self, members: list[Member]) -> str:
        return datasets.add_dataset(self.engine, members, BY)

    def network(self, separation: float, same: int = 1, dataset: str | None = None) -> tuple[str, str]:
        """A trained and evaluated network: its model version and its evaluation. same: the seed of its luck."""
        self.seed += 1
        dataset = dataset or self.dataset
        _, model = db_story.train(self.engine, dataset, "resnet50", self.seed)
        self.says(self.recipe)
        models.add_operating_points(self.engine, model, POINTS, BY)
        return model, self.evaluation(model, separation, same, dataset)

    def says(self, said: Recipe) -> Recipe:
        """The recipe by which networks are evaluated from now on."""
        self.recipe = said
        with writing(self.engine) as connection:
            recipe(connection, said.sha256, "gate", said.canonical_json, BY)
        return said

    def evaluation(self, model: str, separation: float, same: int, dataset: str) -> str:
        session = replace(BY, prefect_flow_run_id=f"retrain {self.seed}")  # each is a look of its own
        evaluation = evaluations.begin_evaluation(
            self.engine,
            model_version_id=model,
            dataset_id=dataset,
            purpose="evaluation",
            facts=db_story.FACTS,
            by=session,
            recipe_sha256=self.recipe.sha256,
        ).evaluation_id
        for split in ("validation", "test"):
            luck = np.random.default_rng(same)
            refs = datasets.image_refs(self.engine, dataset, split)  # type: ignore[arg-type]
            images, studies = [], []
            for ref in sorted(refs, key=lambda one: one.image_uid):
                p = float(1 / (1 + np.exp(-(luck.normal() + separation * ((ref.label or 0) - 0.5)))))
                called = int(p >= 0.5)
                head = (ref.image_uid, ref.study_uid, ref.patient_key, ref.split, ref.label)
                images.append(ImagePrediction(*head, p, p, "youden", 0.5, called))
                studies.append(StudyPrediction(*head[1:], 1, p, p, "youden", 0.5, called))
            add_predictions(self.engine, evaluation, images, studies, session)
        auc = float(roc_auc_score([one.label for one in studies], [one.probability for one in studies]))
        metric = Metric("test", "study", "all", None, "roc_auc", auc, None, None, 80, 80, 80)
        metrics.add_metrics(self.engine, evaluation, [metric], session)
        evaluations.finish_evaluation(self.engine, evaluation, session)
        return evaluation

    def champion(self) -> str | None:
        found = promotions.champion(self.engine)
        return found.model_version_id if found else None

    def references(self, model: str) -> set[str]:
        """With whom this one was compared, as stored."""
        with self.engine.connect() as connection:
            sql = f"select distinct reference from comparisons where challenger = '{model}'"
            return {row[0] for row in connection.exec_driver_sql(sql)}


@pytest.fixture
def hall(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    return Hall(tmp_path / "home")


def test_the_first_model_is_promoted_for_want_of_a_champion(hall: Hall) -> None:
    model, evaluation = hall.network(3.0)
    verdict = gate([evaluation], RECIPE)
    assert (verdict["decision"], verdict["ask"], hall.champion()) == ("promoted", False, model)
    assert "there is no champion" in verdict["reason"]
    assert gate([evaluation], RECIPE)["decision"] == "promoted"  # what was decided stays decided
    assert len(promotions.earlier_champions(hall.engine)) <= 1


def test_a_worse_challenger_is_refused_an_equal_one_takes_over_and_both_comparisons_are_stored(hall: Hall) -> None:
    first, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    worse, evaluation = hall.network(0.0, same=2)
    assert gate([evaluation], RECIPE)["decision"] == "refused"
    assert hall.champion() == first and hall.references(worse) == {first}
    equal, evaluation = hall.network(3.0)
    assert gate([evaluation], RECIPE)["decision"] == "promoted"
    assert hall.champion() == equal and hall.references(equal) == {first}


def test_the_best_earlier_champion_is_asked_too(hall: Hall) -> None:
    best, evaluation = hall.network(4.0)
    gate([evaluation], RECIPE)
    poor, _ = hall.network(0.5, same=2)
    by_hand(poor, "a person's mistake")
    challenger, evaluation = hall.network(0.5, same=2)
    verdict = gate([evaluation], RECIPE)
    assert verdict["decision"] == "refused" and best in verdict["reason"]
    assert hall.champion() == poor and hall.references(challenger) == {poor, best}


def test_an_earlier_champion_that_returns_is_a_roll_back(hall: Hall) -> None:
    first, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    second, _ = hall.network(3.0)
    assert by_hand(second, "looked at it")["decision"] == "promoted"
    assert by_hand(first, "false alarms at night")["decision"] == "rolled_back"
    assert hall.champion() == first
    with pytest.raises(DataError):
        by_hand("mv-nonesuch", "?")


def test_another_margin_scores_nothing_again_and_another_number_of_resamples_does(hall: Hall) -> None:
    model, evaluation = hall.network(3.0)
    looks = evaluations.holdout_looks(hall.engine, hall.dataset)
    wide = hall.says(replace(RECIPE, gate=GateRecipe(margin_roc_auc=0.1)))
    assert predictions(model, hall.dataset, wide) == evaluation
    assert evaluations.holdout_looks(hall.engine, hall.dataset) == looks
    hall.says(replace(RECIPE, evaluation=replace(RECIPE.evaluation, resamples=100)))
    assert hall.evaluation(model, 3.0, 1, hall.dataset) != evaluation


def test_past_the_looks_a_hold_out_allows_only_a_person_promotes(hall: Hall) -> None:
    hall.recipe = ONE_LOOK
    champion, evaluation = hall.network(3.0)
    assert gate([evaluation], ONE_LOOK)["decision"] == "promoted"
    model, evaluation = hall.network(3.0)
    verdict = gate([evaluation], ONE_LOOK)
    assert (verdict["decision"], verdict["ask"], hall.champion()) == ("undecided", True, champion)
    assert "more than gate.max_looks = 1" in verdict["reason"] and "says promoted" in verdict["reason"]
    assert record(model, True, "looked at the maps", "Dr. Example") == "promoted"
    assert hall.champion() == model


def test_a_recipe_may_ask_a_person_always_and_a_rejection_is_stored_with_who_and_why(hall: Hall) -> None:
    hall.recipe = ASKS
    model, evaluation = hall.network(3.0)
    verdict = gate([evaluation], ASKS)
    assert (verdict["decision"], verdict["ask"], hall.champion()) == ("undecided", True, None)
    assert record(model, False, "too few hands", "Dr. Example") == "refused"
    with hall.engine.connect() as connection:
        sql = "select decision, reason, decided_by from promotions order by created_at desc limit 1"
        assert tuple(connection.exec_driver_sql(sql).one()) == ("refused", "too few hands", "Dr. Example")


def test_a_champion_whose_file_is_gone_leaves_it_undecided_and_says_which(hall: Hall, tmp_path: Path) -> None:
    first, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    (tmp_path / "home" / "models" / f"{models.model(hall.engine, first).artifact_sha256}.keras").unlink()
    _, evaluation = hall.network(3.0)
    verdict = gate([evaluation], RECIPE)
    assert verdict["decision"] == "undecided" and first in verdict["reason"] and "missing from" in verdict["reason"]


def test_changed_labels_are_said_and_both_are_compared_on_the_new_ones(hall: Hall) -> None:
    first, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    changed = {"st-0011": 0}
    labels.relabel(hall.engine, changed, "a better list", BY)
    members = [db_story.member(one, label=changed.get(one.study_uid, one.label)) for one in hall.records]
    dataset = hall.freeze(members)
    hall.evaluation(first, 3.0, 1, dataset)
    _, evaluation = hall.network(3.0, dataset=dataset)
    verdict = gate([evaluation], RECIPE)
    assert verdict["decision"] == "promoted"
    assert f"{first} learnt label version 1; both are compared on version 2" in verdict["reason"]
