"""Networks run forward by OpenVINO and by TensorFlow: they agree, they repeat themselves, and either can be missing."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from db.home import work_folders
from tests import small_network, train_data
from wrist_model.errors import DataError, UsageError
from wrist_model.network import backbone, dtype_policy, forward, keras_file, pretrained_weights
from wrist_model.network.assemble import Network
from wrist_model.records import Forward, network_file
from wrist_model.scoring import inference
from wrist_model.training import feature_store, fit, image_batches

FAST = Forward("openvino", "f32")


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "openvino", None)  # as Python marks what can't be imported
    forward.openvino_is_here.cache_clear()
    yield
    forward.openvino_is_here.cache_clear()


def network(folder: Path, name: str) -> Network:
    weights = str(train_data.backbone(folder, name))
    recipe = train_data.recipe(weights, free_layers=3)
    return fit.prepared(recipe, name, pretrained_weights.resolve(weights, name), "float32")


@pytest.mark.parametrize("name", [*backbone.names(), small_network.NAME])
def test_both_engines_give_the_same_features_logits_and_probabilities(name: str, tmp_path: Path) -> None:
    small_network.known()
    refs = train_data.refs(tmp_path / "pictures", 10)
    grey = image_batches.load(refs, train_data.SIZE, "squeeze")[: forward.BATCH]
    made = network(tmp_path, name)
    theirs, ours = (forward.function(made.frozen, way)(grey) for way in (forward.TENSORFLOW, FAST))
    assert ours.dtype == np.float32 and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * float(np.abs(theirs).max()))
    sha256 = keras_file.save(made, made.free.get_weights(), tmp_path, "scratch")
    for scores in (inference.predict, inference.predict_logits):
        theirs, ours = (scores(network_file(tmp_path, sha256), refs, way=way) for way in (forward.TENSORFLOW, FAST))
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
        assert len(set(ours)) > 1


def test_a_network_is_opened_once_for_several_lots_and_anew_when_its_file_changes(tmp_path: Path) -> None:
    refs = train_data.refs(tmp_path / "pictures", 10)
    made = network(tmp_path, small_network.known())
    for number in range(2):
        weights = [np.asarray(each) * (1 - number / 2) for each in made.free.get_weights()]
        keras_file.save(made, weights, tmp_path / f"{number}", "scratch")
    first, other = (next((tmp_path / f"{number}").glob("*.keras")) for number in range(2))
    named = tmp_path / "network.keras"
    named.write_bytes(first.read_bytes())
    before = inference.opened.cache_info()
    lots = [inference.predict(named, lot) for lot in (refs, refs[:4], refs)]
    after = inference.opened.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 2)
    np.testing.assert_array_equal(lots[0], lots[2])
    np.testing.assert_array_equal(lots[0][:4], lots[1])
    np.testing.assert_allclose(np.log(lots[0] / (1 - lots[0])), inference.predict_logits(named, refs), atol=1e-4)
    named.write_bytes(other.read_bytes())
    np.testing.assert_array_equal(inference.predict(named, refs), inference.predict(other, refs))
    assert not np.array_equal(inference.predict(named, refs), lots[0])
    named.unlink()
    with pytest.raises(DataError, match="is gone"):
        inference.predict(named, refs)


def test_a_picture_gives_the_same_bytes_in_every_run_on_every_thread_and_however_many_come_with_it(
    tmp_path: Path,
) -> None:
    made = network(tmp_path, small_network.known()).whole
    grey = image_batches.load(train_data.refs(tmp_path / "pictures", 8), train_data.SIZE, "squeeze")
    first, again = (forward.function(made, FAST) for _ in range(2))
    expected = first(grey)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(expected, one) for one in pool.map(again, [grey] * 16))
    assert np.array_equal(expected[:3], first(grey[:3]))


def test_features_are_stored_by_engine_and_a_training_says_which(tmp_path: Path) -> None:
    key = feature_store.StoreKey("resnet50", "b", "w", False, 64, "float32", True, "float16", (4, 4, 8))
    assert key.name != feature_store.StoreKey(**{**key.__dict__, "engine": "openvino"}).name
    name, folders = small_network.known(), work_folders(tmp_path)
    recipe = train_data.recipe(str(train_data.backbone(tmp_path, name)), epochs=1, free_layers=3)
    pictures = train_data.refs(tmp_path / "train", 8), train_data.refs(tmp_path / "validation", 4, first=8)
    fit.train(*pictures, recipe, name, folders=folders, run_id="r", on_epoch=lambda _: None)
    (about,) = folders.features.glob("*/store.json")
    assert '"engine": "openvino"' in about.read_text()


def test_without_openvino_tensorflow_runs_and_one_line_says_so(
    without_openvino: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert forward.preferred("efficientnetb0") == forward.preferred("efficientnetb0") == forward.TENSORFLOW
    assert [line.getMessage() for line in caplog.records] == [
        "OpenVINO is not installed: networks run forward through TensorFlow, which takes longer."
    ]
    caplog.clear()
    assert forward.as_locked(FAST, "mv-1") == forward.TENSORFLOW and "mv-1 scores through TensorFlow" in caplog.text
    with pytest.raises(UsageError, match=r"mv-1 .* in bfloat16, which this machine can't give"):
        forward.as_locked(Forward("openvino", "bf16"), "mv-1")


def test_a_model_keeps_the_engine_and_precision_that_it_was_locked_with() -> None:
    low = Forward("openvino", "bf16")
    for locked in (forward.TENSORFLOW, FAST, *([low] if dtype_policy.cpu_has_bfloat16() else [])):
        assert forward.as_locked(locked, "mv-1") == locked
    if not dtype_policy.cpu_has_bfloat16():
        with pytest.raises(UsageError, match="AVX512-BF16"):
            forward.as_locked(low, "mv-1")


def test_an_ensembles_way_is_what_its_members_have_or_each_ones() -> None:
    assert forward.joined([FAST]) == forward.joined([FAST, FAST]) == FAST
    assert forward.joined([Forward("openvino", "bf16"), FAST]) == Forward("openvino", "bf16,f32")


def test_the_telemetry_of_openvino_is_never_imported(tmp_path: Path) -> None:
    (tmp_path / "openvino_telemetry.py").write_text("raise SystemExit('telemetry')")
    code = (
        "import numpy, keras\n"
        "from wrist_model.network import forward\n"
        "x = keras.Input((4, 4, 1), dtype='uint8')\n"
        "network = keras.Model(x, keras.layers.Flatten(dtype='float32')(x))\n"
        "run = forward.function(network, forward.Forward('openvino', 'f32'))\n"
        "print(run(numpy.full((2, 4, 4, 1), 7, 'uint8')).sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{tmp_path}:.", "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "224.0", done.stderr
    assert not (tmp_path / "intel").exists()
