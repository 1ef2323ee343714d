"""Saved network + records → probabilities, or the logits that they are rounded from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from wrist_model.network import assemble, forward, keras_file
from wrist_model.radiograph import decode
from wrist_model.recipe import Resize
from wrist_model.records import Forward, ImageRef, Progress
from wrist_model.training import image_batches


def predict(
    model_path: Path, refs: Sequence[ImageRef], *, way: Forward | None = None, progress: Progress | None = None
) -> np.ndarray:
    """P(positive) of each image, float64 (n,) in [0, 1], in the order of refs. Each core decodes and computes.

    way: how the network runs forward; None: as this machine prefers for a network of its name. Raises DataError for a
    damaged network, or an image that changed or vanished.
    """
    return _outputs(model_path, refs, way, progress, logits=False)[:, 1]


def predict_logits(
    model_path: Path, refs: Sequence[ImageRef], *, way: Forward | None = None, progress: Progress | None = None
) -> np.ndarray:
    """The logit of P(positive) of each image, float64 (n,): the head's two inputs to its softmax, subtracted.

    expit of it is what `predict` gives to within float32, except that scores which round to 0 or 1 stay apart. Raises
    as `predict` does.
    """
    both = _outputs(model_path, refs, way, progress, logits=True)
    return both[:, 1] - both[:, 0]


@dataclass(frozen=True)
class Opened:
    """A saved network ready to run: what it takes, and `run`, uint8 (n, size, size, 1) → float32 (n, 2)."""

    size: int
    resize: Resize
    run: Callable[[np.ndarray], np.ndarray]


@lru_cache(maxsize=2)
def opened(model_path: Path, written: tuple[int, ...], way: Forward | None, logits: bool) -> Opened:
    """Kept for the next lot: an evaluation scores validation, locks, then scores test, and to convert a network takes
    as long as some 100 pictures. written: of the file, so that another one is opened anew."""
    network = keras_file.load(model_path)
    if logits:
        import keras

        network.layers[-1].activation = keras.activations.linear
    run = forward.function(network, way or forward.preferred(network.name))
    return Opened(int(network.input_shape[1]), assemble.resize_of(network), run)


def _outputs(
    model_path: Path, refs: Sequence[ImageRef], way: Forward | None, progress: Progress | None, *, logits: bool
) -> np.ndarray:
    """What the head gives for both classes, float64 (n, 2): probabilities, or what its softmax takes."""
    if not refs:
        return np.zeros((0, 2))
    network = opened(model_path, _written(model_path), way, logits)

    def scores(chunk: Sequence[ImageRef]) -> np.ndarray:
        pictures = [image_batches.resized(decode.load_pixels(ref), network.size, network.resize) for ref in chunk]
        return network.run(np.stack(pictures))

    found: list[np.ndarray] = []
    chunks = [refs[i : i + forward.BATCH] for i in range(0, len(refs), forward.BATCH)]
    for part in image_batches.ahead([partial(scores, chunk) for chunk in chunks]):
        found.append(part)
        if progress:
            progress("predict", min(len(found) * forward.BATCH, len(refs)), len(refs), "")
    return np.concatenate(found).astype(np.float64)


def _written(file: Path) -> tuple[int, ...]:
    """What differs once another file stands there; nothing where none does."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
