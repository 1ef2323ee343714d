"""The frozen part and prediction, run forward: ours beside Keras's `predict` and beside the way of commit a98e219
(TensorFlow; the frozen part folded, in bfloat16 where its row says so), the three in turn, each network in a process
of its own. Random weights: speed does not depend on them."""

from __future__ import annotations

import os
import resource
import tempfile
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.result import Result, in_a_fresh_process, spread
from benchmarks.training import SIZE, arithmetic, backbone_file, ground, multiply_adds, recipe_of, timed
from wrist_model.network import backbone
from wrist_model.records import Forward, ImageRef

KERAS, EARLIER = "Keras's predict", "commit a98e219"
Rates = dict[str, list[float]]


def frozen_part(*, quick: bool) -> list[Result]:
    """Images a second through the frozen part as features are made."""
    results, runs = [], 1 if quick else 3
    for architecture in backbone.by_default():
        rates, setup = in_a_fresh_process(_frozen, architecture, 64 if quick else 256, runs)
        results += _beside(f"frozen_part {architecture}", rates, setup)
    return results


def _frozen(architecture: str, n: int, runs: int) -> tuple[Rates, str]:
    from wrist_model.network import forward, pretrained_weights
    from wrist_model.network.tensorflow_setup import load_tensorflow
    from wrist_model.training import fit, frozen_features, image_batches

    load_tensorflow()
    pictures = np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE, 1)).astype(np.uint8)
    parts = [pictures[i : i + forward.BATCH] for i in range(0, n, forward.BATCH)]
    with tempfile.TemporaryDirectory() as name:
        recipe = recipe_of(backbone_file(Path(name), architecture))
        found = pretrained_weights.resolve(recipe.network.weights, architecture)
    ours = frozen_features.way(recipe, architecture)

    def made(way: Forward) -> Any:
        return fit.prepared(recipe, architecture, found, forward.keras_policy(way)).frozen

    def through(way: Forward) -> Callable[[], object]:
        run = forward.function(made(way), way, fold=True)
        return lambda: deque(image_batches.ahead([partial(run, part) for part in parts]), 0)

    plain = made(forward.TENSORFLOW)
    rates = _in_turn(
        {
            "ours": through(ours),
            KERAS: lambda: plain.predict(pictures, verbose=0),
            EARLIER: through(Forward("tensorflow", ours.precision)),
        },
        n,
        runs,
    )
    cost, speed = multiply_adds(plain), arithmetic("mixed_bfloat16" if ours.precision == "bf16" else "float32")
    return rates, (
        f"{ours.engine} {ours.precision}, {n} pictures; {cost:.2f} G multiply-adds an image, {speed:.0f} G/s in "
        f"a matrix product of TensorFlow's, {os.cpu_count()} cores, peak of all three {_peak():.1f} GiB"
    )


def predict(*, quick: bool) -> list[Result]:
    """Images a second from PNG files to probabilities, loading the network included."""
    results, n = [], 96 if quick else 256
    with ground(n) as (folder, refs):
        for architecture in backbone.by_default():
            rates, setup = in_a_fresh_process(_predicted, architecture, folder, refs, 1 if quick else 3)
            results += _beside(f"predict {architecture}", rates, setup)
    return results


def _predicted(architecture: str, folder: Path, refs: list[ImageRef], runs: int) -> tuple[Rates, str]:
    from wrist_model.network import forward, keras_file, pretrained_weights
    from wrist_model.network.tensorflow_setup import load_tensorflow
    from wrist_model.scoring import inference
    from wrist_model.training import fit

    load_tensorflow()
    import keras
    import pandas
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    spec = backbone_file(folder, architecture)
    network = fit.prepared(recipe_of(spec), architecture, pretrained_weights.resolve(spec, architecture), "float32")
    sha256 = keras_file.save(network, network.free.get_weights(), folder / "models", "scratch")
    path, table = folder / "models" / f"{sha256}.keras", pandas.DataFrame({"filename": [ref.file for ref in refs]})

    def plain() -> object:
        rows = ImageDataGenerator().flow_from_dataframe(
            table, target_size=(SIZE, SIZE), color_mode="grayscale", class_mode=None, shuffle=False, verbose=0
        )
        return keras.models.load_model(path, compile=False).predict(rows, verbose=0)

    def scored(way: Forward) -> object:
        inference.opened.cache_clear()
        return inference.predict(path, refs, way=way)

    ours = forward.preferred(architecture)
    rates = _in_turn(
        {
            "ours": partial(scored, ours),
            KERAS: plain,
            EARLIER: partial(scored, forward.TENSORFLOW),
        },
        len(refs),
        runs,
    )
    setup = f"{ours.engine} {ours.precision}, {len(refs)} PNG files, network loaded in the time; {os.cpu_count()} cores"
    return rates, setup


def _in_turn(ways: dict[str, Callable[[], object]], n: int, runs: int) -> Rates:
    """Images a second of each way, run by run; a first run of each is not counted."""
    rates: Rates = {name: [] for name in ways}
    for run in range(-1, runs):
        for name, way in ways.items():
            seconds = timed(way)
            if run >= 0:
                rates[name].append(n / seconds)
    return rates


def _beside(name: str, rates: Rates, setup: str) -> list[Result]:
    ours = float(np.median(rates["ours"]))
    found = []
    for peer in (KERAS, EARLIER):
        theirs = float(np.median(rates[peer]))
        said = f"peer: {peer}, {spread(rates[peer])}; {setup}"
        found.append(Result(name, ours, theirs, ours / theirs, spread(rates["ours"]), "images/s", said))
    return found


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
