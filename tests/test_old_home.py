"""A home that an earlier commit wrote, in a folder that it never lay in: opened, verified, reused, and scored alike.

tests/homes/a98e219.json says what has to be found, and `use` in it how the archive is to be used.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from db import models, promotions, trainings
from db.audit.verify import verify
from db.engine import open_catalogue, reading
from db.image_refs import refs_of_studies
from tasks.ingest_files import catalogue_files
from tasks.raw_scores import ways
from tasks.runtime.provenance import facts
from tasks.train import trained_before
from tests.ingest_settings import settings
from wrist_model import recipe as recipes
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Forward, ImagePrediction, ImageRef, Provenance, StoredRecipe
from wrist_model.scoring import ensemble, inference, operating_points, study_aggregation

HOMES = Path(__file__).parent / "homes"
NEAR = 1e-4
BY = Provenance("tester")
ENDED = ("finished", "failed")
NEVER_MADE = {"leak_demonstration", "tuning_trial"}


@dataclass(frozen=True)
class Old:
    """The unpacked home. base: what was /tmp/wrist-a98e219. said: the JSON."""

    base: Path
    said: dict[str, Any]

    @property
    def home(self) -> Path:
        return self.base / "home"

    def engine(self) -> Engine:
        return open_catalogue(self.home, existing=True)

    def counts(self, *tables: str) -> dict[str, int]:
        with reading(self.engine()) as connection:
            return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() or 0 for name in tables}

    def model(self, model_version_id: str) -> dict[str, Any]:
        return next(one for one in self.said["model_versions"] if one["model_version_id"] == model_version_id)

    def recipe(self, name: str) -> recipes.Recipe:
        return recipes.read(self.base / "recipes" / f"{name}.toml")


@pytest.fixture(scope="module", params=["a98e219"])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    """Unpacked anew for this module, 230 MB; the tests run in the order of this file on the one home."""
    base = tmp_path_factory.mktemp(request.param)
    with tarfile.open(HOMES / f"{request.param}.tar.xz") as archive:
        archive.extractall(base, filter="data")
    yield Old(base, json.loads((HOMES / f"{request.param}.json").read_text()))
    for network in (base / "home" / "models").iterdir():
        network.unlink()


def test_it_opens_and_every_row_is_there(old: Old) -> None:
    stored = [name for name in old.said["tables"] if name not in ("audit_entry", "heartbeat", "work_lock")]
    assert {name for name in stored if not old.said["tables"][name]} <= NEVER_MADE
    upgraded = {"fact": 1}  # from which link on counts are of rows: what the upgrade notes
    assert old.counts(*stored) == {name: old.said["tables"][name] + upgraded.get(name, 0) for name in stored}


def test_verify_finds_nothing_in_it_and_its_anchor_holds(old: Old) -> None:
    before = json.loads((old.base / "anchor.json").read_text())["links"]
    verdict = verify(old.engine(), anchor=old.base / "anchor.json")
    assert verdict.findings == ()
    (open_run,) = [one["training_run_id"] for one in old.said["training_runs"] if one["status"] not in ENDED]
    asked = {one.where for one in verdict.warnings} - {open_run}
    assert len(asked) == 1 and asked.pop().endswith("DICOM patient(s)")  # whose headers are to be read once more
    assert json.loads((old.base / "anchor.json").read_text())["links"][: len(before)] == before


def test_its_champion_serves(old: Old) -> None:
    champion = promotions.champion(old.engine())
    assert champion is not None and champion.model_version_id == old.said["champion"]
    assert sorted(champion.members) == sorted((old.model(champion.model_version_id)["members"] or "").split(","))


@pytest.mark.parametrize("name", ["base", "gate"])
def test_its_trainings_are_found_again(old: Old, name: str) -> None:
    recipe, (dataset, *_) = old.recipe(name), old.said["datasets"]
    found = [
        trained_before(old.engine(), dataset["dataset_id"], recipe, architecture)
        for architecture in recipe.network.architectures
    ]
    assert found == old.said["told"]["retrain"]["model_versions"]


def test_another_seed_is_another_training(old: Old) -> None:
    recipe, (dataset, *_) = old.recipe("second"), old.said["datasets"]
    (second,) = old.said["told"]["retrain_second"]["model_versions"]
    assert trained_before(old.engine(), dataset["dataset_id"], recipe, "resnet50") == second
    assert trained_before(old.engine(), dataset["dataset_id"], recipe, "efficientnetb0") is None
    assert trained_before(old.engine(), dataset["dataset_id"], old.recipe("interrupted"), "efficientnetb0") is None


def test_recipes_are_the_same_as_they_were(old: Old) -> None:
    for name, hashes in old.said["recipes"].items():
        assert old.recipe(name).sha256 == hashes["sha256"], name


def test_its_pictures_are_found_in_their_new_place(old: Old) -> None:
    images = old.counts("image", "study", "patient", "label")
    for place, source, part in (("set/MURA-v1.1", old.said["source"], "WRIST"), ("png", "png", "ANY")):
        done = catalogue_files(
            [old.base / "data" / place],
            home=old.home,
            engine=old.engine(),
            rule=SplitRecipe(),
            provenance=BY,
            **settings(source=source, body_part=part, jobs=1),
        )
        assert done.counts.new == done.counts.changed == 0 and done.counts.unchanged > 0
    assert old.counts("image", "study", "patient", "label") == images


@pytest.fixture(scope="module")
def again(old: Old) -> dict[str, dict[str, float]]:
    """model_version_id of each network → image_uid → the raw probability that this code gives."""
    load_tensorflow()
    wanted: dict[str, set[str]] = {}
    for one in old.said["evaluations"]:
        model = old.model(one["model_version_id"])
        for network in model["members"].split(",") if model["members"] else [model["model_version_id"]]:
            wanted.setdefault(network, set()).update(old.said["image_predictions"][one["evaluation_id"]])
    studies = {one["study_uid"] for one in old.said["images"].values()}
    refs = refs_of_studies(old.engine(), studies)
    found = {}
    for network, uids in wanted.items():
        path = old.home / "models" / f"{old.model(network)['artifact_sha256']}.keras"
        mine = [ref for ref in refs if ref.image_uid in uids]
        (way,) = ways(old.engine(), models.model(old.engine(), network))
        assert way == Forward("tensorflow", "f32"), "as its thresholds were locked"
        scores = inference.predict(path, mine, way=way)
        found[network] = {ref.image_uid: float(score) for ref, score in zip(mine, scores, strict=True)}
    return found


def test_its_networks_score_as_they_did(old: Old, again: dict[str, dict[str, float]]) -> None:
    refs = {
        ref.image_uid: ref
        for ref in refs_of_studies(old.engine(), {one["study_uid"] for one in old.said["images"].values()})
    }
    for one in old.said["evaluations"]:
        stored = old.said["image_predictions"][one["evaluation_id"]]
        model = old.model(one["model_version_id"])
        members = model["members"].split(",") if model["members"] else [model["model_version_id"]]
        raw = [_rows(refs, again[member], stored) for member in members]
        rows = ensemble.ensemble(raw) if len(raw) > 1 else raw[0]
        points = models.operating_points(old.engine(), one["model_version_id"])
        assert _pairs(operating_points.apply(points, rows), "image_uid") == _near(stored)
        studies = old.said["study_predictions"][one["evaluation_id"]]
        assert _pairs(operating_points.apply(points, study_aggregation.by_study(rows)), "study_uid") == _near(studies)


def _rows(refs: dict[str, ImageRef], scores: dict[str, float], wanted: dict[str, Any]) -> list[ImagePrediction]:
    return [
        ImagePrediction(uid, refs[uid].study_uid, refs[uid].patient_key, None, None, scores[uid])
        for uid in sorted(wanted)
    ]


def _pairs(rows: Any, uid: str) -> dict[str, list[float]]:
    return {getattr(row, uid): [row.raw_probability, row.probability] for row in rows}


def _near(stored: dict[str, list[float]]) -> dict[str, Any]:
    return {uid: pytest.approx(pair, abs=NEAR, rel=0) for uid, pair in stored.items()}


def test_its_interrupted_training_is_taken_up(old: Old) -> None:
    (run,) = [one for one in old.said["training_runs"] if one["status"] not in ENDED]
    recipe = old.recipe("interrupted").only(("efficientnetb0",))  # as `--model` has it
    start = trainings.begin_training(
        old.engine(),
        dataset_id=run["dataset_id"],
        architecture=run["architecture"],
        seed=recipe.training.seed,
        recipe=StoredRecipe(recipe.sha256, recipe.name, recipe.canonical_json),
        facts=facts(),
        by=BY,
    )
    assert (start.training_run_id, start.resumed) == (run["training_run_id"], True)
    assert list((old.home / "runs" / run["training_run_id"]).iterdir())


def test_what_was_added_to_it_verifies_too(old: Old) -> None:
    assert verify(old.engine(), anchor=old.base / "anchor.json").findings == ()
