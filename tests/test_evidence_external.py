"""A frozen model on an external set: by its locked points, stored, measured again, beside the internal figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import db_story
import gate_hall
import numpy as np
import pytest
from evidence_data import report_data
from gate_hall import BY, RECIPE, Hall
from prefect.logging import disable_run_logger

from db import (
    catalogue_settings,
    datasets,
    designations,
    evaluations,
    exclusions,
    hold_outs,
    image_refs,
    ingest_runs,
    metrics,
    models,
    near_duplicates,
    plans,
)
from db.audit.verify import verify
from db.images import add_images
from db.predictions import add_predictions, study_predictions
from tasks.evaluation_choice import latest
from tasks.evaluation_metrics import score
from tasks.external_set import beside, find_set
from tasks.gate import gate
from tasks.plan import frozen_plan
from tasks.predict_dataset import predictions
from tasks.recompute import recomputed
from tasks.report_content import report_content
from wrist_model.errors import CatalogueError, DataError, LeakError
from wrist_model.recipe import GateRecipe
from wrist_model.records import ImagePrediction
from wrist_model.report import checklists, model_card, page
from wrist_model.report.external_sets import BESIDE
from wrist_model.report.report_data import ExternalReport
from wrist_model.scoring import operating_points, study_aggregation

SECOND = replace(
    RECIPE,
    name="second",
    gate=GateRecipe(0.03, 0.10, 0.10, rule="score", floor_roc_auc=0.6, floor_sensitivity=0.3, floor_specificity=0.3),
    evaluation=replace(RECIPE.evaluation, rules="second"),
)
CLINIC = "clinic"


def scored(hall: Hall, model: str, dataset: str, skill: float, luck: int, hold_out: str | None = None) -> str:
    """A network's evaluation as the project makes it, with scores drawn in the network's place."""
    by = replace(BY, prefect_flow_run_id=f"{model} {hold_out}")
    start = evaluations.begin_evaluation(
        hall.engine,
        model_version_id=model,
        dataset_id=dataset,
        purpose="evaluation",
        facts=db_story.FACTS,
        by=by,
        recipe=SECOND.as_stored,
        hold_out=hold_out,
    )
    evaluation = start.evaluation_id
    if start.complete:
        return evaluation
    for split in evaluations.scored_splits(hold_out):
        rng, rows = np.random.default_rng([luck, len(split)]), []
        for ref in image_refs.image_refs(hall.engine, dataset, split, hold_out):
            z = float(rng.normal() + skill * ((ref.label or 0) - 0.5))
            p = float(1 / (1 + np.exp(-z)))
            rows.append(ImagePrediction(ref.image_uid, ref.study_uid, ref.patient_key, split, ref.label, p, logit=z))
        points = models.operating_points(hall.engine, model)
        if not points:
            points = operating_points.lock(rows, SECOND.evaluation)
            models.add_operating_points(hall.engine, model, points, by)
        images = operating_points.apply(points, rows)
        studies = operating_points.apply(points, study_aggregation.by_study(rows))
        add_predictions(hall.engine, evaluation, images, studies, by)
    evaluations.finish_evaluation(hall.engine, evaluation, by)
    score.fn(evaluation, SECOND)
    return evaluation


def external_records(first: int = 500, count: int = 90) -> list[db_story.ImageRecord]:
    made = [db_story.record(number, "test", root="/clinic") for number in range(first, first + count)]
    return [replace(one, source=CLINIC, placed=True, hold_out=CLINIC) for one in made]


class Site:
    """Two networks and their ensemble, trained before a clinic's set came; the set is frozen in a second version."""

    def __init__(self, home: Path) -> None:
        self.hall = hall = Hall(home)
        self.engine, self.first = hall.engine, hall.dataset
        self.plan = frozen_plan(self.first, SECOND)
        self.networks, self.internal = [], []
        for seed, skill in ((1, 2.5), (2, 2.0)):
            trained = replace(SECOND, training=replace(SECOND.training, seed=seed))
            _, model = db_story.train(hall.engine, self.first, "resnet50", seed, trained.as_stored)
            self.networks.append(model)
            self.internal.append(scored(hall, model, self.first, skill, seed))
        self.ensemble = models.add_ensemble(hall.engine, self.networks, BY)
        self.internal.append(predictions(self.ensemble, self.first, SECOND, self.internal[:2]))
        score.fn(self.internal[2], SECOND)
        assert gate.fn([self.internal[0]], SECOND)["decision"] == "promoted"
        run = ingest_runs.begin_ingest(hall.engine, CLINIC, BY, db_story.FACTS)
        designations.designate(hall.engine, CLINIC, f"external:{CLINIC}", BY)
        catalogue_settings.remember_label_meaning(hall.engine, CLINIC, "fracture", BY)
        self.outside = external_records()
        add_images(hall.engine, run, [replace(one, split="train", placed=False, hold_out=None) for one in self.outside])
        ingest_runs.finish_ingest(hall.engine, run, db_story.IngestCounts(new=len(self.outside)), 1.0)
        self.second = self.freeze()

    def freeze(self) -> str:
        held = datasets.members(self.engine, self.first)
        made = [replace(db_story.member(one), hold_out=one.hold_out) for one in self.outside]
        return datasets.add_dataset(self.engine, [*held, *made], BY)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site") / "home"
    with pytest.MonkeyPatch.context() as patch, disable_run_logger():
        patch.setenv("WRIST_HOME", str(home))
        patch.delenv("WRIST_DATABASE_URL", raising=False)
        patch.setattr(gate_hall, "SPLITS", ("train",) * 6 + ("validation",) * 60 + ("test",) * 100)
        made = Site(home)
        yield made
        made.engine.dispose()


@pytest.fixture(scope="module")
def outside(site: Site) -> list[str]:
    """External evaluations of both networks and their ensemble."""
    found = [scored(site.hall, model, site.second, 1.2, 7, CLINIC) for model in site.networks]
    found.append(predictions(site.ensemble, site.second, SECOND, found, CLINIC))
    score.fn(found[2], SECOND)
    return found


def test_records_of_a_designated_source_stand_where_it_is_designated(site: Site) -> None:
    held = [one for one in datasets.members(site.engine, site.second) if one.hold_out == CLINIC]
    assert len(held) == len(site.outside) and {one.split for one in held} == {"test"}


def test_the_set_is_found_in_the_newest_version_that_holds_it_and_the_model_by_its_role(site: Site) -> None:
    champion = site.networks[0]
    found = find_set.fn(CLINIC, "champion")
    assert found[:2] == (champion, site.second)
    assert find_set.fn(CLINIC, site.ensemble, site.second)[0] == site.ensemble
    with pytest.raises(DataError, match=r"No external set 'nowhere'.*known are: clinic"):
        find_set.fn("nowhere", "champion")
    with pytest.raises(DataError, match=f"No external set 'clinic' in {site.first}"):
        find_set.fn(CLINIC, "champion", site.first)


def test_a_model_without_locked_points_scores_no_external_set(site: Site) -> None:
    _, fresh = db_story.train(site.engine, site.first, "efficientnetb0", 9, SECOND.as_stored)
    with pytest.raises(DataError, match="no locked operating points"):
        find_set.fn(CLINIC, fresh)
    with pytest.raises(CatalogueError, match="locked operating points"):
        evaluation = evaluations.begin_evaluation(
            site.engine,
            model_version_id=fresh,
            dataset_id=site.second,
            purpose="evaluation",
            facts=db_story.FACTS,
            by=BY,
            hold_out=CLINIC,
        ).evaluation_id
        one = image_refs.image_refs(site.engine, site.second, "test", CLINIC)[0]
        row = ImagePrediction(one.image_uid, one.study_uid, one.patient_key, "test", one.label, 0.5)
        add_predictions(site.engine, evaluation, [row], [], BY)


def test_the_locked_points_decide_and_every_figure_follows_from_the_stored_rows(site: Site, outside: list[str]) -> None:
    for model, evaluation in zip((*site.networks, site.ensemble), outside, strict=True):
        points = {(p.level, p.name): p for p in models.operating_points(site.engine, model)}
        rows = study_predictions(site.engine, evaluation)
        assert len(rows) == len(site.outside) and {row.split for row in rows} == {"test"}
        for row in rows:
            point = points["study", str(row.operating_point)]
            assert point.serving and row.threshold == point.threshold
            assert row.predicted_label == int(float(row.probability or 0) >= point.threshold)
        stored = {m.metric: m for m in metrics.metrics(site.engine, evaluation, level="study", subgroup="all")}
        assert {"roc_auc", "calibration_slope", "calibration_in_the_large", "sensitivity"} <= stored.keys()
        assert {m.split for m in stored.values()} == {"test"}
    found = recomputed()
    assert {one.evaluation_id for one in found} == {*site.internal, *outside}
    assert [difference for one in found for difference in one.differences] == []
    assert verify(site.engine, files=False).findings == ()
    again = predictions(site.ensemble, site.second, SECOND, outside[:2], CLINIC)
    assert again == outside[2], "the same evaluation is taken up, not made twice"


def test_figures_stand_beside_the_internal_ones_and_say_what_labels_mean(site: Site, outside: list[str]) -> None:
    said = beside(outside[0])
    assert said["internal_evaluation_id"] == site.internal[0]
    assert {row["metric"] for row in said["metrics"]} <= set(BESIDE)
    assert all(row["internal"] != row["external"] for row in said["metrics"])
    assert said["studies"] == {"internal": 100, "external": 90}
    assert said["label_meaning"] == {"trained": ["abnormal"], "external": ["fracture"]}
    assert "learnt 'abnormal'" in said["mismatch"] and "'fracture'" in said["mismatch"]
    with pytest.raises(DataError, match="no external set"):
        beside(site.internal[0])


def test_external_looks_are_counted_apart_and_spend_nothing_of_the_plan(site: Site, outside: list[str]) -> None:
    assert evaluations.holdout_looks(site.engine, site.second, CLINIC) == 3  # three sessions
    inside = evaluations.holdout_looks(site.engine, site.first)
    assert inside == evaluations.holdout_looks(site.engine, site.second) and inside <= 3
    before = plans.looks(site.engine, site.first, site.plan)
    assert before == plans.looks(site.engine, site.second, site.plan)
    scored(site.hall, site.networks[1], site.second, 1.2, 8, CLINIC)  # taken up: it is finished
    assert plans.looks(site.engine, site.first, site.plan) == before
    assert latest() == [one.evaluation_id for one in evaluations.newest_finished(site.engine, site.first)]


def test_the_report_shows_each_set_beside_the_internal_figures(site: Site, outside: list[str]) -> None:
    data = report_content(site.engine, site.internal)
    assert [(one.hold_out, one.model.model_version_id) for one in data.external] == [
        (CLINIC, model) for model in (*site.networks, site.ensemble)
    ]
    assert {one.evaluation_id for one in data.external} == set(outside)
    assert {s.split: s.studies for s in data.dataset.splits} == {"train": 6, "validation": 60, "test": 100}
    html = page.render(data)
    shown = data.external[0]
    for name in ("roc_auc", "calibration_slope", "calibration_in_the_large", "sensitivity", "specificity"):
        inside, there = shown.internal.metric(name), shown.model.metric(name)
        assert inside and there and inside.value != there.value
        assert f"{there.value:.3f}" in html and f"{inside.value:.3f}" in html
    assert 'id="external"' in html and "LABELS MEAN DIFFERENT THINGS" in html
    newer = report_content(site.engine, outside_of_second(site))
    assert [step.name for step in newer.flow][-1] == f"External set {CLINIC}" and newer.flow[-1].studies == 90
    assert {s.split: s.studies for s in newer.dataset.splits}["test"] == 100


def outside_of_second(site: Site) -> list[str]:
    """An internal evaluation on the version that holds the set, too."""
    return [scored(site.hall, site.networks[0], site.second, 2.5, 1)]


def test_a_model_that_has_seen_pictures_or_patients_of_a_set_is_not_measured_on_it(site: Site) -> None:
    trained, one, other = site.hall.records[0], site.outside[0], site.outside[1]
    link = near_duplicates.NearDuplicate(*sorted((trained.image_uid, one.image_uid)), 2.0, 0.97, True)
    near_duplicates.add_near_duplicates(site.engine, [link], BY)
    seen = hold_outs.known_to(site.engine, site.networks[0], site.second, CLINIC)
    assert seen == [one.image_uid]
    with pytest.raises(LeakError, match=rf"1 image\(s\), {one.image_uid}"):
        find_set.fn(CLINIC, "champion")
    assert hold_outs.known_to(site.engine, site.ensemble, site.second, CLINIC) == seen  # by way of its members
    exclusions.exclude(site.engine, one.image_uid, "a picture of our own", BY)
    held = [row for row in datasets.members(site.engine, site.second) if row.image_uid != one.image_uid]
    clean = datasets.add_dataset(site.engine, held, BY)
    assert find_set.fn(CLINIC, "champion")[1] == clean
    from db.patient_identity import merge_patients

    merge_patients(site.engine, trained.patient_key, other.patient_key, "one person", BY)
    assert hold_outs.known_to(site.engine, site.networks[1], clean, CLINIC) == [other.image_uid]


def test_a_set_that_is_left_out_whole_is_not_scored_on_an_older_version_and_what_came_later_is_counted(
    site: Site,
) -> None:
    newest = hold_outs.newest_with(site.engine, CLINIC)
    assert newest is not None and hold_outs.not_in(site.engine, site.first, CLINIC) == len(site.outside)
    with pytest.raises(DataError, match=f"No external set 'clinic' in {site.first}.*came after.*--freeze"):
        find_set.fn(CLINIC, "champion", site.first)
    held = datasets.members(site.engine, site.second)
    out = [replace(m, included=False, excluded_reason="unlabelled") if m.hold_out else m for m in held]
    bare = datasets.add_dataset(site.engine, out, BY)
    with pytest.raises(DataError, match=rf"in {bare}: all its images are left out there \({len(site.outside)} unlab"):
        find_set.fn(CLINIC, "champion")


def test_a_report_without_external_sets_says_nothing_of_them_and_one_with_them_escapes_their_names(
    tmp_path: Path,
) -> None:
    data = report_data(tmp_path)
    assert 'id="external"' not in page.render(data) and "External sets" not in model_card.model_card(data)
    model = data.models[0]
    said = ExternalReport("<b>", "ev-1", "ds-1", "2026-11-27T00:00:00Z", 2, "they <i>differ</i>", False, model, model)
    shown = replace(data, external=(said,))
    html = page.render(shown)
    assert "<b>:" not in html and "&lt;b&gt;" in html and "<i>differ" not in html and "Look 2 at this set" in html
    card = model_card.model_card(shown)
    assert "## External sets" in card and "<b>" not in card
    assert "look 2" in checklists.claim(shown)
