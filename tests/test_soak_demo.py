"""The demo's promise, over five seeds of data and training (about 25 minutes on two cores; `make soak`)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from demo_data import Demo, demo_refs
from sklearn.metrics import roc_auc_score

from wrist_model import decode, recipe
from wrist_model.synthetic import dataset

RECIPE = recipe.read(Path(__file__).parents[1] / "recipes" / "demo.toml")
SEEDS = range(5)
pytestmark = pytest.mark.soak


@pytest.fixture(scope="module", params=SEEDS)
def demo(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    made = dataset.write(folder / "set", request.param)
    return request.param, made, demo_refs(made, folder / "pixels", RECIPE.split), folder


@pytest.mark.parametrize("architecture", RECIPE.network.architectures)
def test_each_network_learns_the_fractures_from_scratch_and_looks_at_them(demo, architecture, capsys):
    from wrist_model import inference, training

    seed, made, images, folder = demo
    seeded = replace(RECIPE, training=replace(RECIPE.training, seed=RECIPE.training.seed + seed))
    splits = images.of("train"), images.of("validation")
    trained = training.train(
        *splits, seeded, architecture, home=folder, run_id=architecture, on_epoch=lambda epoch: None
    )
    test, model = images.of("test"), folder / "models" / f"{trained.artifact_sha256}.keras"
    scores = inference.predict(model, test, home=folder)
    studies = sorted({ref.study_uid for ref in test})
    of = {study: [i for i, ref in enumerate(test) if ref.study_uid == study] for study in studies}
    truth = [test[of[study][0]].label for study in studies]
    auc = roc_auc_score(truth, [scores[of[study]].mean() for study in studies])
    found = [ref for ref, score in zip(test, scores, strict=True) if ref.label and score >= 0.5]
    share, by_chance = _on_the_fracture(model, architecture, found, images, made)
    with capsys.disabled():
        print(f"\nseed {seed} {architecture}: AUC {auc:.3f} ({len(studies)} studies), {trained.seconds:.0f} s; "
              f"on the fracture: {share:.0%} of {len(found)} hits, {by_chance:.0%} of random places")  # fmt: skip
    assert len(studies) >= 100
    assert auc >= 0.85
    assert share >= 0.60


def _on_the_fracture(model: Path, architecture: str, refs, images: Demo, made) -> tuple[float, float]:
    """Share of images whose hottest point lies on a fracture, and of random points within the picture that do."""
    from wrist_model import batches, gradcam

    explainer = gradcam.open_network(model, architecture)
    places = json.loads(made.fractures.read_text())
    rng = np.random.default_rng(0)
    hits, chance = [], []
    for ref in refs:
        pixels = decode.load_pixels(ref)
        heat = explainer.maps(batches.resized(pixels, explainer.size)[None])
        full = gradcam.upsampled(heat, pixels.shape)[0]
        hottest = np.unravel_index(int(full.argmax()), full.shape)
        fractures = places[images.names[ref.image_uid]]
        hits.append(_on(hottest, fractures))
        chance.append(np.mean([_on(rng.uniform(0, 1, 2) * pixels.shape, fractures) for _ in range(50)]))
    return float(np.mean(hits)), float(np.mean(chance))


def _on(point, fractures) -> bool:
    return any(np.hypot(point[1] - each["x"], point[0] - each["y"]) <= each["radius"] for each in fractures)
