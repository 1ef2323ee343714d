"""Grad-CAM: where a network looked, drawn over the radiograph at full resolution, and whether the map can be trusted.

Selvaraju et al. 2017 (arXiv 1610.02391): a layer's channels weighted by the mean gradient of the score, then ReLU.
The score is the log-odds of "positive", not its probability, whose gradient vanishes where the network is sure.

Small pictures leave that layer too few cells to point with (96 pixels: 3×3). Then its map is multiplied by one of a
finer layer, as Guided Grad-CAM multiplies by finer detail: by Grad-CAM there for ResNet50; for EfficientNetB0, whose
channels say little one by one, by LayerCAM, a weight for each cell (Jiang et al. 2021, IEEE TIP 30:5875). LayerCAM of
ResNet50 hardly changes with the weights: its identity paths carry the picture through. Such a map is the mean over
copies of the picture shifted by a sixteenth, moved back (Augmented Grad-CAM, Morbidelli et al., ICASSP 2020): where the
cells of a coarse grid happen to lie on the picture then says nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model.errors import DataError
from wrist_model.evidence_records import Explanation
from wrist_model.explanation import heat_map_checks, sanity_null
from wrist_model.explanation.overlay import Grey, Maps, overlay, touched, upsampled
from wrist_model.network import assemble, backbone, keras_file
from wrist_model.radiograph import decode
from wrist_model.recipe import Resize
from wrist_model.records import ImageRef, Progress
from wrist_model.training import image_batches

GRAD_CAM, LAYER_CAM, SHARPENED = "grad-cam", "layer-cam", "sharpened-grad-cam"

BATCH = 32

FEWEST_CELLS = 5

RUN = 64
"""Weights that stay neighbours from one shuffle of a large tensor to the next."""
SHIFT = 1 / 16
"""Of the picture's side, by which the copies of sharpened-grad-cam are moved."""


@dataclass(frozen=True)
class Explainer:
    """A network opened at its Grad-CAM layer, and the same network with every weight tensor shuffled: one graph, whose
    weights are lent to each in turn, so that one thread at a time asks it.

    size: the pixels a side that the network takes; resize: how a picture comes into them. method: grad-cam or
    sharpened-grad-cam.
    maps, randomised: uint8 (n, size, size, 1) → float32 (n, h, w), the heat, at least 0: on the layer's grid and not
    normalised; of sharpened-grad-cam (n, size, size), at most 1. plain: the same on the layer's grid always, without
    the mean over shifts. shuffled: (pictures, k) → (k, n, h, w), the plain maps of k networks, each shuffled anew.
    """

    size: int
    resize: Resize
    method: str
    maps: Callable[[Grey], Maps]
    randomised: Callable[[Grey], Maps]
    plain: Callable[[Grey], Maps]
    shuffled: Callable[[Grey, int], Maps]

    def place(self, pixels: Grey) -> image_batches.Place:
        """Where a radiograph lies in the square that the maps cover."""
        return image_batches.place(pixels.shape, self.size, self.resize)


def open_network(model_path: Path, architecture: str, *, seed: int = 0) -> Explainer:
    """The saved flat .keras network of an architecture. Raises DataError when it can't be read, isn't the one that its
    name says, or lacks the layer. seed: of the shuffles."""
    network = keras_file.load(model_path)
    rng = np.random.default_rng(seed)
    trained = network.get_weights()
    weights = [rng.permutation(w.ravel()).reshape(w.shape) for w in trained]
    method, size = method_for(network, architecture), int(network.input_shape[1])
    plain = _maps(network, architecture, method)
    whole = _over_shifts(plain, size) if method == SHARPENED else plain

    @contextmanager
    def own_weights_back() -> Iterator[None]:
        try:
            yield
        finally:
            network.set_weights(trained)

    def randomised(pictures: Grey) -> Maps:
        with own_weights_back():
            network.set_weights(weights)
            return whole(pictures)

    def shuffled(pictures: Grey, count: int) -> Maps:
        def drawn(number: int) -> list[np.ndarray]:
            draw = np.random.default_rng([seed, number])
            return [_rearranged(w, draw) for w in weights]

        found = []
        with own_weights_back():
            for each in image_batches.ahead([partial(drawn, number) for number in range(1, count + 1)], depth=1):
                network.set_weights(each)
                found.append(plain(pictures))
        return np.stack(found)

    return Explainer(size, assemble.resize_of(network), method, whole, randomised, plain, shuffled)


def _rearranged(shuffled: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another draw of a tensor that is shuffled: runs of it change places, a tenth of what shuffling anew takes."""
    flat = np.roll(shuffled.ravel(), rng.integers(shuffled.size))
    length = RUN if shuffled.size >= RUN * RUN else 1
    runs = flat[: shuffled.size // length * length].reshape(-1, length)
    runs[:] = runs[rng.permutation(len(runs))]  # the draw of rng.shuffle(runs), in half its time
    return flat.reshape(shuffled.shape)


def method_for(network: Any, architecture: str) -> str:
    """grad-cam; sharpened-grad-cam where the last layer's grid is under FEWEST_CELLS a side and the network's row names
    a finer layer. Raises DataError when the network has no such layer."""
    row = backbone.row(architecture)
    layer = row.gradcam_layer
    layers = {each.name: each for each in network.layers}
    if layer not in layers:
        raise DataError(f"The saved network has no layer {layer!r}: not flat, or of another architecture.")
    coarse = layers[layer].output.shape[1] < FEWEST_CELLS
    return SHARPENED if coarse and row.finer_gradcam_layer else GRAD_CAM


def _maps(network: Any, architecture: str, method: str) -> Callable[[Grey], Maps]:
    """`Explainer.plain` of a network."""
    import keras
    import tensorflow as tf

    row, head = backbone.row(architecture), network.layers[-1]
    coarse = network.get_layer(row.gradcam_layer).output
    finer = network.get_layer(row.finer_gradcam_layer).output if method == SHARPENED else coarse
    lower, upper = keras.Model(network.input, finer), keras.Model(coarse, head.input)
    middle = keras.Model(finer, coarse) if method == SHARPENED else None
    weights, bias = head.kernel, head.bias

    def heat(seen: Any, gradient: Any, how: str) -> Any:
        if how == LAYER_CAM:
            return tf.nn.relu(tf.reduce_sum(seen * tf.nn.relu(gradient), axis=-1))
        return tf.nn.relu(tf.einsum("nhwc,nc->nhw", seen, tf.reduce_mean(gradient, axis=(1, 2))))

    @tf.function(input_signature=[tf.TensorSpec([None, *network.input_shape[1:]], tf.uint8)])
    def maps(pictures: Any) -> Any:
        fine = tf.cast(lower(pictures, training=False), tf.float32)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fine)
            last = tf.cast(middle(fine, training=False), tf.float32) if middle else fine
            logits = tf.matmul(tf.cast(upper(last, training=False), tf.float32), weights) + bias
            score = logits[:, -1] - logits[:, 0] if logits.shape[-1] == 2 else logits[:, 0]
        if middle is None:
            return heat(fine, tape.gradient(score, fine), GRAD_CAM)
        of_fine, of_last = tape.gradient(score, [fine, last])
        broad = tf.image.resize(heat(last, of_last, GRAD_CAM)[..., None], tf.shape(fine)[1:3], "bicubic")[..., 0]
        return heat(fine, of_fine, row.finer_method) * tf.nn.relu(broad)

    return lambda pictures: maps(pictures).numpy()


def _over_shifts(maps: Callable[[Grey], Maps], size: int) -> Callable[[Grey], Maps]:
    """The mean of the maps, each over its largest value, of the picture shifted by SHIFT of its side or not at all."""
    step = max(1, round(SHIFT * size))
    corners = list(itertools.product((0, step, 2 * step), repeat=2))

    def mean(pictures: Grey) -> Maps:
        wide = np.pad(pictures, ((0, 0), (step, step), (step, step), (0, 0)), "edge")
        total = np.zeros((len(pictures), size, size), np.float32)
        for down, right in corners:
            heat = maps(np.ascontiguousarray(wide[:, down : down + size, right : right + size]))
            for place, each in enumerate(heat):
                full = np.zeros(wide.shape[1:3], np.float32)
                full[down : down + size, right : right + size] = upsampled(each, (size, size))
                total[place] += full[step:-step, step:-step]
        return total / np.float32(len(corners))

    return mean


def explain(
    model_path: Path,
    architecture: str,
    refs: Sequence[ImageRef],
    folder: Path,
    *,
    progress: Progress | None = None,
    explainer: Explainer | None = None,
    shuffles: int = 1,
) -> tuple[Explanation, ...]:
    """One overlay a radiograph, in the order of refs, as `folder/<sha256>.png`, and its verdict.

    A returned path begins with the folder's name.

    explainer: one already opened by `open_network`, to explain several lots. shuffles: of the network's weights; 1 is
    the first rules' check, sanity_null.SHUFFLES the second's. Raises DataError for a network that can't be opened or a
    radiograph that changed or vanished.
    """
    if not refs:
        return ()
    network = explainer or open_network(model_path, architecture)
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Explanation] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        drawing: list[Future[Explanation]] = []  # of one lot, while the next one's maps are computed
        for chunk, pixels, pictures in _lots(refs, network):
            maps = network.maps(pictures)
            checked = _checked(network, pixels, pictures, maps, shuffles)
            found += [each.result() for each in drawing]
            draw = partial(_drawn, folder=folder, network=network, rule=sanity_null.rule(shuffles))
            drawing = [pool.submit(draw, *each) for each in zip(chunk, pixels, maps, checked, strict=True)]
            if progress:
                progress("explain", len(found), len(refs), architecture)
        found += [each.result() for each in drawing]
    if progress:
        progress("explain", len(found), len(refs), architecture)
    return tuple(found)


def _lots(refs: Sequence[ImageRef], network: Explainer) -> Iterator[tuple[Sequence[ImageRef], list[Grey], Grey]]:
    """Lots of radiographs, each with its pixels and with what the network sees: uint8 (n, size, size, 1)."""
    lots = [refs[start : start + BATCH] for start in range(0, len(refs), BATCH)]

    def read(lot: Sequence[ImageRef]) -> tuple[list[Grey], Grey]:
        pixels = [decode.load_pixels(ref) for ref in lot]
        return pixels, np.stack([image_batches.resized(each, network.size, network.resize) for each in pixels])

    for lot, (pixels, pictures) in zip(lots, image_batches.ahead([partial(read, each) for each in lots]), strict=True):
        yield lot, pixels, pictures


def full_maps(network: Explainer, refs: Sequence[ImageRef]) -> Iterator[tuple[ImageRef, Grey, Maps]]:
    """Each radiograph with its pixels and its map at their resolution: float32 (height, width) in [0, 1].

    Raises DataError for a radiograph that changed or vanished.
    """
    for lot, pixels, pictures in _lots(refs, network):
        for ref, grey, heat in zip(lot, pixels, network.maps(pictures), strict=True):
            full = upsampled(heat, grey.shape, network.place(grey), most=np.inf)
            yield ref, grey, full / np.float32(max(1.0, float(full.max())))


def _checked(
    network: Explainer, pixels: Sequence[Grey], pictures: Grey, maps: Maps, shuffles: int
) -> list[float | sanity_null.Sanity]:
    """Each picture's map against shuffled networks. Several are compared before the mean over shifts, on the layer's
    grid. What lies on padding alone says nothing and is left out."""
    at = [network.place(grey) for grey in pixels]
    if shuffles == 1:
        both = zip(maps, network.randomised(pictures), at, strict=True)
        return [heat_map_checks.sanity_score(touched(heat, here), touched(other, here)) for heat, other, here in both]
    own, others = network.plain(pictures), network.shuffled(pictures, shuffles)
    return [
        sanity_null.sanity(touched(heat, here), np.stack([touched(one[place], here) for one in others]))
        for place, (heat, here) in enumerate(zip(own, at, strict=True))
    ]


def _drawn(
    ref: ImageRef,
    pixels: Grey,
    heat: Maps,
    sanity: float | sanity_null.Sanity,
    folder: Path,
    network: Explainer,
    rule: str,
) -> Explanation:
    at = network.place(pixels)
    full, heat = upsampled(heat, pixels.shape, at), touched(heat, at)
    border = heat_map_checks.border_share(full, pixels)
    why = heat_map_checks.verdict(heat, sanity, border)
    content = overlay(pixels, full)
    sha256 = hashlib.sha256(content).hexdigest()
    file = folder / f"{sha256}.png"
    if not file.exists():
        part = folder / f".{sha256}.{ref.image_uid}.part"
        part.write_bytes(content)
        part.replace(file)
    made = (ref.image_uid, network.method, file.relative_to(folder.parent).as_posix(), sha256)
    if not isinstance(sanity, sanity_null.Sanity):
        return Explanation(*made, sanity, bool(why), why, border)
    return Explanation(*made, sanity.score, bool(why), why, border, sanity.similarity, sanity.p_value, rule)
