"""Saved network + records → probabilities, or the logits that they are rounded from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model.network import assemble, keras_file
from wrist_model.radiograph import decode
from wrist_model.records import ImageRef, Progress
from wrist_model.training import frozen_features, image_batches


def predict(model_path: Path, refs: Sequence[ImageRef], *, progress: Progress | None = None) -> np.ndarray:
    """P(positive) of each image, float64 (n,) in [0, 1], in the order of refs. Each core decodes and computes.

    Raises DataError for a damaged network, or an image that changed or vanished.
    """
    if not refs:
        return np.zeros(0)
    return _outputs(keras_file.load(model_path), refs, progress)[:, 1]


def predict_logits(model_path: Path, refs: Sequence[ImageRef], *, progress: Progress | None = None) -> np.ndarray:
    """The logit of P(positive) of each image, float64 (n,): the head's two inputs to its softmax, subtracted.

    expit of it is what `predict` gives to within float32, except that scores which round to 0 or 1 stay apart. Raises
    as `predict` does.
    """
    if not refs:
        return np.zeros(0)
    import keras

    network = keras_file.load(model_path)
    network.layers[-1].activation = keras.activations.linear
    both = _outputs(network, refs, progress)
    return both[:, 1] - both[:, 0]


def _outputs(network: Any, refs: Sequence[ImageRef], progress: Progress | None) -> np.ndarray:
    """What the head gives for both classes, float64 (n, 2)."""
    size, resize = int(network.input_shape[1]), assemble.resize_of(network)
    forward = frozen_features.function(network, fold=False)  # folding pays late here, and takes 2.6 GiB for ResNet50

    def scores(chunk: Sequence[ImageRef]) -> np.ndarray:
        pictures = [image_batches.resized(decode.load_pixels(ref), size, resize) for ref in chunk]
        return forward(np.stack(pictures)).numpy()

    found: list[np.ndarray] = []
    chunks = [refs[i : i + frozen_features.BATCH] for i in range(0, len(refs), frozen_features.BATCH)]
    for part in image_batches.ahead([partial(scores, chunk) for chunk in chunks]):
        found.append(part)
        if progress:
            progress("predict", min(len(found) * frozen_features.BATCH, len(refs)), len(refs), "")
    return np.concatenate(found).astype(np.float64)
