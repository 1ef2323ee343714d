"""Weights: where they may come from, what is said when they can't, and the graph that their origin decides."""

from __future__ import annotations

import io
import resource
import sys
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests import small_network, train_data
from wrist_model.errors import WeightsError
from wrist_model.network import assemble, backbone, pretrained_weights
from wrist_model.recipe import NetworkRecipe
from wrist_model.training import fit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


def test_imagenet_that_cannot_be_fetched_names_the_two_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens
    monkeypatch.setattr(urllib.request, "_opener", None)  # made once with these proxies: not for later tests
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))  # an empty cache
    with pytest.raises(WeightsError) as error:
        pretrained_weights.resolve("imagenet", "resnet50")
    assert 'weights = "<path to a .keras or .weights.h5 file>"' in str(error.value)
    assert 'weights = "none"' in str(error.value) and "\n" not in str(error.value)


def test_a_missing_damaged_or_strange_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        pretrained_weights.resolve(str(tmp_path / "gone.keras"), "resnet50")
    for name in ("broken.keras", "broken.weights.h5"):
        (tmp_path / name).write_bytes(b"not a network")
        with pytest.raises(WeightsError, match=f"{name}.*damaged"):
            pretrained_weights.resolve(str(tmp_path / name), "resnet50")
    (tmp_path / "weights.pt").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"\.pt"):
        pretrained_weights.resolve(str(tmp_path / "weights.pt"), "resnet50")


def test_a_file_of_another_network_is_refused_by_name(folder: Path) -> None:
    name = small_network.known()
    path = train_data.backbone(folder, name)
    with pytest.raises(WeightsError, match=f"holds {name}, not efficientnetb0"):
        pretrained_weights.resolve(str(path), "efficientnetb0")


@pytest.mark.parametrize("learned", [True, False], ids=["imagenet", "scratch"])
@pytest.mark.parametrize("kind", [".keras", ".weights.h5"])
def test_the_stored_origin_decides_the_graph_of_efficientnet(folder: Path, learned: bool, kind: str) -> None:
    import keras

    plain = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(64, 64, 3))
    if learned:  # what ImageNet's file holds there
        normalization = next(layer for layer in plain.layers if isinstance(layer, keras.layers.Normalization))
        normalization.set_weights(
            [np.array([0.485, 0.456, 0.406], "f"), np.array([0.229, 0.224, 0.225], "f") ** 2, np.array(0)]
        )
        values = plain.get_weights()
        plain = assemble.with_imagenet_rescaling(plain)
        plain.set_weights(values)
    path = folder / f"{learned}{kind}"
    plain.save(path) if kind == ".keras" else plain.save_weights(path)

    found = pretrained_weights.resolve(str(path), "efficientnetb0")
    assert found.origin == ("imagenet" if learned else "scratch")
    assert found.source == f"file:{found.sha256}" and found.sha256 is not None and len(found.sha256) == 64
    network = fit.prepared(train_data.recipe(str(path)), "efficientnetb0", found, "float32")
    assert assemble.has_imagenet_rescaling(network.whole) == learned
    grey = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 1)).astype(np.uint8)
    expected = plain(np.repeat(grey, 3, -1).astype(np.float32), training=False)
    mine = keras.Model(network.whole.inputs, network.whole.get_layer("top_activation").output)(grey, training=False)
    assert np.asarray(mine) == pytest.approx(np.asarray(expected), abs=1e-4)


def test_weights_none_frees_all_layers() -> None:
    found = pretrained_weights.resolve("none", small_network.known())
    network = fit.prepared(train_data.recipe("none"), small_network.NAME, found, "float32")
    assert (found.source, found.sha256, network.frozen) == ("none", None, None)
    assert all(layer.trainable for layer in network.whole.layers)


def _rewritten(path: Path, to: Path, name: str, content: bytes) -> Path:
    """A .keras file with one member in another's place, packed as small as zip can."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as target:
        for each in source.namelist():
            target.writestr(each, content if each == name else source.read(each))
    return to


def test_a_small_file_that_would_allocate_gigabytes_is_refused_before_it_is_built(tmp_path: Path) -> None:
    import h5py
    import keras

    small = keras.Sequential([keras.layers.InputLayer((60_000,)), keras.layers.Dense(2)])
    small.save(tmp_path / "small.keras")
    with zipfile.ZipFile(tmp_path / "small.keras") as file:
        config = file.read("config.json").replace(b'"units": 2', b'"units": 90000')  # 20 GiB
        stored = file.read("model.weights.h5")
    claims = io.BytesIO()
    with h5py.File(claims, "w") as file:
        file.create_dataset("vars/0", (90_000, 60_000), "f4", chunks=(1000, 1000), compression="gzip")
    _rewritten(tmp_path / "small.keras", tmp_path / "graph.keras", "config.json", config)
    _rewritten(tmp_path / "small.keras", tmp_path / "arrays.keras", "model.weights.h5", claims.getvalue())
    _rewritten(tmp_path / "small.keras", tmp_path / "bomb.keras", "model.weights.h5", stored + bytes(1_200_000_000))
    _rewritten(tmp_path / "small.keras", tmp_path / "words.keras", "config.json", b" " * 40_000_000 + config)
    (tmp_path / "arrays.weights.h5").write_bytes(claims.getvalue())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, said in (
        ("graph.keras", "weights of 20.1 GiB"),
        ("arrays.keras", "arrays have 20.1 GiB"),
        ("bomb.keras", "unpacks to 1.1 GiB"),
        ("words.keras", "config.json has"),
        ("arrays.weights.h5", "arrays have 20.1 GiB"),
    ):
        assert (tmp_path / name).stat().st_size < 4_000_000
        with pytest.raises(WeightsError, match=said) as error:
            pretrained_weights.resolve(str(tmp_path / name), "resnet50")
        assert name in str(error.value) and "\n" not in str(error.value)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 1 << 30
    # nothing of the refused network is left to be built with the next one
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3), alpha=0.35)


@pytest.mark.parametrize("architecture", backbone.names())
def test_from_random_weights_each_residual_block_begins_as_the_identity(architecture: str) -> None:
    """Goyal et al. 2017: gamma is 0 in the last normalisation of each residual branch, and there alone."""
    import keras

    network = assemble.build(architecture, NetworkRecipe(image_size=32), seed=1, free_all=True).whole
    zero = {
        layer.name
        for layer in network.layers
        if isinstance(layer, keras.layers.BatchNormalization) and not np.asarray(layer.gamma).any()
    }
    sums = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
    for each in sums:
        branches = [one._keras_history.operation for one in each.input]
        normalised = [one.input._keras_history.operation if "drop" in one.name else one for one in branches]
        assert len(zero & {one.name for one in normalised}) == 1, each.name
    assert len(zero) == len(sums) >= 9
