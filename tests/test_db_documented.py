"""Every query in docs/sql.md runs on both databases and answers what it says."""

from __future__ import annotations

import re

import pytest
from db_story import BY, draw_and_measure, tell, train
from db_tamper import past_the_guards
from sqlalchemy import Engine

from db import datasets, labels, promotions, stage_costs
from db.query.documented_queries import DOCUMENT, queries
from db.query.read_only_sql import query
from db.schema import views
from wrist_model.cohort import leak_guard


def test_there_are_at_least_fifteen_queries_and_every_view_is_explained() -> None:
    assert len(queries()) >= 15
    text = DOCUMENT.read_text()
    assert [name for name in views.VIEWS if f"`{name}`" not in text] == []


def test_every_documented_query_runs_and_they_find_the_story(catalogue: Engine) -> None:
    story = tell(catalogue)
    found = {heading: query(sql) for heading, sql in queries().items()}
    empty = {heading for heading, rows in found.items() if not rows.rows}
    assert {heading for heading in empty if "there must be none" not in heading} == {
        "Patients on whom the two networks disagree",
        "The same models on external sets, beside the internal test split",
        "How a metric moved when labels were corrected",
        "What changed between two versions of a network",
        "What was planned before each decision of the gate, and what it has spent",
        "Runs that have no end",
        "Do the maps look at the fracture, at text, at metal?",
        "What was drawn on the pictures of each split, by class",
        "Boxes that were refused, by reason",
    }

    def answer(start: str) -> list[tuple[object, ...]]:
        return next(rows.rows for heading, rows in found.items() if heading.startswith(start))

    assert [row[0] for row in answer("False negatives")] == ["st-0005", "st-0007"]
    assert answer("How many patients") == [("test", 3, 3, 2, 6), ("train", 3, 3, 2, 6), ("validation", 2, 2, 1, 4)]
    assert answer("What was left out") == [("identical_pixels", 1, 1)]
    assert answer("Labels that were changed")[0][:4] == ("st-0002", 0, 1, 2)
    assert {row[1] for row in answer("Who decided what")} == {"promoted"}
    assert answer("What was refused")[0][0] == "truncated"
    promotions.add_promotion(catalogue, story.model_ids[0], "rolled_back", "worse", BY)
    assert query(queries()["False negatives of the champion this month"]).rows


@pytest.mark.parametrize("heading", queries())
def test_a_documented_query_names_views_only(heading: str) -> None:
    named = set(re.findall(r"\b(?:FROM|JOIN)\s+([a-z_]+)", queries()[heading]))
    assert named <= set(views.VIEWS)


def test_documented_queries_of_boxes_find_what_was_drawn(catalogue: Engine) -> None:
    draw_and_measure(catalogue, tell(catalogue))

    def answer(start: str) -> list[tuple[object, ...]]:
        return query(next(sql for heading, sql in queries().items() if heading.startswith(start))).rows

    measured = answer("Do the maps look")
    assert [row[:5] for row in measured] == [
        ("ensemble", "internal test", "fracture", "pointing_game", 0.75),
        ("ensemble", "internal test", "fracture", "random_point", 0.1),
    ]
    drawn = [row[:4] for row in answer("What was drawn")]
    assert sorted(drawn, key=str) == [("test", "fracture", 1, 1), ("test", "text", 1, 1)]
    assert [row[:3] for row in answer("Boxes that were refused")] == [("csv", "outside_picture", 1)]


def test_documented_queries_show_the_newest_first_after_the_clock_was_set_back(catalogue: Engine) -> None:
    story = tell(catalogue)
    with catalogue.connect() as connection:
        last = int(connection.exec_driver_sql("SELECT max(seq) FROM audit_entry").scalar() or 0)
    _, newer = train(catalogue, story.dataset_id, "resnet50", 21)
    promotions.add_promotion(catalogue, newer, "refused", "worse", BY)
    labels.relabel(catalogue, {"st-0004": 1}, "Another list", BY)
    stage_costs.add_stage_cost(catalogue, stage_costs.StageCost("retrain", "evaluate", 1.0, run_id="flow-2"), BY)
    found = datasets.candidates(catalogue)
    datasets.add_dataset(catalogue, leak_guard.decide(found), BY)
    with past_the_guards(catalogue, "audit_entry") as connection:
        connection.exec_driver_sql(f"UPDATE audit_entry SET at = '2001-01-01T00:00:00.000000Z' WHERE seq > {last}")
        connection.commit()

    def answer(start: str) -> list[tuple[object, ...]]:
        return query(next(sql for heading, sql in queries().items() if heading.startswith(start))).rows

    assert [row[:3] for row in answer("What changed between")] == [("resnet50", story.model_ids[0], newer)]
    assert answer("Who decided what")[-1][1:3] == ("refused", newer)
    assert [row[0] for row in answer("Labels that were changed")] == ["st-0002", "st-0004"]
    assert [row[3] for row in answer("Everything that was corrected") if row[2] == "label"] == ["st-0002", "st-0004"]
    assert ("unlabelled", 1, 1) in answer("What was left out of the newest")
    assert answer("Where the time of the last runs went")[0][1] == "evaluate"
    newest = {row[0] for row in query("SELECT training_run_id FROM training_runs ORDER BY seq DESC LIMIT 1").rows}
    shown = [row for row in answer("The epochs of the newest training") if row[0] == "resnet50"]
    assert newest and len(shown) == 3
