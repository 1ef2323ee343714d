"""The plan is stored before its hold-out is looked at, the gate goes by it, and its looks are spent."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import db_story
import pytest
from db_tamper import past_the_guards, rewrite_chain
from gate_hall import BY, RECIPE, Hall

from benchmarks import recheck
from db import images, ingest_runs, models, plans, promotions
from db.audit.verify import verify
from db.query.read_only_sql import query
from tasks.gate import gate
from tasks.plan import draft, fix_plan, frozen_plan
from tasks.plan_shown import shown
from tasks.promote import by_hand, record
from tasks.report import write
from tasks.report_content import report_content
from wrist_model.errors import DataError
from wrist_model.recipe import GateRecipe
from wrist_model.records import IngestCounts
from wrist_model.report import plan_beside
from wrist_model.report.checklists import claim, tripod_ai
from wrist_model.report.model_card import model_card

GATE = GateRecipe(0.03, 0.10, 0.10, rule="score", floor_roc_auc=0.7, floor_sensitivity=0.5, floor_specificity=0.5)
SCORE = replace(RECIPE, name="score", gate=GATE)


@pytest.fixture
def scored(hall: Hall) -> Hall:
    """The hall, whose networks are evaluated by the score rule's recipe; its plan is stored."""
    hall.recipe = SCORE
    frozen_plan(hall.dataset, SCORE)
    return hall


def looks() -> list[tuple[int, float, str]]:
    return [(row[0], round(row[1], 4), row[2]) for row in query("SELECT look, alpha, decision FROM plan_looks").rows]


def test_a_plan_is_stored_once_before_anything_is_evaluated_hashed_and_verified(hall: Hall) -> None:
    plan_id = fix_plan(hall.dataset, SCORE)
    assert fix_plan(hall.dataset, SCORE) == plan_id
    found = plans.plan(hall.engine, plan_id)
    assert hashlib.sha256(found.content.encode()).hexdigest() == found.content_sha256
    said = json.loads(found.content)
    assert said["margins"] == {"roc_auc": 0.03, "sensitivity": 0.10, "specificity": 0.10}
    assert said["floors"] == {"roc_auc": 0.7, "sensitivity": 0.5, "specificity": 0.5}
    assert (said["rule"], said["looks_planned"], said["looks_before"], said["error"]) == ("score", 4, 0, 0.05)
    assert said["operating_point"]["name"] == "youden" and said["serves"] == "resnet50" and "sex" in said["subgroups"]
    assert (said["hold_out"]["positive_patients"], said["hold_out"]["negative_patients"]) == (40, 40)
    assert said["foretold"]["power"] < 0.2 and "can't decide" in said["foretold"]["verdict"]
    view = "SELECT plan_id, content_sha256, recipe_sha256, dataset_id, looks_planned, alpha_spent FROM plans"
    assert query(view).rows == [(plan_id, found.content_sha256, SCORE.sha256, hall.dataset, 4, 0.0)]
    assert query("SELECT count(*) FROM evaluations").rows == [(0,)] and verify(hall.engine).findings == ()


def test_a_plan_whose_words_were_changed_is_found_though_the_chain_was_made_to_fit(scored: Hall) -> None:
    with past_the_guards(scored.engine, "plan", "audit_entry") as connection:
        connection.exec_driver_sql("UPDATE plan SET content = replace(content, '0.03', '0.09')")
        rewrite_chain(connection)
        connection.commit()
    assert [(one.kind, one.where) for one in verify(scored.engine).findings] == [("hash", "plan row 1")]


def test_the_gate_of_the_score_rule_decides_nothing_without_a_plan(hall: Hall) -> None:
    hall.recipe = SCORE
    _, evaluation = hall.network(3.0)
    with pytest.raises(DataError, match="wrist plan --freeze --recipe score"):
        gate([evaluation], SCORE)
    assert frozen_plan(hall.dataset, SCORE).looks_before == 1, "what was looked at before the plan is spent"


def test_a_first_model_serves_above_its_floors_alone_and_predict_names_the_challenger(scored: Hall) -> None:
    poor, evaluation = scored.network(0.2)
    verdict = gate([evaluation], SCORE)
    assert (verdict["decision"], verdict["ask"], scored.champion()) == ("undecided", False, None)
    assert "roc_auc" in verdict["reason"] and "floor 0.700" in verdict["reason"] and "look 1 of 4" in verdict["reason"]
    with pytest.raises(DataError, match=f"--model {poor}"):
        models.model(scored.engine)
    good, evaluation = scored.network(3.5)
    assert gate([evaluation], SCORE)["decision"] == "promoted" and scored.champion() == good
    assert gate([evaluation], SCORE)["decision"] == "promoted"
    assert looks() == [(1, 0.0125, "undecided"), (2, 0.0125, "promoted")]
    assert models.model(scored.engine).model_version_id == good


def test_looks_are_spent_and_past_them_only_a_person_promotes(scored: Hall) -> None:
    first, evaluation = scored.network(3.5)
    gate([evaluation], SCORE)
    for _ in range(4):
        worse, evaluation = scored.network(0.0, same=2)
        found = gate([evaluation], SCORE)
        assert found["decision"] == "refused" and scored.references(worse) == {first}
    assert [look[:2] for look in looks()] == [(1, 0.0125), (2, 0.025), (3, 0.0125), (4, 0.0125), (5, 0.0)]
    same, evaluation = scored.network(3.5)
    verdict = gate([evaluation], SCORE)
    assert (verdict["decision"], verdict["ask"], scored.champion()) == ("undecided", True, first)
    assert "look 6, past the 4 planned: only a person promotes" in verdict["reason"]
    assert "The comparison says undecided" in verdict["reason"] and "error 0.0125 are shown" in verdict["reason"]
    assert record(same, True, "looked at the maps", "Dr. Example") == "promoted" and scored.champion() == same


def test_what_the_hold_out_cant_decide_is_asked_of_a_person(scored: Hall) -> None:
    first, evaluation = scored.network(3.5)
    gate([evaluation], SCORE)
    _, evaluation = scored.network(3.4, same=2)
    verdict = gate([evaluation], SCORE)
    assert (verdict["decision"], verdict["ask"], scored.champion()) == ("undecided", True, first)
    assert "this hold-out can't decide, as its plan" in verdict["reason"]


def test_comparisons_say_their_error_and_the_best_earlier_champion_is_asked_too(scored: Hall) -> None:
    best, evaluation = scored.network(4.0)
    gate([evaluation], SCORE)
    poor, _ = scored.network(0.5, same=2)
    by_hand(poor, "a person's mistake")
    challenger, evaluation = scored.network(0.5, same=2)
    verdict = gate([evaluation], SCORE)
    assert verdict["decision"] == "refused" and scored.references(challenger) == {poor, best}
    methods = query(f"SELECT DISTINCT method FROM comparisons WHERE challenger = '{challenger}' ORDER BY 1").rows
    assert methods == [("delong_score_one_sided_0.0125",), ("tango_clustered_one_sided_0.0125",)]
    assert [look[0] for look in looks()] == [1, 3], "a network that was only looked at has spent a look too"


def test_a_hold_out_without_enough_patients_of_a_class_decides_nothing(hall: Hall) -> None:
    small = [one for one in hall.records if one.split != "test" or int(one.study_uid[-4:]) < 30]
    dataset = hall.freeze([db_story.member(one) for one in small])
    hall.recipe = SCORE
    assert json.loads(frozen_plan(dataset, SCORE).content)["foretold"] is None
    first, evaluation = hall.network(3.5, dataset=dataset)
    assert "at least 20 of each class" in gate([evaluation], SCORE)["reason"] and hall.champion() is None
    by_hand(first, "the best there is")
    _, evaluation = hall.network(3.5, dataset=dataset)
    verdict = gate([evaluation], SCORE)
    assert verdict["ask"] and "only 11 negative hold-out patients" in verdict["reason"]


def test_earlier_looks_of_a_catalogue_without_plans_count_as_spent(hall: Hall) -> None:
    for separation in (3.5, 3.5, 3.0):
        _, evaluation = hall.network(separation)
        gate([evaluation], RECIPE)
    hall.recipe = SCORE
    plan = frozen_plan(hall.dataset, SCORE)
    assert (plan.looks_before, plan.alpha_spent) == (3, pytest.approx(0.0375))
    assert "stored after 3 looks" in " ".join(words for _, words in shown_lines(SCORE, hall))
    _, evaluation = hall.network(3.5)
    gate([evaluation], SCORE)
    assert looks()[0][:2] == (4, 0.0125)


def shown_lines(recipe: object, hall: Hall) -> list[tuple[str, str]]:
    return shown(recipe.sha256, None, hall.dataset, False)["lines"]  # type: ignore[attr-defined]


def test_another_margin_is_another_plan_on_the_same_budget(scored: Hall) -> None:
    _, evaluation = scored.network(3.5)
    gate([evaluation], SCORE)
    _, evaluation = scored.network(0.0, same=2)
    gate([evaluation], SCORE)
    wide = replace(SCORE, gate=replace(GATE, margin_roc_auc=0.05, planned_looks=50))
    plan = frozen_plan(scored.dataset, wide)
    assert (plan.looks_before, plan.looks_planned) == (2, 4), "a budget keeps the looks that it was begun with"
    assert plan.budget_plan_id == plans.plan_of(scored.engine, SCORE.sha256, scored.dataset).plan_id  # type: ignore[union-attr]
    with pytest.raises(DataError, match="it is fixed"):
        plans.add_plan(
            scored.engine,
            json.loads(plan.content),
            recipe_sha256=wide.sha256,
            dataset_id=scored.dataset,
            alpha_spent=0.0,
            budget=None,
            by=BY,
        )


def test_new_test_patients_begin_a_new_budget_once_the_looks_are_spent(scored: Hall) -> None:
    first, evaluation = scored.network(3.5)
    gate([evaluation], SCORE)
    for _ in range(3):
        gate([scored.network(0.0, same=2)[1]], SCORE)
    run = ingest_runs.begin_ingest(scored.engine, "mura", BY, db_story.FACTS)
    more = [db_story.record(number, "test") for number in range(200, 260)]
    images.add_images(scored.engine, run, more)
    ingest_runs.finish_ingest(scored.engine, run, IngestCounts(new=len(more)), 1.0)
    dataset = scored.freeze([db_story.member(one) for one in (*scored.records, *more)])
    plan = frozen_plan(dataset, SCORE)
    assert plan.new_patients_only and plan.budget_plan_id == plan.plan_id
    assert (plan.looks_before, plan.alpha_spent) == (0, 0.0)
    hold_out = json.loads(plan.content)["hold_out"]
    assert (hold_out["positive_patients"], hold_out["negative_patients"]) == (30, 30)
    scored.evaluation(first, 3.5, 1, dataset)
    challenger, evaluation = scored.network(3.5, dataset=dataset)
    gate([evaluation], SCORE)
    assert looks()[-1][:2] == (1, 0.0125)
    patients = query(f"SELECT DISTINCT n_patients FROM comparisons WHERE challenger = '{challenger}'").rows
    assert patients == [(60,)], "those that were looked at before take no part"
    again = replace(SCORE, gate=replace(GATE, floor_roc_auc=0.6))
    assert draft(scored.engine, dataset, again).content["hold_out"]["positive_patients"] == 30


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_that_were_scored_before_either_was_decided_are_two_looks(
    scored: Hall, order: tuple[int, int], tmp_path: Path
) -> None:
    gate([scored.network(3.5)[1]], SCORE)
    waiting = [scored.network(0.0, same=2)[1], scored.network(0.0, same=3)[1]]
    for one in order:
        gate([waiting[one]], SCORE)
    assert [look[:2] for look in looks()] == [(1, 0.0125), *([(2, 0.025), (3, 0.0125)][one] for one in order)]
    with sqlite3.connect(scored.home / "catalogue.sqlite") as connection:
        assert [one for one in recheck.problems(connection) if "look" in one.split(":")[0]] == []
    connection.close()
    plan = plans.budget_plan(scored.engine, scored.dataset)
    assert plans.looks(scored.engine, scored.dataset, plan) == (True, False, False)


def test_a_session_that_scored_the_champion_alone_is_no_look(scored: Hall) -> None:
    first, evaluation = scored.network(3.5)
    gate([evaluation], SCORE)
    scored.recipe = replace(SCORE, evaluation=replace(SCORE.evaluation, resamples=100))
    scored.evaluation(first, 3.5, 1, scored.dataset)
    budget = plans.budget_plan(scored.engine, scored.dataset)
    assert plans.looks(scored.engine, scored.dataset, budget) == (True,)


def test_wrist_plan_shows_what_is_fixed_and_what_is_left(hall: Hall) -> None:
    file = hall.home.parent / "mine.toml"
    says = 'rule = "score"\nmargin_roc_auc = 0.03\nmargin_sensitivity = 0.1\nmargin_specificity = 0.1\n'
    file.write_text(f'[evaluation]\nresamples = 200\nserve = "resnet50"\n[gate]\n{says}')
    before = shown(str(file), None, None, False)
    assert before["plan_id"] is None and query("SELECT count(*) FROM plans").rows == [(0,)]
    words = dict(before["lines"])
    assert "one-sided error 0.0125" in words["Left now"] and "80% at" in words["sensitivity"]
    frozen = shown(str(file), None, None, True)
    assert frozen["plan_id"] and frozen["content"] == before["content"]
    assert shown(str(file), None, None, True)["plan_id"] == frozen["plan_id"]


def test_a_recipe_of_the_bootstrap_rule_is_planned_too_and_spends_nothing(hall: Hall) -> None:
    plan = frozen_plan(hall.dataset, RECIPE)
    assert (plan.rule, plan.looks_planned, plan.alpha_spent) == ("bootstrap", 20, 0.0)
    _, evaluation = hall.network(3.0)
    assert gate([evaluation], RECIPE)["decision"] == "promoted" and looks() == []


def test_the_report_prints_the_plan_beside_what_happened(scored: Hall) -> None:
    _, evaluation = scored.network(3.5)
    gate([evaluation], SCORE)
    same, evaluation = scored.network(3.5)
    gate([evaluation], SCORE)
    page = Path(write([evaluation])).read_text()
    plan = plans.plan_of(scored.engine, SCORE.sha256, scored.dataset)
    assert plan is not None and plan.content_sha256 in page and "What was planned, and what happened" in page
    data = report_content(scored.engine, [evaluation])
    said = {what: (planned, happened) for what, planned, happened in plan_beside.rows(data)}
    assert said["Margins"][0].startswith("ROC AUC 0.030") and "lower limits: ROC AUC -0.0" in said["Margins"][1]
    assert (
        "stored before any look" in said["Looks"][0] and said["Looks"][1] == "look 2, one-sided error 0.0250: undecided"
    )
    assert "expected half-width 0." in said["sensitivity"][0] and said["sensitivity"][1].startswith("half-width 0.")
    assert same in said["Serves"][1] and "80 studies of 80 patients" in said["Hold-out"][1]
    for checklist in (claim(data), tripod_ai(data)):
        assert "as planned before they were looked at" in checklist and "expected half-width 0." in checklist
    assert plan.content_sha256 in tripod_ai(data) and plan.plan_id in model_card(data)
    late = replace(data, plan=replace(plan, looks_before=3))
    for checklist in (claim(late), tripod_ai(late)):
        assert "after 3 look(s) at them" in checklist and "before they were looked at" not in checklist


def test_decisions_of_the_bootstrap_rule_stay_what_they_were(hall: Hall, tmp_path: Path) -> None:
    first, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    last = promotions.last_decision(hall.engine, first)
    assert last is not None and last.reason == "the first model: there is no champion to compare with"
