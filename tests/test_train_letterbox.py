"""A letterboxed recipe goes all the way: trained, scored and explained on pictures that keep their sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from db.home import work_folders
from tests import small_network, train_data
from wrist_model.explanation import grad_cam
from wrist_model.network import keras_file
from wrist_model.radiograph import decode
from wrist_model.records import network_file
from wrist_model.scoring import inference
from wrist_model.training import fit, image_batches


@pytest.mark.parametrize("mode", ["features", "online"])
def test_it_is_scored_as_it_was_trained(tmp_path: Path, mode: str) -> None:
    name = small_network.known()
    weights = train_data.backbone(tmp_path, name)
    refs = train_data.refs(tmp_path, 12)
    recipe = train_data.recipe(str(weights), epochs=1, mode=mode, free_layers=3)
    histories = []
    for resize in ("squeeze", "letterbox"):
        boxed = replace(recipe, network=replace(recipe.network, resize=resize))
        folders = work_folders(tmp_path)  # the same one: neither way may find the other's features
        made = fit.train(refs[:6], refs[6:], boxed, name, folders=folders, run_id=resize, on_epoch=lambda _: None)
        histories.append(made.history[0].val_loss)
        path = network_file(folders.models, made.artifact_sha256)
        pictures = [image_batches.resized(decode.load_pixels(ref), train_data.SIZE, resize) for ref in refs]
        expected = np.asarray(keras_file.load(path)(np.stack(pictures), training=False))[:, 1]
        assert inference.predict(path, refs) == pytest.approx(expected, abs=1e-5)
        network = grad_cam.open_network(path, name)
        assert network.resize == resize
        for ref, _, heat in grad_cam.full_maps(network, refs[:2]):
            assert heat.shape == decode.load_pixels(ref).shape
    assert histories[0] != histories[1]
