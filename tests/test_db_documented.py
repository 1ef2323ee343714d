"""Every query in docs/sql.md runs on both databases and answers what it says."""

from __future__ import annotations

import re

import pytest
from db_story import BY, tell
from sqlalchemy import Engine

from db import promotions
from db.query.documented_queries import DOCUMENT, queries
from db.query.read_only_sql import query
from db.schema import views


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
        "How a metric moved when labels were corrected",
        "What changed between two versions of a network",
        "Runs that have no end",
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
