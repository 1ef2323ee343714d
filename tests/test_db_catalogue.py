"""The catalogue on SQLite and PostgreSQL: what is written, what is refused, and what a second time changes."""

from __future__ import annotations

from dataclasses import replace

import lease_holder
import pytest
from db_story import BY, FACTS, POINTS, RECIPE, RECIPE_SHA, ingest, member, predict, record, tell, tell_all, train
from sqlalchemy import Engine

from db import (
    catalogue_settings,
    comparisons,
    datasets,
    drift_checks,
    evaluations,
    exclusions,
    explanations,
    image_refs,
    images,
    known_files,
    labels,
    leak_demonstrations,
    leases,
    models,
    predictions,
    promotions,
    recipes,
    stage_costs,
    trainings,
    tuning_trials,
)
from db import metrics as stored_metrics
from db.audit.chain import append
from db.engine import reading, writing
from db.schema.all_tables import AUDITED
from db.unended_runs import end_abandoned
from tasks.train import _reuse_or_begin
from wrist_model.errors import CatalogueError, DataError, LeakError, WristError
from wrist_model.recipe import Recipe, TrainingRecipe
from wrist_model.records import StoredRecipe


def count(engine: Engine, table: str) -> int:
    with reading(engine) as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() or 0)


def test_the_story_fills_every_audited_table(catalogue: Engine) -> None:
    tell_all(catalogue)
    assert [table for table in AUDITED if count(catalogue, table) == 0] == []


def test_telling_the_story_again_doubles_nothing_but_decisions_and_looks_made_anew(catalogue: Engine) -> None:
    story = tell(catalogue)
    tables = ("image", "study", "patient", "dataset_member", "training_run", "training_epoch", "model_version")
    tables += ("operating_point", "image_prediction", "metric", "label", "quarantined_file", "holdout_look")
    before = {table: count(catalogue, table) for table in tables if table != "training_run"}
    _, records = ingest(catalogue)
    assert {table: count(catalogue, table) for table in before if table != "image_prediction"} == {
        table: n for table, n in before.items() if table != "image_prediction"
    }
    known = [
        member(image) if image.image_uid != "im-0000-1" else member(image, included=False, excluded_reason="x")
        for image in records
    ]
    second = datasets.add_dataset(catalogue, known, BY)
    assert second != story.dataset_id
    assert datasets.add_dataset(catalogue, known, BY) == second


def test_an_unchanged_a_changed_and_a_taken_image_are_told_apart(catalogue: Engine) -> None:
    run, _ = ingest(catalogue)
    moved = record(0, root="/moved")
    changed = replace(record(1), file_sha256="11" * 32)
    taken = replace(record(2), file_sha256="22" * 32, root="/elsewhere")
    new = record(50)
    outcomes = images.add_images(catalogue, run, [moved, changed, taken, new])
    assert list(outcomes.values()) == ["unchanged", "changed", "taken", "new"]
    assert known_files.known_files(catalogue, "/moved")[moved.path].file_sha256 == moved.file_sha256
    assert known_files.known_files(catalogue, "/data")["broken.png"].reason_code == "truncated"
    assert known_files.known_files(catalogue, "/elsewhere") == {}


def test_a_patient_keeps_its_first_split_and_a_study_its_first_label(catalogue: Engine) -> None:
    run, _ = ingest(catalogue)
    later = replace(record(0, "test", view=7), label=1)
    images.add_images(catalogue, run, [later])
    assert {one.split for one in datasets.candidates(catalogue) if one.patient_key == "pt-0000"} == {"train"}
    assert labels.study_labels(catalogue, ["st-0000"]) == {"st-0000": 0}


def test_another_key_is_refused_and_the_first_split_rule_holds(catalogue: Engine) -> None:
    assert catalogue_settings.split_rule(catalogue) is None
    ingest(catalogue)
    with pytest.raises(CatalogueError, match="made with another"):
        catalogue_settings.remember_key(catalogue, "other", BY)
    rule = {"seed": 1712, "train": 0.7, "validation": 0.15, "test": 0.15}
    assert catalogue_settings.remember_split_rule(catalogue, {"seed": 1}, BY) == rule
    assert catalogue_settings.split_rule(catalogue) == rule


def test_a_patient_in_two_splits_cannot_be_frozen(catalogue: Engine) -> None:
    _, records = ingest(catalogue)
    straddling = [member(image) for image in records]
    straddling[1] = replace(straddling[1], split="test")
    with pytest.raises(LeakError):
        datasets.add_dataset(catalogue, straddling, BY)
    assert count(catalogue, "dataset_version") == 0


def test_the_schema_itself_refuses_a_straddling_patient(catalogue: Engine) -> None:
    story = tell(catalogue)
    row = {
        **{"dataset_version_id": 1, "image_id": 17, "study_id": 9, "patient_id": 9, "split": "test", "label": 1},
        **{"included": 0, "excluded_reason": "x", "pixel_guard": None},
    }
    with pytest.raises(CatalogueError), writing(catalogue) as connection:
        append(connection, "dataset_member", [row], BY)
    with pytest.raises(CatalogueError), writing(catalogue) as connection:
        append(connection, "dataset_patient", [{"dataset_version_id": 1, "patient_id": 9, "split": "test"}], BY)
    assert len(datasets.members(catalogue, story.dataset_id)) == 16


def test_identical_pixels_in_two_splits_cannot_be_frozen(catalogue: Engine) -> None:
    run, _ = ingest(catalogue)
    twin = replace(record(60, "test"), pixel_sha256=record(0).pixel_sha256)
    images.add_images(catalogue, run, [twin])
    with pytest.raises(LeakError):
        datasets.add_dataset(catalogue, [member(record(0)), member(twin)], BY)


def test_exclusions_reach_the_candidates_and_can_be_taken_back(catalogue: Engine) -> None:
    ingest(catalogue)
    assert exclusions.exclude(catalogue, "pt-0003", "withdrew", BY).n_images == 2
    exclusions.exclude(catalogue, "im-0001-0", "blurred", BY)
    reasons = {one.image_uid: one.excluded_reason for one in datasets.candidates(catalogue)}
    assert {uid: reason for uid, reason in reasons.items() if reason} == {
        **{"im-0001-0": "blurred", "im-0003-0": "withdrew", "im-0003-1": "withdrew"}
    }
    exclusions.exclude(catalogue, "pt-0003", "came back", BY, undo=True)
    assert sum(one.excluded_reason is not None for one in datasets.candidates(catalogue)) == 1
    with pytest.raises(DataError):
        exclusions.exclude(catalogue, "pt-9999", "unknown", BY)


def test_a_relabel_makes_a_new_version_and_the_frozen_one_keeps_its_labels(catalogue: Engine) -> None:
    story = tell(catalogue)
    assert labels.study_labels(catalogue, ["st-0002", "st-none"]) == {"st-0002": 1}
    assert {ref.label for ref in image_refs.image_refs(catalogue, story.dataset_id) if ref.study_uid == "st-0002"} == {
        0
    }
    assert datasets.dataset(catalogue).label_version == 1
    assert labels.relabel(catalogue, {"st-0002": 1}, "again", BY) == 2
    with pytest.raises(DataError):
        labels.relabel(catalogue, {"st-none": 1}, "unknown", BY)


def test_refs_carry_paths_splits_and_subgroups(catalogue: Engine) -> None:
    story = tell(catalogue)
    refs = image_refs.image_refs(catalogue, story.dataset_id, "test")
    assert [ref.image_uid for ref in refs] == [f"im-000{n}-{view}" for n in (5, 6, 7) for view in (0, 1)]
    assert refs[0].file == "/data/patient00005/study1_x/image1.png"
    assert dict(refs[0].subgroups)["age"].isdigit()
    assert [ref.split for ref in image_refs.refs_of_unlabelled(catalogue)] == [None]
    assert datasets.new_labelled_studies(catalogue) == 0


def test_a_killed_training_is_gone_on_with_and_a_finished_one_found(catalogue: Engine) -> None:
    story = tell(catalogue)
    again = {"dataset_id": story.dataset_id, "architecture": "resnet50", "seed": 20}
    found = trainings.finished_trainings(catalogue, story.dataset_id, "resnet50")
    assert [(one.model_version_id, one.recipe_json) for one in found] == [(story.model_ids[0], RECIPE)]
    recipe = StoredRecipe(RECIPE_SHA, "demo", RECIPE)
    more = {"recipe": recipe, "facts": FACTS, "by": BY}
    first = trainings.begin_training(catalogue, **{**again, **more, "seed": 21})  # type: ignore[arg-type]
    assert not first.resumed
    lease_holder.release(catalogue, first.lease)
    second = trainings.begin_training(catalogue, **{**again, **more, "seed": 21})  # type: ignore[arg-type]
    assert second.resumed and first.training_run_id == second.training_run_id
    lease_holder.release(catalogue, second.lease)
    assert [one.run_id for one in end_abandoned(catalogue, BY)] == [first.training_run_id]
    third = trainings.begin_training(catalogue, **{**again, **more, "seed": 21})  # type: ignore[arg-type]
    assert third.training_run_id == first.training_run_id and third.resumed
    lease_holder.release(catalogue, third.lease)
    train(catalogue, story.dataset_id, "resnet50", 21)
    assert len(trainings.training_history(catalogue, first.training_run_id)) == 3


def test_an_interrupted_training_is_gone_on_with_where_the_margin_alone_is_another(catalogue: Engine) -> None:
    story = tell(catalogue)
    base = Recipe("demo", training=TrainingRecipe(seed=33))
    wider = replace(base, gate=replace(base.gate, margin_roc_auc=0.05))
    longer = replace(base, training=replace(base.training, epochs=3))
    begun = []
    for recipe in (base, wider, longer):
        start = _reuse_or_begin(catalogue, story.dataset_id, recipe, "efficientnetlite0", None)
        assert isinstance(start, trainings.TrainingStart)
        trainings.fail_training(catalogue, start.training_run_id, "the power went", BY, resumable=True)
        begun.append((start.training_run_id, start.resumed))
    assert begun[0] == (begun[1][0], False) and begun[1][1]
    assert begun[2][0] != begun[0][0] and not begun[2][1]


def test_test_rows_need_locked_operating_points_and_each_session_is_one_look(catalogue: Engine) -> None:
    story = tell(catalogue)
    assert evaluations.holdout_looks(catalogue, story.dataset_id) == 1
    _, unlocked = train(catalogue, story.dataset_id, "resnet50", 99)
    with pytest.raises(CatalogueError, match="locked"):
        predict(catalogue, story.dataset_id, unlocked)
    for one in lease_holder.holders(catalogue):
        lease_holder.release(catalogue, leases.held(catalogue, one.resource))  # type: ignore[arg-type]
    models.add_operating_points(catalogue, unlocked, POINTS, BY)
    predict(catalogue, story.dataset_id, unlocked, replace(BY, prefect_flow_run_id="flow-2"))
    assert evaluations.holdout_looks(catalogue, story.dataset_id) == 2
    with pytest.raises(CatalogueError, match="locked"):
        models.add_operating_points(catalogue, unlocked, POINTS[:1], BY)


def test_what_was_stored_reads_back_as_it_was(catalogue: Engine) -> None:
    story = tell(catalogue)
    metrics = stored_metrics.metrics(catalogue, story.evaluation_id)
    assert [metric.value for metric in metrics] == [0.75, 0.5, None]
    assert metrics[1].tp == 1 and metrics[2].note == "no study"
    rows = predictions.image_predictions(catalogue, story.evaluation_id, "test")
    assert len(rows) == 6 and rows[0].threshold == 0.5 and rows[0].operating_point == "youden"
    assert len(predictions.study_predictions(catalogue, story.evaluation_id)) == 5
    assert comparisons.comparisons(catalogue, story.evaluation_id)[0][1].difference == 0.01
    assert explanations.explanations(catalogue, story.evaluation_id)[0].sanity_score == 0.9
    assert leak_demonstrations.leak_demonstrations(catalogue, story.dataset_id)[0].leaky == 0.95
    assert evaluations.evaluation(catalogue, story.prospective_id).status == "finished"
    assert tuning_trials.tuning_trials(catalogue, story.dataset_id)[0].parameters == (("dropout", 0.3),)
    assert recipes.recipe(catalogue, models.model(catalogue, "resnet50").recipe_sha256 or "").canonical_json == RECIPE
    assert drift_checks.drift_checks(catalogue)[0].checks[0].alert
    assert stage_costs.stage_costs(catalogue, "retrain")[0].wall_seconds == 6.5


def test_the_last_promoted_serves_and_can_be_rolled_back(catalogue: Engine) -> None:
    story = tell(catalogue)
    champion = promotions.champion(catalogue)
    assert champion is not None and champion.model_version_id == story.ensemble_id
    assert champion.members == tuple(sorted(story.model_ids))
    assert [one.model_version_id for one in promotions.earlier_champions(catalogue)] == [story.model_ids[0]]
    promotions.add_promotion(catalogue, story.model_ids[0], "rolled_back", "worse on call", BY)
    assert models.model(catalogue).model_version_id == story.model_ids[0]
    with pytest.raises(DataError, match="No model"):
        models.model(catalogue, "mv-none")


def test_an_evaluation_with_missing_predictions_cannot_finish(catalogue: Engine) -> None:
    story = tell(catalogue)
    start = evaluations.begin_evaluation(
        catalogue,
        model_version_id=story.model_ids[1],
        dataset_id=story.dataset_id,
        purpose="evaluation",
        facts=FACTS,
        by=BY,
    )
    with pytest.raises(DataError, match="10 image"):
        evaluations.finish_evaluation(catalogue, start.evaluation_id, BY)


@pytest.mark.parametrize("change", ["UPDATE {t} SET {c} = {c}", "DELETE FROM {t}"])
def test_no_client_changes_an_audited_row(catalogue: Engine, change: str) -> None:
    tell_all(catalogue)
    for table in ("audit_entry", *AUDITED):
        column = "seq" if table == "audit_entry" else "id"
        with pytest.raises(WristError, match=f"{table} is append-only"), writing(catalogue) as connection:
            connection.exec_driver_sql(change.format(t=table, c=column))
