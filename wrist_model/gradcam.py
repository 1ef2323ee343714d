"""Grad-CAM: where a network looked, drawn over the radiograph at full resolution, and whether the map can be trusted.

Selvaraju et al. 2017 (arXiv 1610.02391): a layer's channels weighted by the mean gradient of the score, then ReLU.
The score is the log-odds of "positive", not its probability, whose gradient vanishes where the network is sure.

Small pictures leave that layer too few cells to point with (96 pixels: 3×3). Then the map is taken at a finer layer,
with a weight for each cell, LayerCAM (Jiang et al. 2021, IEEE TIP 30:5875): one weight a channel says little there.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wrist_model import batches, decode, trust
from wrist_model.backbones import BACKBONES
from wrist_model.errors import DataError
from wrist_model.records import Explanation, ImageRef, Progress

GRAD_CAM, LAYER_CAM = "grad-cam", "layer-cam"
BATCH = 32
FEWEST_CELLS = 5
OPACITY = 0.55
"""Of the hottest place: the bone below can still be read."""

Maps = NDArray[np.float32]
Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Explainer:
    """A network opened at its Grad-CAM layer, and the same network with every weight tensor shuffled.

    size: the pixels a side that the network takes. method: grad-cam or layer-cam.
    maps, randomised: uint8 (n, size, size, 1) → float32 (n, h, w), the heat on the layer's own grid, at least 0, not
    normalised.
    """

    size: int
    method: str
    maps: Callable[[Grey], Maps]
    randomised: Callable[[Grey], Maps]


def open_network(model_path: Path, architecture: str, *, seed: int = 0) -> Explainer:
    """The saved flat .keras network of an architecture. Raises DataError when it can't be read or lacks the layer."""
    import keras

    try:
        network = keras.models.load_model(model_path, compile=False)
        shuffled = keras.models.clone_model(network)
    except (OSError, ValueError) as error:
        raise DataError(f"{model_path.name}: this saved network can't be opened ({error}). Train it again.") from None
    rng = np.random.default_rng(seed)
    shuffled.set_weights([rng.permutation(w.ravel()).reshape(w.shape) for w in network.get_weights()])
    layer, method = layer_for(network, architecture)
    return Explainer(int(network.input_shape[1]), method, _maps(network, layer, method), _maps(shuffled, layer, method))


def layer_for(network: Any, architecture: str) -> tuple[str, str]:
    """(layer, method): the table's last layer with a grid and grad-cam; where that grid is under FEWEST_CELLS a side,
    the finer layer and layer-cam. Raises DataError when the network has no such layer."""
    row = BACKBONES[architecture]
    layers = {layer.name: layer for layer in network.layers}
    if row.gradcam_layer not in layers:
        raise DataError(f"The saved network has no layer {row.gradcam_layer!r}: not flat, or of another architecture.")
    coarse = layers[row.gradcam_layer].output.shape[1] < FEWEST_CELLS
    return (row.finer_gradcam_layer, LAYER_CAM) if coarse else (row.gradcam_layer, GRAD_CAM)


def _maps(network: Any, layer: str, method: str) -> Callable[[Grey], Maps]:
    import keras
    import tensorflow as tf

    head = network.layers[-1]
    lower = keras.Model(network.input, network.get_layer(layer).output)
    upper = keras.Model(network.get_layer(layer).output, head.input)
    weights, bias = head.kernel, head.bias

    @tf.function(input_signature=[tf.TensorSpec([None, *network.input_shape[1:]], tf.uint8)])
    def heat(pictures: Any) -> Any:
        seen = tf.cast(lower(pictures, training=False), tf.float32)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(seen)
            logits = tf.matmul(tf.cast(upper(seen, training=False), tf.float32), weights) + bias
            score = logits[:, -1] - logits[:, 0] if logits.shape[-1] == 2 else logits[:, 0]
        gradient = tape.gradient(score, seen)
        if method == LAYER_CAM:
            return tf.nn.relu(tf.reduce_sum(seen * tf.nn.relu(gradient), axis=-1))
        return tf.nn.relu(tf.einsum("nhwc,nc->nhw", seen, tf.reduce_mean(gradient, axis=(1, 2))))

    return lambda pictures: heat(pictures).numpy()


def upsampled(heat: Maps, shape: tuple[int, int]) -> Maps:
    """float32 (h, w) → (height, width) in [0, 1]: bicubic, over the largest value; all 0 where there is no heat.

    The network sees the whole picture squeezed into its square, so the map is stretched back over the whole picture.
    """
    peak = float(heat.max(initial=0.0))
    if not np.isfinite(peak) or peak <= 0:
        return np.zeros(shape, dtype=np.float32)
    picture = Image.fromarray((heat / peak).astype(np.float32)).resize(shape[::-1], Image.Resampling.BICUBIC)
    return np.clip(np.asarray(picture, dtype=np.float32), 0, 1)


@functools.cache
def _colours() -> tuple[bytes, bytes]:
    """For each of 256 heats: its colour in `inferno` (768 bytes), and its opacity (256 bytes)."""
    from matplotlib import colormaps

    heat = np.linspace(0, 1, 256)
    colours = (colormaps["inferno"](heat)[:, :3] * 255).astype(np.uint8)
    return colours.tobytes(), (255 * OPACITY * np.clip(heat * 1.6, 0, 1)).astype(np.uint8).tobytes()


def overlay(pixels: Grey, heat: Maps) -> bytes:
    """PNG: the radiograph uint8 (height, width) under the heat (height, width) in [0, 1], matplotlib's `inferno`.

    Opacity grows with the heat, so that cold bone stays as it was and hot bone can still be read.
    """
    colours, opacity = _colours()
    level = Image.fromarray((heat * 255).astype(np.uint8))
    mask = level.point(list(opacity))
    painted = level.copy()
    painted.putpalette(colours)
    blended = Image.composite(painted.convert("RGB"), Image.fromarray(pixels).convert("RGB"), mask)
    stream = io.BytesIO()
    blended.save(stream, "PNG", compress_level=1, compress_type=3)  # run lengths: smaller and faster here
    return stream.getvalue()


def explain(
    model_path: Path,
    architecture: str,
    refs: Sequence[ImageRef],
    home: Path,
    *,
    progress: Progress | None = None,
    explainer: Explainer | None = None,
) -> tuple[Explanation, ...]:
    """One overlay a radiograph, in the order of refs, as `home/explanations/<sha256>.png`, and its verdict.

    explainer: one already opened by `open_network`, to explain several lots. Raises DataError for a network that
    can't be opened or a radiograph that changed or vanished.
    """
    if not refs:
        return ()
    network = explainer or open_network(model_path, architecture)
    (home / "explanations").mkdir(parents=True, exist_ok=True)
    found: list[Explanation] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for start in range(0, len(refs), BATCH):
            chunk = refs[start : start + BATCH]
            pixels = list(pool.map(decode.load_pixels, chunk))
            pictures = np.stack([batches.resized(each, network.size) for each in pixels])
            maps, randomised = network.maps(pictures), network.randomised(pictures)
            found += pool.map(_drawn, chunk, pixels, maps, randomised, repeat(home), repeat(network.method))
            if progress:
                progress("explain", len(found), len(refs), architecture)
    return tuple(found)


def _drawn(ref: ImageRef, pixels: Grey, heat: Maps, randomised: Maps, home: Path, method: str) -> Explanation:
    full = upsampled(heat, pixels.shape)
    sanity, border = trust.sanity_score(heat, randomised), trust.border_share(full, pixels)
    why = trust.verdict(heat, sanity, border)
    content = overlay(pixels, full)
    sha256 = hashlib.sha256(content).hexdigest()
    path = Path("explanations") / f"{sha256}.png"
    if not (home / path).exists():
        part = home / "explanations" / f".{sha256}.{ref.image_uid}.part"
        part.write_bytes(content)
        part.replace(home / path)
    return Explanation(ref.image_uid, method, path.as_posix(), sha256, sanity, bool(why), why, border)
