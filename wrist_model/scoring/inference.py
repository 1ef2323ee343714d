"""Saved network + records → probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wrist_model.network import keras_file
from wrist_model.radiograph import decode
from wrist_model.records import ImageRef, Progress
from wrist_model.training import frozen_features, image_batches


def predict(model_path: Path, refs: Sequence[ImageRef], *, home: Path, progress: Progress | None = None) -> np.ndarray:
    """P(positive) of each image, float64 (n,) in [0, 1], in the order of refs. Each core decodes and computes.

    Raises DataError for a damaged network, or an image that changed or vanished.
    """
    if not refs:
        return np.zeros(0)
    network = keras_file.load(model_path)
    size = int(network.input_shape[1])
    forward = frozen_features.function(network, fold=False)  # folding pays late here, and takes 2.6 GiB for ResNet50

    def scores(chunk: Sequence[ImageRef]) -> np.ndarray:
        pictures = [image_batches.resized(decode.load_pixels(ref), size) for ref in chunk]
        return forward(np.stack(pictures)).numpy()[:, 1]

    found: list[np.ndarray] = []
    chunks = [refs[i : i + frozen_features.BATCH] for i in range(0, len(refs), frozen_features.BATCH)]
    for part in image_batches.ahead([partial(scores, chunk) for chunk in chunks]):
        found.append(part)
        if progress:
            progress("predict", min(len(found) * frozen_features.BATCH, len(refs)), len(refs), "")
    return np.concatenate(found).astype(np.float64)
