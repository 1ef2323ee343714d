"""The demo's promise, over five seeds of data and training (about 30 minutes on two cores; `make soak`): each network
learns the fractures, and its maps point at them on another set, on which nothing was chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from demo_data import demo_refs
from pointing import pointing
from sklearn.metrics import roc_auc_score

from wrist_model import recipe
from wrist_model.synthetic import dataset

RECIPE = recipe.read(Path(__file__).parents[1] / "recipes" / "demo.toml")
SEEDS = range(5)
pytestmark = pytest.mark.soak


@pytest.fixture(scope="module", params=SEEDS)
def demo(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    made = dataset.write(folder / "set", request.param)
    return request.param, demo_refs(made, folder / "pixels", RECIPE.split), folder


@pytest.mark.parametrize("architecture", RECIPE.network.architectures)
def test_each_network_learns_the_fractures_from_scratch_and_looks_at_them(demo, architecture, capsys):
    from wrist_model.scoring import inference
    from wrist_model.training import fit

    seed, images, folder = demo
    seeded = replace(RECIPE, training=replace(RECIPE.training, seed=RECIPE.training.seed + seed))
    splits = images.of("train"), images.of("validation")
    trained = fit.train(*splits, seeded, architecture, home=folder, run_id=architecture, on_epoch=lambda epoch: None)
    test, model = images.of("test"), folder / "models" / f"{trained.artifact_sha256}.keras"
    scores = inference.predict(model, test, home=folder)
    studies = sorted({ref.study_uid for ref in test})
    of = {study: [i for i, ref in enumerate(test) if ref.study_uid == study] for study in studies}
    truth = [test[of[study][0]].label for study in studies]
    auc = roc_auc_score(truth, [scores[of[study]].mean() for study in studies])
    other = dataset.write(folder / "other", 100 + seed, studies=120)  # nothing was chosen on it
    maps = pointing(model, architecture, other.folder)
    with capsys.disabled():
        print(f"\nseed {seed} {architecture}: AUC {auc:.3f} ({len(studies)} studies), {trained.seconds:.0f} s; {maps}")
    assert len(studies) >= 100
    assert auc >= 0.85
    assert maps.hits >= 20
    assert maps.on_fracture >= 0.6 > 2 * maps.by_chance
    assert maps.withheld <= 0.2
