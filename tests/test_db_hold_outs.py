"""External sets in the catalogue: their rows, their looks, their hashes, and internal figures without them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from db_story import BY, FACTS, POINTS, STORED, Story, member, plan_and_look, record, tell, train
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from db import (
    datasets,
    evaluations,
    hold_outs,
    image_refs,
    ingest_runs,
    metrics,
    models,
    near_duplicates,
    patient_identity,
    plans,
    predictions,
)
from db.audit.verify import verify
from db.drift_features import study_facts
from db.images import add_images
from db.maintenance.migrate import downgrade, upgrade
from db.query.documented_queries import queries
from db.query.read_only_sql import query
from tasks import predict_dataset
from tests.test_db_migrations import shape
from wrist_model.errors import CatalogueError, DataError, LeakError
from wrist_model.recipe import Recipe
from wrist_model.records import ImagePrediction, ImageRecord, ImageRef, Member, Metric, Provenance, StudyPrediction

CLINIC = "clinic"


def outside(number: int, *, view: int = 0, label: int | None = None) -> ImageRecord:
    """An image of the external set."""
    made = record(number, "test", view=view, label=label)
    return replace(made, source="elsewhere", root="/clinic", placed=True, hold_out=CLINIC)


def with_a_clinic(engine: Engine) -> tuple[Story, str]:
    """The story, and a second version of it that holds an external set of three patients, too."""
    story = tell(engine)
    run = ingest_runs.begin_ingest(engine, "elsewhere", BY, FACTS)
    records = [outside(number, view=view) for number in (20, 21, 22) for view in (0, 1)]
    add_images(engine, run, records)
    held = [
        one
        for one in datasets.members(engine, story.dataset_id)
        if one.study_uid > "st-0002" or one.study_uid == "st-0000"
    ]
    made = [replace(member(one), hold_out=one.hold_out) for one in records]
    return story, datasets.add_dataset(engine, [*held, *made], BY)


def scored(
    engine: Engine, dataset_id: str, model_id: str, *, of: str | None = CLINIC, by: Provenance = BY, finish: bool = True
) -> str:
    """An evaluation of an external set's members, with one metric."""
    evaluation_id = evaluations.begin_evaluation(
        engine,
        model_version_id=model_id,
        dataset_id=dataset_id,
        purpose="evaluation",
        facts=FACTS,
        by=by,
        recipe=STORED,
        hold_out=of,
    ).evaluation_id
    refs = image_refs.image_refs(engine, dataset_id, "test", CLINIC)
    images = [
        ImagePrediction(r.image_uid, r.study_uid, r.patient_key, r.split, r.label, 0.25, 0.3, "youden", 0.5, 0)
        for r in refs
    ]
    studies = {
        r.study_uid: StudyPrediction(r.study_uid, r.patient_key, r.split, r.label, 2, 0.25, 0.3, "youden", 0.4, 0)
        for r in refs
    }
    predictions.add_predictions(engine, evaluation_id, images, list(studies.values()), by)
    if finish:
        made = [Metric("test", "study", "all", None, "roc_auc", 0.65, 0.4, 0.8, 6, 3, 3)]
        metrics.add_metrics(engine, evaluation_id, made, by)
        evaluations.finish_evaluation(engine, evaluation_id, by)
    return evaluation_id


def test_external_rows_have_split_test_and_the_sets_name_and_internal_ones_have_none(catalogue: Engine) -> None:
    story, dataset_id = with_a_clinic(catalogue)
    evaluation_id = scored(catalogue, dataset_id, story.ensemble_id)
    assert verify(catalogue).findings == ()
    for view, id_ in (
        ("study_predictions", evaluation_id),
        ("image_predictions", evaluation_id),
        ("evaluation_metrics", evaluation_id),
    ):
        rows = query(f"SELECT DISTINCT split, hold_out FROM {view} WHERE evaluation_id = '{id_}'").rows
        assert rows == [("test", CLINIC)], view
        others = query(f"SELECT DISTINCT hold_out FROM {view} WHERE evaluation_id <> '{id_}'").rows
        assert others == [(None,)], view
    held = query(f"SELECT split, hold_out, count(*) FROM dataset_members WHERE dataset_id = '{dataset_id}' "
                 "AND hold_out IS NOT NULL GROUP BY split, hold_out").rows  # fmt: skip
    assert held == [("test", CLINIC, 6)]
    assert query("SELECT count(*) FROM studies WHERE hold_out = 'clinic' AND split = 'test'").rows == [(3,)]
    assert hold_outs.sets_in(catalogue, dataset_id) == (CLINIC,)
    assert hold_outs.sets_in(catalogue, story.dataset_id) == ()


def test_what_is_read_of_a_version_is_internal_unless_a_set_is_named(catalogue: Engine) -> None:
    story, dataset_id = with_a_clinic(catalogue)
    inside = {ref.patient_key for ref in image_refs.image_refs(catalogue, dataset_id)}
    assert inside.isdisjoint({"pt-0020", "pt-0021", "pt-0022"}) and len(inside) == 6
    assert len(image_refs.image_refs(catalogue, dataset_id, "test")) == 6
    assert len(image_refs.image_refs(catalogue, dataset_id, "test", CLINIC)) == 6
    assert datasets.sources(catalogue, dataset_id) == ("mura",)
    assert datasets.sources(catalogue, dataset_id, hold_out=CLINIC) == ("elsewhere",)
    assert plans.comparable_patients(catalogue, dataset_id) == plans.comparable_patients(catalogue, story.dataset_id)
    scored(catalogue, dataset_id, story.ensemble_id)
    assert evaluations.newest_finished(catalogue, dataset_id) == []
    inside = evaluations.finished_inside(catalogue, story.ensemble_id)
    assert inside is not None and inside.hold_out is None and inside.evaluation_id == story.evaluation_id
    assert [row.hold_out for row in evaluations.finished_outside(catalogue, story.ensemble_id)] == [CLINIC]
    assert metrics.first_test_auc(catalogue, story.ensemble_id) == 0.75
    facts = study_facts(catalogue, dataset_id, story.ensemble_id)
    assert facts and not {one.study_uid for one in facts} & {"st-0020", "st-0021", "st-0022"}


def test_a_look_at_an_external_set_is_counted_as_one_of_that_set_alone(catalogue: Engine) -> None:
    story, dataset_id = with_a_clinic(catalogue)
    plan = plan_and_look(catalogue, story)
    internal = plans.looks(catalogue, story.dataset_id, plan)
    before = evaluations.holdout_looks(catalogue, story.dataset_id), plans.comparable_patients(
        catalogue, dataset_id, unseen=True
    )  # fmt: skip
    for number, model in enumerate(story.model_ids, start=1):
        scored(catalogue, dataset_id, model, by=replace(BY, prefect_flow_run_id=f"outside-{number}"))
        assert evaluations.holdout_looks(catalogue, dataset_id, CLINIC) == number
    assert plans.looks(catalogue, story.dataset_id, plan) == internal == plans.looks(catalogue, dataset_id, plan)
    assert (
        evaluations.holdout_looks(catalogue, story.dataset_id),
        plans.comparable_patients(catalogue, dataset_id, unseen=True),
    ) == before
    assert plans.looked_at_before(catalogue, plan) == {"pt-0005", "pt-0006", "pt-0007"}
    assert evaluations.holdout_looks(catalogue, dataset_id, "another") == 0
    assert query("SELECT count(*) FROM holdout_looks WHERE hold_out = 'clinic'").rows == [(2,)]
    _, fresh = train(catalogue, story.dataset_id, "resnet50", 77)
    models.add_operating_points(catalogue, fresh, POINTS, BY)
    scored(catalogue, dataset_id, fresh, by=replace(BY, prefect_flow_run_id="outside-3"))
    assert plans.looks(catalogue, dataset_id, plan) == internal  # a model that never served spends none of it either


def test_what_a_model_has_learnt_from_goes_by_person_by_copy_and_by_pixels(catalogue: Engine) -> None:
    story = tell(catalogue)
    twin = replace(record(30, "test"), pixel_sha256=record(2).pixel_sha256)
    further = [twin, record(31, "test"), record(32, "test"), record(33, "test")]
    add_images(catalogue, ingest_runs.begin_ingest(catalogue, "mura", BY, FACTS), further)
    version = datasets.add_dataset(catalogue, [member(one) for one in (*further, record(5, "test"))], BY)
    models_ = (story.model_ids[0], story.ensemble_id)
    assert set(hold_outs.known_patients(catalogue, models_, version).values()) == {frozenset({"pt-0030"})}
    pair = near_duplicates.NearDuplicate("im-0000-0", "im-0005-0", 2.0, 0.99, True)
    near_duplicates.add_near_duplicates(catalogue, [pair], BY)
    patient_identity.merge_patients(catalogue, "pt-0001", "pt-0031", "the PACS merged them", BY)
    patient_identity.merge_patients(catalogue, "pt-0005", "pt-0032", "the PACS merged them", BY)
    known = hold_outs.known_patients(catalogue, models_, version)
    assert set(known.values()) == {frozenset({"pt-0030", "pt-0005", "pt-0032", "pt-0031"})} and set(known) == {*models_}


def test_a_set_that_became_known_while_it_was_scored_is_refused_and_none_of_it_is_stored(
    catalogue: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge while the network scores: after the set was found, before its predictions are stored."""
    story, version = with_a_clinic(catalogue)
    model = story.model_ids[0]
    hold_outs.refuse_known(catalogue, model, version, CLINIC)

    def scores(_: Engine, __: object, refs: list[ImageRef], ___: object) -> list[ImagePrediction]:
        patient_identity.merge_patients(catalogue, "pt-0000", "pt-0021", "the PACS merged them", BY)
        return [ImagePrediction(r.image_uid, r.study_uid, r.patient_key, r.split, r.label, 0.25) for r in refs]

    monkeypatch.setattr(predict_dataset, "raw_scores", scores)
    with pytest.raises(LeakError, match=r"external set clinic: 2 image\(s\), im-0021-0, im-0021-1"):
        predict_dataset.predictions(model, version, Recipe("r"), hold_out=CLINIC)
    stored = ("image_predictions", "study_predictions", "holdout_looks")
    counts = [query(f"SELECT count(*) FROM {view} WHERE hold_out = 'clinic'").rows[0][0] for view in stored]
    status = query("SELECT status FROM evaluations WHERE hold_out = 'clinic'").rows
    assert counts == [0, 0, 0] and [row[0] for row in status] == ["failed"]
    assert verify(catalogue).findings == ()


def test_an_external_patient_can_stand_in_no_other_split_and_be_scored_in_no_other_evaluation(
    catalogue: Engine,
) -> None:
    story, dataset_id = with_a_clinic(catalogue)
    held = datasets.members(catalogue, dataset_id)
    for change in ({"hold_out": None}, {"hold_out": "another"}, {"split": "train", "hold_out": None}):
        moved = [replace(one, **change) if one.hold_out else one for one in held]  # type: ignore[arg-type]
        with pytest.raises(LeakError, match="never moves"):
            datasets.add_dataset(catalogue, moved, BY)
    in_train = [replace(record(30, "train"), hold_out=CLINIC)]
    run = ingest_runs.begin_ingest(catalogue, "elsewhere", BY, FACTS)
    with pytest.raises((CatalogueError, IntegrityError, DBAPIError)):
        add_images(catalogue, run, in_train)
    for wrong in (None, "another"):
        with pytest.raises(CatalogueError, match="Nothing was stored"):
            scored(catalogue, dataset_id, story.model_ids[0], of=wrong)
    unfinished = scored(catalogue, dataset_id, story.model_ids[1], finish=False)
    evaluations.finish_evaluation(catalogue, unfinished, BY)
    empty = evaluations.begin_evaluation(
        catalogue,
        model_version_id=story.ensemble_id,
        dataset_id=dataset_id,
        purpose="evaluation",
        facts=FACTS,
        by=BY,
        hold_out=CLINIC,
    ).evaluation_id
    with pytest.raises(DataError, match=r"6 image\(s\) have no prediction"):
        evaluations.finish_evaluation(catalogue, empty, BY)


def test_a_member_without_a_set_hashes_as_before_and_one_with_a_set_by_its_name() -> None:
    one = Member("im-1", "st-1", "pt-1", "test", 1, True)
    before = datasets.manifest_sha256([one], {"im-1": "aa"}, 1)
    assert before == "7ce0901996034de08d5f906d8f5179e8704f18823902208dd0ad8b9348dad99d"  # as commit fb8bb5a wrote it
    named = [replace(one, hold_out=name) for name in ("a", "b")]
    assert len({before, *(datasets.manifest_sha256([each], {"im-1": "aa"}, 1) for each in named)}) == 3


def test_every_documented_query_about_test_leaves_external_sets_out() -> None:
    said = dict(queries())
    for page in ("evidence.md", "sql.md"):
        text = (Path(__file__).parent.parent / "docs" / page).read_text(encoding="utf-8")
        said |= {f"{page} {n}": sql for n, sql in enumerate(re.findall(r"```sql\n(.*?)```", text, re.S))}
    asked = {
        heading: sql
        for heading, sql in said.items()
        if re.search(r"split = 'test'|GROUP BY (\w\.)?split|THEN i.split", sql)
    }
    assert len(asked) >= 15
    without = [heading for heading, sql in asked.items() if "hold_out IS N" not in sql]
    assert without == []
    written = hold_outs.internal_test("e")
    assert all(part.strip("()") in queries()["The headline table: test metrics of each model with their intervals"]
               for part in written.split(" AND "))  # fmt: skip


def test_documented_counts_and_headlines_are_the_same_with_and_without_an_external_set(catalogue: Engine) -> None:
    story, dataset_id = with_a_clinic(catalogue)
    before = {heading: query(sql).rows for heading, sql in queries().items()}
    scored(catalogue, dataset_id, story.ensemble_id)
    after = {heading: query(sql).rows for heading, sql in queries().items()}
    changed = {heading for heading in after if after[heading] != before[heading]}
    assert changed == {
        "The same models on external sets, beside the internal test split",
        "Who wrote what into the trail, by day",
    }
    patients = {row[0]: row[1] for row in after["How many patients, studies and positives stand in each split"]}
    assert patients["test"] == 3
    beside = after["The same models on external sets, beside the internal test split"]
    assert {row[2] for row in beside} == {"internal test", CLINIC}


def test_a_catalogue_gets_external_sets_and_goes_back_only_without_them(catalogue: Engine, home: Path) -> None:
    head = shape(catalogue)
    downgrade(catalogue, home, "base")
    upgrade(catalogue, home, "0005")
    before = shape(catalogue)
    upgrade(catalogue, home)
    story = tell(catalogue)
    plan_and_look(catalogue, story)
    downgrade(catalogue, home, "0005")
    assert shape(catalogue) == before
    upgrade(catalogue, home)
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    run = ingest_runs.begin_ingest(catalogue, "elsewhere", BY, FACTS)
    add_images(catalogue, run, [outside(20)])
    with pytest.raises(CatalogueError, match=r"can't hold 1 row\(s\) of patient of an external set"):
        downgrade(catalogue, home, "0005")
    assert shape(catalogue) == head
    for change in ("UPDATE patient SET hold_out = NULL", "UPDATE evaluation SET hold_out = 'x'"):
        with pytest.raises(DBAPIError, match="append-only"), catalogue.begin() as connection:
            connection.exec_driver_sql(change)


def test_another_row_of_a_person_who_was_looked_at_is_not_unseen(catalogue: Engine) -> None:
    story = tell(catalogue)
    plan = plan_and_look(catalogue, story)
    run = ingest_runs.begin_ingest(catalogue, "mura", BY, FACTS)
    records = [record(number, "test", label=1) for number in (30, 31)]
    add_images(catalogue, run, records)
    members = [*datasets.members(catalogue, story.dataset_id), *map(member, records)]
    later = datasets.add_dataset(catalogue, members, BY)
    assert plans.comparable_patients(catalogue, later, unseen=True).positives == 2
    patient_identity.merge_patients(catalogue, "pt-0005", "pt-0030", "the PACS merged them", BY)
    assert plans.comparable_patients(catalogue, later, unseen=True).positives == 1
    assert plans.looked_at_before(catalogue, plan) == {"pt-0005", "pt-0006", "pt-0007", "pt-0030"}
