"""The demo's promise, over five seeds of data and training (about 30 minutes on two cores; `make soak`): each network
learns the fractures, its maps point at them on another set, on which nothing was chosen, and the ensemble passes the
first model's floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from demo_data import Demo, demo_refs
from pointing import pointing
from scipy import special
from sklearn.metrics import roc_auc_score

from db.home import work_folders
from wrist_model import recipe
from wrist_model.evidence import alpha_spending, retrain_plan, score_gate
from wrist_model.records import ImagePrediction, ImageRef, network_file
from wrist_model.scoring import ensemble, operating_points
from wrist_model.scoring.study_aggregation import by_study
from wrist_model.synthetic import dataset

RECIPE = recipe.read(Path(__file__).parents[1] / "recipes" / "demo.toml")
SEEDS = range(5)
pytestmark = pytest.mark.soak
Rows = tuple[ImagePrediction, ...]


@dataclass(frozen=True)
class Trained:
    """One network of a seed: its model's file, seconds of training, and raw rows of validation and test."""

    model: Path
    seconds: float
    validation: Rows
    test: Rows


@dataclass(frozen=True)
class Seed:
    number: int
    images: Demo
    networks: dict[str, Trained]
    other: Path  # a set of another seed


@pytest.fixture(scope="module", params=SEEDS)
def seed(request, tmp_path_factory) -> Seed:
    from wrist_model.training import fit

    folder, number = tmp_path_factory.mktemp("demo"), request.param
    images = demo_refs(dataset.write(folder / "set", number), folder / "pixels", RECIPE.split)
    seeded = replace(RECIPE, training=replace(RECIPE.training, seed=RECIPE.training.seed + number))
    networks = {}
    for name in RECIPE.network.architectures:
        made = fit.train(
            images.of("train"), images.of("validation"), seeded, name,
            folders=work_folders(folder), run_id=name, on_epoch=lambda epoch: None,
        )  # fmt: skip
        model = network_file(work_folders(folder).models, made.artifact_sha256)
        rows = [_rows(model, images.of(split)) for split in ("validation", "test")]
        networks[name] = Trained(model, made.seconds, *rows)
    return Seed(number, images, networks, dataset.write(folder / "other", 100 + number, studies=120).folder)


def _rows(model: Path, refs: Sequence[ImageRef]) -> Rows:
    from wrist_model.scoring import inference

    return tuple(
        ImagePrediction(
            ref.image_uid, ref.study_uid, ref.patient_key, ref.split, ref.label, float(special.expit(z)), logit=float(z)
        )
        for ref, z in zip(refs, inference.predict_logits(model, refs), strict=True)
    )


@pytest.mark.parametrize("architecture", RECIPE.network.architectures)
def test_each_network_learns_the_fractures_from_scratch_and_looks_at_them(seed, architecture, capsys):
    network = seed.networks[architecture]
    studies = by_study(network.test)
    auc = roc_auc_score([one.label for one in studies], [one.raw_probability for one in studies])
    maps = pointing(network.model, architecture, seed.other)
    with capsys.disabled():
        said = f"AUC {auc:.3f} ({len(studies)} studies), {network.seconds:.0f} s; {maps}"
        print(f"\nseed {seed.number} {architecture}: {said}")
    assert len(studies) >= 100
    assert auc >= 0.85
    assert maps.hits >= 20
    assert maps.on_fracture >= 0.6 > 2 * maps.by_chance
    assert maps.withheld <= 0.2


def test_the_first_model_passes_the_floors(seed, capsys):
    """As the pipeline decides it: each member calibrated on validation, then their mean, then the gate's floors."""
    locked = [operating_points.lock(one.validation, RECIPE.evaluation) for one in seed.networks.values()]
    validation, test = (
        ensemble.ensemble([getattr(one, split) for one in seed.networks.values()], locked)
        for split in ("validation", "test")
    )
    studies = operating_points.apply(operating_points.lock(validation, RECIPE.evaluation), by_study(test))
    decided = score_gate.decide_first(studies, retrain_plan.floors(RECIPE.gate), alpha_spending.budget([]))
    with capsys.disabled():
        print(f"\nseed {seed.number}: {decided.decision}: {decided.reason}")
    assert decided.decision == "promoted"
