"""The gate compares on people and pictures from whom neither model has learnt: persons, copies, equal pixels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import db_story
import pytest
from gate_hall import BY, RECIPE, Hall
from prefect.logging import disable_run_logger

from db import datasets, images, ingest_runs, near_duplicates, patient_identity
from db.near_duplicates import NearDuplicate
from tasks import gate_rules
from tasks.gate import gate
from tasks.plan import frozen_plan
from wrist_model.cohort import leak_guard
from wrist_model.evidence import retrain_plan
from wrist_model.recipe import GateRecipe

GATE = GateRecipe(0.03, 0.10, 0.10, rule="score", floor_roc_auc=0.7, floor_sensitivity=0.5, floor_specificity=0.5)
SCORE = replace(RECIPE, name="score", gate=GATE)


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    """Without a Prefect server: the gate's own work needs none."""
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    with disable_run_logger():
        made = Hall(tmp_path / "home")
        yield made
        made.engine.dispose()


def merged(hall: Hall, test: int) -> None:
    patient_identity.merge_patients(hall.engine, "pt-0000", f"pt-{test:04d}", "the PACS merged them", BY)


def copied(hall: Hall, test: int) -> None:
    pair = NearDuplicate("im-0000-0", f"im-{test:04d}-0", 2.0, 0.99, True)
    near_duplicates.add_near_duplicates(hall.engine, [pair], BY)


def compared_on(hall: Hall) -> set[int]:
    with hall.engine.connect() as connection:
        return {row[0] for row in connection.exec_driver_sql("select distinct n_patients from comparisons")}


@pytest.mark.parametrize("linked", [merged, copied])
def test_the_champion_is_not_tested_on_people_and_copies_of_pictures_that_it_learnt_from(
    hall: Hall, linked: Callable[[Hall, int], None]
) -> None:
    """They left train only in the version that the challenger learnt from."""
    champion, evaluation = hall.network(3.0)
    gate.fn([evaluation], RECIPE)
    for test in range(10, 30):
        linked(hall, test)
    near = near_duplicates.near_duplicates(hall.engine)
    later = hall.freeze(list(leak_guard.decide(datasets.candidates(hall.engine), near)))
    _, evaluation = hall.network(3.0, 2, later)
    hall.evaluation(champion, 3.0, 1, later)
    gate.fn([evaluation], RECIPE)
    assert compared_on(hall) == {60}


@pytest.mark.parametrize("linked", [merged, copied])
def test_the_plan_foretells_on_the_people_on_whom_the_gate_will_compare(
    hall: Hall, linked: Callable[[Hall, int], None]
) -> None:
    hall.recipe = SCORE
    frozen_plan(hall.dataset, SCORE)
    champion, evaluation = hall.network(3.5)
    assert gate.fn([evaluation], SCORE)["decision"] == "promoted"
    for test in range(10, 30):
        linked(hall, test)
    near = near_duplicates.near_duplicates(hall.engine)
    later = hall.freeze(list(leak_guard.decide(datasets.candidates(hall.engine), near)))
    said = json.loads(frozen_plan(later, SCORE).content)
    held = said["hold_out"]
    assert (held["positive_patients"], held["negative_patients"], held["learnt_patients"]) == (30, 30, 20)
    assert "20 more are left out" in dict(retrain_plan.in_words(said))["Hold-out"]
    hall.evaluation(champion, 3.5, 1, later)
    _, evaluation = hall.network(3.5, 2, later)
    gate.fn([evaluation], SCORE)
    with hall.engine.connect() as connection:
        (compared,) = connection.exec_driver_sql("select compared from plan_looks order by seq desc limit 1").one()
    assert json.loads(compared) == {champion: [30, 30]}


def test_people_of_the_versions_own_train_side_take_no_part_in_what_is_foretold(hall: Hall) -> None:
    """Two turn out to be one person after the version was frozen: the challenger will have learnt from them."""
    merged(hall, 10)
    held = json.loads(frozen_plan(hall.dataset, SCORE).content)["hold_out"]
    assert (held["positive_patients"], held["negative_patients"], held["learnt_patients"]) == (40, 39, 1)


def test_further_rows_of_people_who_were_looked_at_begin_no_new_budget(hall: Hall) -> None:
    hall.recipe = SCORE
    frozen_plan(hall.dataset, SCORE)
    for separation, luck in ((3.5, 1), (0.0, 2), (0.0, 2), (0.0, 2)):
        gate.fn([hall.network(separation, luck)[1]], SCORE)
    run = ingest_runs.begin_ingest(hall.engine, "mura", BY, db_story.FACTS)
    more = [db_story.record(number, "test") for number in range(200, 260)]
    images.add_images(hall.engine, run, more)
    for number in range(60):
        patient_identity.merge_patients(hall.engine, f"pt-{8 + number:04d}", f"pt-{200 + number:04d}", "one", BY)
    later = hall.freeze([db_story.member(one) for one in (*hall.records, *more)])
    plan = frozen_plan(later, SCORE)
    assert (plan.new_patients_only, plan.looks_before) == (False, 4)


def test_patients_who_turn_out_to_be_one_person_while_the_gate_compares_are_not_compared_on(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, evaluation = hall.network(3.0)
    gate.fn([evaluation], RECIPE)
    compare, times = gate_rules.compare, 0

    def meanwhile(*arguments: Any) -> Any:
        nonlocal times
        found, times = compare(*arguments), times + 1
        if times == 1:
            merged(hall, 10)
        return found

    monkeypatch.setattr(gate_rules, "compare", meanwhile)
    _, evaluation = hall.network(3.0, 2)
    gate.fn([evaluation], RECIPE)
    assert times == 2 and compared_on(hall) == {79}
