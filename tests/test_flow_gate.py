"""The gate at work on a catalogue: with whom a challenger is compared, what is stored, and when a person is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import db_story
import pytest
from gate_hall import ASKS, BY, ONE_LOOK, RECIPE, Hall

from db import evaluations, labels, models, promotions
from tasks.gate import gate
from tasks.predict_dataset import predictions
from tasks.promote import by_hand, record
from tasks.question import question
from wrist_model.errors import DataError
from wrist_model.recipe import GateRecipe


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
    wide = replace(RECIPE, gate=GateRecipe(margin_roc_auc=0.1))
    assert predictions(model, hall.dataset, wide) == evaluation
    assert evaluations.holdout_looks(hall.engine, hall.dataset) == looks
    hall.recipe = replace(RECIPE, evaluation=replace(RECIPE.evaluation, resamples=100))
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


def test_the_question_shows_both_models_figures_and_the_difference(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRIST_PAGES", "/wrist")
    first, evaluation = hall.network(3.0)
    alone = question(hall.engine, gate([evaluation], ASKS), "run-1", "reports/a.html")
    assert f"| test studies | {first} |" in alone and "No model serves yet." in alone
    by_hand(first, "looked at it")
    second, evaluation = hall.network(3.0)
    text = question(hall.engine, gate([evaluation], ASKS), "run-1", "reports/a.html")
    assert f"| test studies | {second} (asks) | {first} (serves) | difference, same patients |" in text
    for name in ("ROC AUC", "Sensitivity", "Specificity"):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
        assert "not compared" not in row and (name != "ROC AUC" or "undefined" not in row)
    assert "roc_auc" not in text
    assert "[report](/wrist/reports/a.html)" in text and "/wrist/runs/flow-run/run-1?tab=Artifacts" in text
    assert "*Close* decides nothing" in text and "*Cancel* of the run's page ends the run" in text
