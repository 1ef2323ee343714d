"""Small pictures, recipes and backbone files for the training tests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests import factories
from wrist_model.radiograph import decode
from wrist_model.recipe import Recipe, from_mapping
from wrist_model.records import ImageRef

SIZE = 64


def refs(folder: Path, n: int, first: int = 0) -> list[ImageRef]:
    """n labelled radiographs of 64 pixels as PNG files, each of a patient of its own, both labels in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for i in range(first, first + n):
        path = folder / f"{i:03d}.png"
        pixels = np.asarray(Image.fromarray(factories.radiograph(i, i % 2)).resize((SIZE + 8, SIZE)))
        Image.fromarray(pixels).save(path)
        made.append(ImageRef(f"im-{i}", f"st-{i}", f"pt-{i}", str(path), decode.pixel_sha256(pixels), i % 2, "train"))
    return made


def recipe(weights: str, **training: object) -> Recipe:
    """Float32, unfolded, 64 pixels, two epochs: what equality tests need; `training` overrides."""
    network = {"weights": weights, "image_size": SIZE, "dense_units": 32}
    network |= {k: training.pop(k) for k in ("free_layers", "batch_norm", "batch_norm_momentum") if k in training}
    base = {
        "epochs": 2,
        "batch_size": 6,
        "learning_rate": 2e-5,
        "views_per_image": 2,
        "frozen_precision": "float32",
        "free_precision": "float32",
        "feature_dtype": "float32",
        "fold_constants": False,
    }
    return from_mapping({"name": "test", "network": network, "training": base | training}, "test")


def backbone(folder: Path, architecture: str) -> Path:
    """A backbone's random weights, as keras.applications saves them, in folder/<architecture>.keras.

    Its BatchNormalization has the statistics of radiographs, noise and plain grey together: with the first statistics
    activations shrink from layer to layer, with those of radiographs alone a turned one lies far outside of them; both
    make a training follow the rounding of its products, which differs by processor and by place in a batch.
    """
    from wrist_model.network import keras_settings
    from wrist_model.network.backbone import row

    path = folder / f"{architecture}.keras"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with keras_settings.seeded(int(hashlib.sha256(architecture.encode()).hexdigest()[:6], 16)):
            network = row(architecture).builder(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
        _normalise(network)
        network.save(path)
    return path


def _normalise(network: Any) -> None:
    import keras

    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentum = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
        if layer.name.endswith(("_3_bn", "_project_bn")):  # the last one of a residual branch
            layer.gamma.assign(0.2 * layer.gamma)
    grey = [np.asarray(Image.fromarray(factories.radiograph(i, i % 2)).resize((SIZE, SIZE))) for i in range(16)]
    noise = np.random.default_rng(0).integers(0, 256, (16, SIZE // 8, SIZE // 8), dtype=np.uint8)
    grey += [np.asarray(Image.fromarray(each).resize((SIZE, SIZE))) for each in noise]
    grey += [np.full((SIZE, SIZE), level, np.uint8) for level in range(0, 256, 16)]
    network(np.repeat(np.stack(grey)[..., np.newaxis], 3, axis=-1).astype(np.float32), training=True)
    for layer, value in zip(layers, momentum, strict=True):
        layer.momentum = value
