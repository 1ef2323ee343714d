"""The newest is what was written last, whatever the clock said: times of later rows are set back, ids are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from db_story import BY, FACTS, POINTS, Story, begin_training, member, predict, record, tell, train
from db_tamper import past_the_guards
from sqlalchemy import Engine

from db import (
    datasets,
    drift_checks,
    evaluations,
    ingest_runs,
    leak_demonstrations,
    models,
    predictions,
    promotions,
    stage_costs,
    trainings,
)
from db.drift_features import study_facts
from db.images import add_images
from wrist_model.evidence_records import DriftCheck, LeakDemonstration
from wrist_model.records import StudyPrediction


@pytest.fixture
def story(catalogue: Engine) -> Story:
    return tell(catalogue)


def set_back(engine: Engine, first: int) -> None:
    """The links from `first` on get the time of a clock that was set back by years."""
    with past_the_guards(engine, "audit_entry") as connection:
        connection.exec_driver_sql(f"UPDATE audit_entry SET at = '2001-01-01T00:00:00.000000Z' WHERE seq >= {first}")
        connection.commit()


def links(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT max(seq) FROM audit_entry").scalar() or 0)


def test_the_last_decision_and_what_waits_for_a_person(catalogue: Engine, story: Story) -> None:
    _, challenger = story.model_ids
    before = links(catalogue)
    promotions.add_promotion(catalogue, challenger, "refused", "too bad", BY)
    promotions.add_promotion(catalogue, challenger, "undecided", "too few", BY)
    set_back(catalogue, before + 1)
    last = promotions.last_decision(catalogue, challenger)
    assert last is not None and (last.decision, last.reason) == ("undecided", "too few")
    assert [one.model_version_id for one in promotions.undecided(catalogue)] == [challenger]
    promotions.add_promotion(catalogue, story.model_ids[0], "promoted", "by hand", BY)
    set_back(catalogue, before + 1)
    assert promotions.undecided(catalogue) == []  # older than what serves now


def test_the_newest_training_model_and_evaluation(catalogue: Engine, story: Story) -> None:
    before = links(catalogue)
    _, newer = train(catalogue, story.dataset_id, "resnet50", 21)
    models.add_operating_points(catalogue, newer, POINTS, BY)
    evaluation = predict(catalogue, story.dataset_id, newer)
    run = begin_training(catalogue, story.dataset_id, "efficientnetb0", 22).training_run_id
    trainings.fail_training(catalogue, run, "out of memory", BY)
    set_back(catalogue, before + 1)
    found = trainings.finished_trainings(catalogue, story.dataset_id, "resnet50")
    assert [one.model_version_id for one in found] == [newer, story.model_ids[0]]
    assert models.model(catalogue, "resnet50").model_version_id == newer
    assert [one.training_run_id for one in trainings.failed_trainings(catalogue, story.dataset_id)] == [run]
    newest = evaluations.newest_finished(catalogue, story.dataset_id)
    assert [one.evaluation_id for one in newest] == [story.evaluation_id, story.other_evaluation_id, evaluation]


def test_the_newest_costs_leaks_and_drift(catalogue: Engine, story: Story) -> None:
    before = links(catalogue)
    stage_costs.add_stage_cost(catalogue, stage_costs.StageCost("retrain", "train", 7.5, run_id="flow-2"), BY)
    leaky = LeakDemonstration("resnet50", "roc_auc", 0.97, 0.8, 100, 0.9)
    controlled = replace(
        leaky, leaky=0.96, control=0.7, control_ci=(0.6, 0.8), n_control_images=90, n_control_patients=40
    )
    leak_demonstrations.add_leak_demonstration(catalogue, story.dataset_id, controlled, BY)
    (first,) = leak_demonstrations.leak_demonstrations(catalogue, story.dataset_id)
    assert (first.control, first.control_ci, first.n_control_images, first.n_control_patients) == (
        0.7,
        (0.6, 0.8),
        90,
        40,
    )
    leak_demonstrations.add_leak_demonstration(catalogue, story.dataset_id, leaky, BY)
    drift_checks.add_drift_checks(catalogue, [DriftCheck("scanner", None, None, None, None, False, 9, 9)], None, BY)
    set_back(catalogue, before + 1)
    assert [one.run_id for one in stage_costs.stage_costs(catalogue, "retrain")] == ["flow-1", "flow-2"]
    assert [one.run_id for one in stage_costs.stage_costs(catalogue, "retrain", last=1)] == ["flow-2"]
    (shown,) = leak_demonstrations.leak_demonstrations(catalogue, story.dataset_id)
    assert (shown.leaky, shown.control) == (0.97, None)  # the control is of an earlier demonstration
    assert drift_checks.drift_checks(catalogue)[0].checks[0].feature == "scanner"


def test_the_newest_data_set_new_studies_and_their_newest_score(catalogue: Engine, story: Story) -> None:
    before = links(catalogue)
    run = ingest_runs.begin_ingest(catalogue, "mura", BY)
    late = record(70, "test")
    add_images(catalogue, run, [late, record(71)])
    for probability in (0.2, 0.7):
        evaluation = evaluations.begin_evaluation(
            catalogue,
            model_version_id=story.ensemble_id,
            dataset_id=None,
            purpose="prospective",
            facts=FACTS,
            by=BY,
        ).evaluation_id
        row = StudyPrediction(late.study_uid, late.patient_key, None, None, 1, probability, probability)
        predictions.add_predictions(catalogue, evaluation, [], [row], BY)
    set_back(catalogue, before + 1)
    facts = {one.study_uid: one for one in study_facts(catalogue, story.dataset_id, story.ensemble_id)}
    assert facts["st-0070"].split is None and facts["st-0070"].score == 0.7
    assert {one.study_uid for one in facts.values() if one.split is None} == {"st-0070", "st-0071"}
    newer = datasets.add_dataset(catalogue, [member(late)], BY)
    set_back(catalogue, before + 1)
    assert datasets.dataset(catalogue).dataset_id == newer
