"""Saved network + records → probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wrist_model import batches, decode, saved
from wrist_model.records import ImageRef, Progress

BATCH = 32


def predict(model_path: Path, refs: Sequence[ImageRef], *, home: Path, progress: Progress | None = None) -> np.ndarray:
    """P(positive) of each image, float64 (n,) in [0, 1], in the order of refs: decoding beside computing.

    Raises DataError for a damaged network, or an image that changed or vanished.
    """
    if not refs:
        return np.zeros(0)
    import tensorflow as tf

    network = saved.load(model_path)
    size = int(network.input_shape[1])

    @tf.function(input_signature=[tf.TensorSpec([None, size, size, 1], tf.uint8)])
    def forward(pictures: tf.Tensor) -> tf.Tensor:
        return network(pictures, training=False)[:, 1]

    def pictures(chunk: Sequence[ImageRef]) -> np.ndarray:
        return np.stack([batches.resized(decode.load_pixels(ref), size) for ref in chunk])

    found: list[np.ndarray] = []
    chunks = [refs[i : i + BATCH] for i in range(0, len(refs), BATCH)]
    for x in batches.ahead([partial(pictures, chunk) for chunk in chunks]):
        found.append(forward(x).numpy())
        if progress:
            progress("predict", min(len(found) * BATCH, len(refs)), len(refs), "")
    return np.concatenate(found).astype(np.float64)
