"""A look-up costs what it finds, not what the catalogue holds: SQLite's own instructions are counted, at two sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lease_holder
import pytest
from db_story import BY, FACTS, POINTS, RECIPE_SHA, member, record, train
from sqlalchemy import Engine, event

from db import (
    datasets,
    evaluations,
    image_refs,
    images,
    ingest_runs,
    labels,
    leases,
    metrics,
    models,
    near_duplicates,
    predictions,
    promotions,
    quarantine,
    recipes,
)
from db.engine import open_catalogue
from db.images import add_images
from wrist_model.records import ImagePrediction, Metric, QuarantinedFile, StudyPrediction

SMALL, LARGE = 12, 120
SPLITS = ("train", "validation", "test")


class Catalogue:
    """So many patients of one study and image, each scored by an evaluation of its own."""

    def __init__(self, home: Path, size: int) -> None:
        self.engine: Engine = open_catalogue(home)
        self.run = ingest_runs.begin_ingest(self.engine, "mura", BY)
        records = [record(number, SPLITS[number % 3]) for number in range(size)]  # type: ignore[arg-type]
        add_images(self.engine, self.run, [*records, replace(record(900), label=None)])
        self.dataset = datasets.add_dataset(self.engine, [member(one) for one in records[:9]], BY)
        _, self.model = train(self.engine, self.dataset, "resnet50")
        models.add_operating_points(self.engine, self.model, POINTS, BY)
        promotions.add_promotion(self.engine, self.model, "promoted", "the first", BY)
        for one in records:
            self.evaluation = evaluations.begin_evaluation(
                self.engine,
                model_version_id=self.model,
                dataset_id=None,
                purpose="prospective",
                facts=FACTS,
                by=BY,
            ).evaluation_id
            head = (one.study_uid, one.patient_key, None, None)
            image = ImagePrediction(one.image_uid, *head, 0.5, 0.5, "youden", 0.5, 1)
            study = StudyPrediction(*head, 1, 0.5, 0.5, "youden", 0.4, 1)
            predictions.add_predictions(self.engine, self.evaluation, [image], [study], BY)
        metric = Metric("test", "study", "all", None, "roc_auc", 0.75, None, None, 1, 1, 1)
        metrics.add_metrics(self.engine, self.evaluation, [metric], BY)
        for held in lease_holder.holders(
            self.engine
        ):  # nobody works on so much at once, and each write checks what is held
            lease_holder.release(self.engine, leases.held(self.engine, held.resource))  # type: ignore[arg-type]
        self.steps = 0
        event.listen(self.engine, "checkout", self._watch)

    def _watch(self, connection: Any, *_: Any) -> None:
        def step() -> int:
            self.steps += 1
            return 0

        connection.set_progress_handler(step, 1)

    def cost(self, look_up: Callable[[Catalogue], object]) -> int:
        look_up(self)  # statements are prepared, caches warm
        self.steps = 0
        assert look_up(self) is not None
        return self.steps


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, Catalogue]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WRIST_DATABASE_URL", raising=False)
        folder = tmp_path_factory.mktemp("sizes")
        return Catalogue(folder / "small", SMALL), Catalogue(folder / "large", LARGE)


LOOK_UPS: dict[str, Callable[[Catalogue], object]] = {
    "an evaluation": lambda it: evaluations.evaluation(it.engine, it.evaluation),
    "the newest evaluations of a version": lambda it: evaluations.newest_finished(it.engine, it.dataset),
    "an evaluation's predictions": lambda it: predictions.study_predictions(it.engine, it.evaluation),
    "whether a study was scored": lambda it: predictions.images_scored(it.engine, it.model, ["im-0003-0"]),
    "the images of a study": lambda it: image_refs.refs_of_studies(it.engine, ["st-0003"]),
    "the images of a version": lambda it: image_refs.image_refs(it.engine, it.dataset, "test"),
    "a study's label": lambda it: labels.study_labels(it.engine, ["st-0003"]),
    "studies never labelled": lambda it: labels.never_labelled(it.engine, ["st-0003", "st-0900"]),
    "the study of an image": lambda it: images.studies_of_images(it.engine, ["im-0003-0"]),
    "a data-set version": lambda it: datasets.dataset(it.engine, it.dataset),
    "what a model was trained on": lambda it: datasets.training_dataset(it.engine, it.model),
    "a model version": lambda it: models.model(it.engine, it.model),
    "the champion": lambda it: promotions.champion(it.engine),
    "the last decision": lambda it: promotions.last_decision(it.engine, it.model),
    "a recipe": lambda it: recipes.recipe(it.engine, RECIPE_SHA),
    "metrics of a split": lambda it: metrics.metrics(it.engine, it.evaluation, split="test"),
    "images already compared": lambda it: near_duplicates.near_duplicates(it.engine),
}


@pytest.mark.parametrize("name", LOOK_UPS)
def test_a_look_up_costs_the_same_in_a_catalogue_of_ten_times_the_size(
    both: tuple[Catalogue, Catalogue], name: str
) -> None:
    small, large = (one.cost(LOOK_UPS[name]) for one in both)
    assert large <= 1.1 * small + 60, f"{name}: {small} instructions among {SMALL} patients, {large} among {LARGE}"


def test_refusing_a_file_again_reads_its_own_place_alone(both: tuple[Catalogue, Catalogue]) -> None:
    costs = []
    for one in both:
        files = [
            QuarantinedFile("/data", f"{n}.png", "00" * 32, 1, 1, "truncated", "cut")
            for n in range(SMALL if one is both[0] else LARGE)
        ]
        quarantine.add_quarantined(one.engine, one.run, files)

        def again(it: Catalogue, file: QuarantinedFile = files[0]) -> int:
            return quarantine.add_quarantined(it.engine, it.run, [file])

        costs.append(one.cost(again))
    assert costs[1] <= 1.1 * costs[0] + 60, costs
