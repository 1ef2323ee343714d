"""What the second rules change outside the statistics: seeds, hashes, splits, frozen layers and maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from wrist_model.errors import DataError
from wrist_model.evidence import leak_demonstration, replicates
from wrist_model.explanation import sanity_null
from wrist_model.recipe import NetworkRecipe, Recipe
from wrist_model.records import ImageRef

BASE = Recipe("a")


def test_a_changed_margin_or_threshold_leaves_the_interrupted_training_alone() -> None:
    gate = replace(BASE, gate=replace(BASE.gate, margin_roc_auc=0.05, rule="score"))
    evaluation = replace(BASE, evaluation=replace(BASE.evaluation, rules="second", sensitivity_target=0.95))
    assert gate.network_json == evaluation.network_json == BASE.network_json
    assert gate.model_json == BASE.model_json != evaluation.model_json
    assert replace(BASE, training=replace(BASE.training, seed=1)).network_json != BASE.network_json


def test_replicates_and_prevalence_decide_no_network() -> None:
    changed = replace(
        BASE,
        training=replace(BASE.training, replicates=5),
        evaluation=replace(BASE.evaluation, prevalence=0.15),
    )
    assert changed.model_json == BASE.model_json and changed.sha256 != BASE.sha256


def test_the_first_seed_serves_and_the_others_are_its_children() -> None:
    recipe = replace(BASE, training=replace(BASE.training, replicates=4))
    found = replicates.seeds(recipe)
    assert found[0] == recipe.training.seed and len(set(found)) == 4
    assert found == (20, 844242814, 1961586897, 1078316207) and all(0 <= one < 2**31 for one in found)
    more = replace(recipe, training=replace(recipe.training, replicates=9))
    assert replicates.seeds(more)[:4] == found, "more of them train none anew"
    assert replicates.seeds(BASE) == (BASE.training.seed,)
    spread = replicates.spread([0.9, 0.92, 0.88])
    assert (spread.serving, spread.lowest, spread.highest, spread.sd) == pytest.approx((0.9, 0.88, 0.92, 0.02))


def refs(patients: int, copies: int) -> list[ImageRef]:
    return [
        ImageRef(f"im-{p}-{c}", f"st-{p}", f"pt-{p}", "x.png", "0" * 64, p % 2, "train")
        for p in range(patients)
        for c in range(copies)
    ]


def test_the_control_arm_has_the_same_size_and_no_patient_on_both_sides() -> None:
    every = refs(60, 6)
    leaky, control = (deal(every, 3) for deal in (leak_demonstration.deal, leak_demonstration.deal_by_patient))
    sides = [{ref.patient_key for ref in part} for part in (control.train, control.validation, control.test)]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert control.share_with_sibling == 0.0 < leaky.share_with_sibling
    for ours, theirs in zip((control.train, control.test), (leaky.train, leaky.test), strict=True):
        assert len(theirs) - 6 <= len(ours) <= len(theirs)
    with pytest.raises(DataError, match="3 patients"):
        leak_demonstration.deal_by_patient(refs(2, 6), 1)


def test_every_frozen_layers_drop_connect_is_off_for_every_number_of_free_layers() -> None:
    import keras

    from wrist_model.network import assemble, freeze_boundary

    layers = assemble.build("efficientnetb0", NetworkRecipe(image_size=32), seed=1, free_all=True).backbone_layers
    drops = [place for place, layer in enumerate(layers) if isinstance(layer, keras.layers.Dropout)]
    assert drops and all(layers[place].rate > 0 for place in drops)
    for free in range(len(layers) - 1, 0, -1):
        freeze_boundary.freeze(layers[: len(layers) - free])
        for place in drops:
            assert (layers[place].rate == 0) == (place < len(layers) - free), (free, place)


def heat(rng: np.random.Generator) -> np.ndarray:
    return ndimage.gaussian_filter(rng.standard_normal((14, 14)), 1.5)


@pytest.mark.parametrize(("share", "least", "most"), [(0.7, 0.0, 0.12), (0.3, 0.5, 1.0), (0.0, 0.9, 1.0)])
def test_a_map_that_shares_its_variance_with_shuffled_networks_rarely_passes(
    share: float, least: float, most: float
) -> None:
    """Shuffled networks share 70% of their maps' variance, the picture's edges; a trained one shares less."""
    rng, passed = np.random.default_rng(2), 0
    for _ in range(100):
        edges = heat(rng)
        shuffled = np.stack([np.sqrt(0.7) * edges + np.sqrt(0.3) * heat(rng) for _ in range(sanity_null.SHUFFLES)])
        map_ = np.sqrt(share) * edges + np.sqrt(1 - share) * heat(rng)
        passed += sanity_null.sanity(map_, shuffled).passes
    assert least <= passed / 100 <= most


def test_an_edge_detector_never_passes_and_a_flat_map_neither() -> None:
    edges = heat(np.random.default_rng(1))
    assert not sanity_null.sanity(edges, np.stack([edges] * 19)).passes
    assert not sanity_null.sanity(np.zeros((14, 14)), np.stack([edges] * 19)).passes
    flat = np.zeros((14, 14))
    few = sanity_null.sanity(edges, np.stack([edges + heat(np.random.default_rng(2)), *[flat] * 18]))
    assert few.similarity > sanity_null.UNRELATED and len(few.null) == 1
    assert not few.passes, "shuffled networks without a map say nothing, and one alone not enough"
    assert sanity_null.sanity(edges, np.stack([flat] * 19)).passes
    with pytest.raises(DataError, match="at least 2"):
        sanity_null.sanity(edges, edges[None])


def test_logits_are_what_the_probabilities_are_rounded_from(tmp_path: Path) -> None:
    import keras
    from PIL import Image
    from scipy.special import expit

    from wrist_model.network import forward
    from wrist_model.radiograph import decode
    from wrist_model.scoring import inference

    grey = keras.Input((32, 32, 1), dtype="uint8")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 25.5)(grey))
    head = keras.layers.Dense(2, activation="softmax")
    network = keras.Model(grey, head(pooled))
    head.set_weights([np.array([[-6.0, 6.0]]), np.array([0.0, -1.0])])
    network.save(tmp_path / "n.keras")
    made = []
    for number, value in enumerate((0, 4, 200, 250)):
        pixels = np.full((32, 32), value, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        sha = decode.pixel_sha256(pixels)
        made.append(ImageRef(f"im-{number}", "st", "pt", str(tmp_path / f"{number}.png"), sha))
    file, way = tmp_path / "n.keras", forward.choice("float32", False)
    logits, plain = inference.predict_logits(file, made, way=way), inference.predict(file, made, way=way)
    assert expit(logits) == pytest.approx(plain, abs=1e-6)
    assert plain[2] == plain[3] == 1.0 and logits[3] > logits[2] + 10
