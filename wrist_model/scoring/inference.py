"""Saved network + records → probabilities, or the logits that they are rounded from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model.network import assemble, forward, keras_file
from wrist_model.radiograph import decode
from wrist_model.records import Forward, ImageRef, Progress
from wrist_model.training import image_batches


def predict(
    model_path: Path, refs: Sequence[ImageRef], *, way: Forward | None = None, progress: Progress | None = None
) -> np.ndarray:
    """P(positive) of each image, float64 (n,) in [0, 1], in the order of refs. Each core decodes and computes.

    way: how the network runs forward; None: as this machine prefers for a network of its name. Raises DataError for a
    damaged network, or an image that changed or vanished.
    """
    if not refs:
        return np.zeros(0)
    return _outputs(keras_file.load(model_path), refs, way, progress)[:, 1]


def predict_logits(
    model_path: Path, refs: Sequence[ImageRef], *, way: Forward | None = None, progress: Progress | None = None
) -> np.ndarray:
    """The logit of P(positive) of each image, float64 (n,): the head's two inputs to its softmax, subtracted.

    expit of it is what `predict` gives to within float32, except that scores which round to 0 or 1 stay apart. Raises
    as `predict` does.
    """
    if not refs:
        return np.zeros(0)
    import keras

    network = keras_file.load(model_path)
    network.layers[-1].activation = keras.activations.linear
    both = _outputs(network, refs, way, progress)
    return both[:, 1] - both[:, 0]


def _outputs(network: Any, refs: Sequence[ImageRef], way: Forward | None, progress: Progress | None) -> np.ndarray:
    """What the head gives for both classes, float64 (n, 2)."""
    size, resize = int(network.input_shape[1]), assemble.resize_of(network)
    run = forward.function(network, way or forward.preferred(network.name))

    def scores(chunk: Sequence[ImageRef]) -> np.ndarray:
        pictures = [image_batches.resized(decode.load_pixels(ref), size, resize) for ref in chunk]
        return run(np.stack(pictures))

    found: list[np.ndarray] = []
    chunks = [refs[i : i + forward.BATCH] for i in range(0, len(refs), forward.BATCH)]
    for part in image_batches.ahead([partial(scores, chunk) for chunk in chunks]):
        found.append(part)
        if progress:
            progress("predict", min(len(found) * forward.BATCH, len(refs)), len(refs), "")
    return np.concatenate(found).astype(np.float64)
