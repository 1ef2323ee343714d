"""A correction is a new row that points to the one it corrects."""

from __future__ import annotations

from db_story import BY, ingest, tell
from sqlalchemy import Engine

from db import labels, promotions
from db.audit.verify import verify
from db.query.read_only_sql import query


def test_each_new_label_points_to_the_one_that_held_before(catalogue: Engine) -> None:
    ingest(catalogue)
    labels.relabel(catalogue, {"st-0002": 1, "st-0090": 0}, "a second reading", BY)
    labels.relabel(catalogue, {"st-0002": None, "st-0003": 1}, "a third", BY)
    history = "SELECT label_version, label, corrects_label_version FROM label_history WHERE study_uid = '{}' ORDER BY 1"
    assert query(history.format("st-0002")).rows == [(1, 0, None), (2, 1, 1), (3, None, 2)]
    assert query(history.format("st-0090")).rows == [(2, 0, None)], "a first label corrects nothing"
    assert query(history.format("st-0003")).rows == [(1, 1, None)], "the same label again is no correction"
    assert query("SELECT subject, was, is_now, reason FROM corrections ORDER BY created_at").rows == [
        ("st-0002", "0", "1", "a second reading"),
        ("st-0002", "1", None, "a third"),
    ]
    assert verify(catalogue).ok


def test_an_exclusion_points_to_the_one_before_it_on_the_same_target_alone(catalogue: Engine) -> None:
    ingest(catalogue)
    for target, reason, undo in (
        ("im-0001-0", "blurred", False),
        ("st-0001", "wrong wrist", False),
        ("pt-0001", "withdrew", False),
        ("im-0001-0", "sharp after all", True),
        ("st-0001", "wrong side", False),
    ):
        labels.exclude(catalogue, target, reason, BY, undo=undo)
    found = query(
        "SELECT exclusion_id, corrects_exclusion_id, reason FROM exclusions ORDER BY created_at, exclusion_id"
    )
    assert found.rows == [
        ("xc-1", None, "blurred"),
        ("xc-2", None, "wrong wrist"),
        ("xc-3", None, "withdrew"),
        ("xc-4", "xc-1", "sharp after all"),
        ("xc-5", "xc-2", "wrong side"),
    ]
    assert query("SELECT subject, was, is_now FROM corrections ORDER BY created_at").rows == [
        ("im-0001-0", "left out: blurred", "taken in again"),
        ("st-0001", "left out: wrong wrist", "left out: wrong side"),
    ]
    assert verify(catalogue).ok


def test_a_roll_back_points_to_the_promotion_that_it_takes_back(catalogue: Engine) -> None:
    story = tell(catalogue)
    promotions.add_promotion(catalogue, story.model_ids[1], "refused", "worse", BY)
    promotions.add_promotion(catalogue, story.model_ids[0], "rolled_back", "more false alarms", BY)
    rows = query("SELECT subject, was, is_now, reason, actor FROM corrections WHERE kind = 'promotion'").rows
    assert rows == [("champion", story.ensemble_id, story.model_ids[0], "more false alarms", BY.actor)]
    assert verify(catalogue).ok
