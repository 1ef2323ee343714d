"""What a user's files and variables say to Keras decides nothing; weights that are no numbers are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prefect_fixtures import WRIST, radiographs

from db.home import work_folders
from tests import small_network, train_data
from wrist_model.errors import DataError, UsageError, WeightsError
from wrist_model.network import backbone, keras_file, keras_settings, pretrained_weights
from wrist_model.network.finite_weights import non_finite
from wrist_model.training import fit as training

BUILD = """
import hashlib, json, sys
from wrist_model.network.tensorflow_setup import load_tensorflow
load_tensorflow()
import keras, numpy as np
from tests import train_data
from wrist_model.network.assemble import build
network = build("efficientnetb0", train_data.recipe("none").network, seed=3, free_all=True)
loss = keras.losses.BinaryCrossentropy()(np.array([[0.0, 1.0]], "f"), np.array([[1.0, 0.0]], "f"))
grey = np.arange(64 * 64, dtype="uint8").reshape(1, 64, 64, 1)
weights = b"".join(np.ascontiguousarray(each).tobytes() for each in network.whole.get_weights())
print(json.dumps({
    "config": hashlib.sha256(network.whole.to_json().encode()).hexdigest(),
    "weights": hashlib.sha256(weights).hexdigest(),
    "score": np.asarray(network.whole(grey)).tolist(),
    "loss": float(loss),
    "limits": [keras.config.max_epochs(), keras.config.max_steps_per_epoch()],
    "policy": keras.config.dtype_policy().name,
}))
"""


def built(home: Path, said: dict[str, object] | None, **more: str) -> dict[str, object]:
    (home / ".keras").mkdir(parents=True, exist_ok=True)
    if said is not None:
        (home / ".keras" / "keras.json").write_text(json.dumps(said))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KERAS")}
    done = subprocess.run(
        [sys.executable, "-c", BUILD],
        env={**environment, "HOME": str(home), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


ODD = {
    "image_data_format": "channels_first",
    "floatx": "float16",
    "epsilon": 0.1,
    "backend": "jax",
    "nnx_enabled": True,
}


def test_keras_json_changes_neither_network_nor_loss(tmp_path: Path) -> None:
    odd = built(tmp_path / "odd", ODD)
    assert odd == built(tmp_path / "plain", None)
    assert odd["limits"] == [None, None] and odd["policy"] == "float32"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KERAS_BACKEND", "torch"),
        ("KERAS_BACKEND", "jax"),
        ("KERAS_MAX_EPOCHS", "1"),
        ("KERAS_MAX_STEPS_PER_EPOCH", "x"),
    ],
)
def test_what_cannot_be_set_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name):
        keras_settings.refuse_environment({"HOME": "/nowhere", name: value})


@pytest.mark.parametrize("said", [{"floatx": "float8"}, {"epsilon": 1}, {"image_data_format": "middle"}])
def test_a_keras_json_that_keras_cannot_read_is_named(tmp_path: Path, said: dict[str, object]) -> None:
    (tmp_path / "keras.json").write_text(json.dumps(said))
    with pytest.raises(UsageError, match=r"keras\.json.*" + next(iter(said))):
        keras_settings.refuse_environment({"KERAS_HOME": str(tmp_path)})


@pytest.mark.parametrize("said", ["", "{", '{"backend": "torch"}'])
def test_a_keras_json_that_keras_passes_over_or_that_is_outvoted_is_no_matter(tmp_path: Path, said: str) -> None:
    (tmp_path / "keras.json").write_text(said)
    keras_settings.refuse_environment({"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": ""})


@pytest.mark.parametrize("command", ["retrain", "predict"])
def test_another_backend_is_refused_before_anything_is_ingested(tmp_path: Path, command: str) -> None:
    radiographs(tmp_path / "pictures")
    done = subprocess.run(
        [WRIST, command, str(tmp_path / "pictures")],
        env={**os.environ, "WRIST_HOME": str(tmp_path / "home"), "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "KERAS_BACKEND" in done.stderr and len(done.stderr.splitlines()) <= 2
    assert not (tmp_path / "home").exists()


def test_a_run_stores_what_keras_was_set_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert dict(keras_settings.stored()) == {
        "keras_settings": "backend tensorflow, channels_last, floatx float32, epsilon 1e-07",
        "TF_ENABLE_ONEDNN_OPTS": "0",
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [".keras", ".weights.h5"])
def test_a_weights_file_with_a_value_that_is_no_number_is_refused_by_layer(
    tmp_path: Path, kind: str, value: float
) -> None:
    name = small_network.known()
    model = backbone.row(name).builder(include_top=False, weights=None, input_shape=(64, 64, 3))
    layer = model.get_layer("block1_conv")
    kernel, *rest = layer.get_weights()
    kernel[0, 0, 0, 0] = value
    layer.set_weights([kernel, *rest])
    path = tmp_path / f"odd{kind}"
    model.save(path) if kind == ".keras" else model.save_weights(path)
    with pytest.raises(WeightsError, match=r"odd.*NaN or infinite.*block1_conv \(1\)"):
        pretrained_weights.resolve(str(path), name)


def test_a_training_that_diverges_fails_and_says_where(tmp_path: Path) -> None:
    pictures = train_data.refs(tmp_path / "pictures", 16), train_data.refs(tmp_path / "pictures", 8, first=16)
    name = small_network.known()
    recipe = train_data.recipe(str(train_data.backbone(tmp_path, name)), free_layers=3)
    recipe = replace(recipe, training=replace(recipe.training, learning_rate=1e30, epochs=3))
    told: list[object] = []
    with pytest.raises(DataError, match=rf"{name} diverged in epoch \d.*learning_rate"):
        training.train(*pictures, recipe, name, folders=work_folders(tmp_path), run_id="r", on_epoch=told.append)
    assert not (tmp_path / "models").exists()


def test_a_saved_network_with_weights_that_are_no_numbers_is_neither_written_nor_read(tmp_path: Path) -> None:
    import keras

    from wrist_model.network.assemble import build

    network = build(small_network.known(), train_data.recipe("none").network, seed=1, free_all=True)
    weights = network.free.get_weights()
    weights[-1] = weights[-1] * np.nan
    with pytest.raises(DataError, match="probability"):
        keras_file.save(network, weights, tmp_path / "models", "scratch")
    assert isinstance(network.whole, keras.Model)
    network.whole.save(tmp_path / "earlier.keras")  # as an earlier Wrist did
    with pytest.raises(DataError, match=r"earlier\.keras.*probability"):
        keras_file.load(tmp_path / "earlier.keras")


def test_layers_that_are_no_numbers_are_counted_and_not_all_listed() -> None:
    bad = np.array([1.0, np.nan, np.inf])
    assert non_finite([("a", np.ones(3))]) == ""
    assert non_finite([("a", bad), ("a", bad)]) == "a (4)"
    assert non_finite([(name, bad) for name in "abcde"]) == "a (2), b (2), c (2) and 2 more"
