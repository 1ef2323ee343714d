"""The report's recipe on a generated set of MURA's size, as a GPU trains it: speeds, memory, where the time goes, and
whether the trained networks give there what they give on the CPU. Without a GPU it runs on the CPU, and says so.

    benchmarks/gpu.sh [--train 9752] [--validation 659] [--epochs 10] [--size 224] [--network NAME]…

One line of JSON for each network. Backbones are drawn, not ImageNet's: speed doesn't depend on them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.result import in_a_fresh_process
from db.home import work_folders
from wrist_model.network import backbone
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.radiograph import decode
from wrist_model.recipe import Recipe, load
from wrist_model.records import Epoch, ImageRef, Split, network_file

COMPARED = 128
"""Validation pictures whose probabilities are computed on the CPU, too."""
EQUAL = 0.01


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives 1 where a network's probabilities are not the CPU's within EQUAL."""
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.sh", description=__doc__)
    parser.add_argument("--train", type=int, default=9752)
    parser.add_argument("--validation", type=int, default=659)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--free-layers", type=int, default=10)
    parser.add_argument("--network", action="append", help="default: both of the report")
    asked = parser.parse_args(arguments)
    load_tensorflow()
    ended = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        refs = pictures(folder, asked.train + asked.validation)
        for architecture in asked.network or load("report").network.architectures:
            recipe = the_recipe(folder, architecture, asked.size, asked.epochs, asked.free_layers)
            found = measured(folder, refs[: asked.train], refs[asked.train :], recipe, architecture)
            print(json.dumps(found), flush=True)
            ended |= int(found["largest_difference_from_cpu"] > EQUAL)
    return ended


def pictures(folder: Path, n: int) -> list[ImageRef]:
    """n PNG files of 512 × 400 grey pixels, brighter ones positive."""
    small = np.random.default_rng(0).normal(90, 30, (n, 64, 50)).astype(np.float32)
    (folder / "pictures").mkdir()

    def one(i: int) -> ImageRef:
        dots = (small[i] + 20 * (i % 2)).clip(0, 255).astype(np.uint8)
        picture = Image.fromarray(dots).resize((400, 512), Image.Resampling.BICUBIC)
        path, uid = folder / "pictures" / f"{i:05d}.png", f"{i:05d}"
        picture.save(path)
        split: Split = "train"
        return ImageRef(uid, uid, uid, str(path), decode.pixel_sha256(np.asarray(picture)), i % 2, split)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(one, range(n)))


def the_recipe(folder: Path, architecture: str, size: int, epochs: int, free_layers: int) -> Recipe:
    """The report's, in mixed precision, from a backbone that is drawn here; every epoch is run."""
    import keras

    path = folder / f"{architecture}.keras"
    keras.utils.set_random_seed(0)
    backbone.row(architecture).builder(include_top=False, weights=None, input_shape=(size, size, 3)).save(path)
    given = load("report")
    mixed: dict[str, Any] = {"frozen_precision": "bfloat16", "free_precision": "bfloat16"}
    return replace(
        given,
        network=replace(given.network, weights=str(path), image_size=size, free_layers=free_layers),
        training=replace(given.training, epochs=epochs, patience=epochs, **mixed),
    )


def measured(
    folder: Path, train: list[ImageRef], validation: list[ImageRef], recipe: Recipe, architecture: str
) -> dict[str, Any]:
    """One network's training and its figures."""
    import tensorflow as tf

    from wrist_model.scoring import inference
    from wrist_model.training import fit

    gpus = tf.config.list_physical_devices("GPU")
    stages: dict[str, list[float]] = {}
    epochs: list[Epoch] = []

    def tell(stage: str, _done: int, _total: int, _note: str) -> None:
        stages.setdefault(stage, []).append(time.perf_counter())

    home = Path(tempfile.mkdtemp(dir=folder))
    begun = time.perf_counter()
    made = fit.train(
        train,
        validation,
        recipe,
        architecture,
        folders=work_folders(home),
        run_id="r",
        on_epoch=epochs.append,
        progress=tell,
    )
    seconds = time.perf_counter() - begun
    spent = {stage: round(times[-1] - times[0], 2) for stage, times in stages.items()}
    asked, read, stored = stages["features"][0], stages["read pictures"][-1], stages["features"][-1]
    spent |= {"read pictures": round(read - asked, 2), "features": round(stored - read, 2)}
    each = statistics.median(epoch.seconds for epoch in epochs)
    features = len(train) * recipe.training.views_per_image + len(validation)
    path = network_file(work_folders(home).models, made.artifact_sha256)
    some = validation[:COMPARED]
    begun = time.perf_counter()
    ours = inference.predict(path, validation)
    predicting = time.perf_counter() - begun
    theirs = in_a_fresh_process(on_the_cpu, path, some)
    memory = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**30 if gpus else None
    return {
        "network": architecture,
        "device": tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU",
        "images": [len(train), len(validation)],
        "seconds": round(seconds, 1),
        "features_images_per_second": round(features / max(spent["features"], 1e-3), 1),
        "epoch_seconds": round(each, 2),
        "training_images_per_second": round(len(train) / max(each, 1e-3), 1),
        "predict_images_per_second": round(len(validation) / predicting, 1),
        "peak_gib_host": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "peak_gib_gpu": None if memory is None else round(memory, 2),
        "largest_difference_from_cpu": float(np.abs(ours[: len(some)] - theirs).max()),
        "seconds_by_stage": {**spent, "the rest": round(seconds - sum(spent.values()), 2)},
    }


def on_the_cpu(path: Path, refs: list[ImageRef]) -> np.ndarray:
    """P(positive) of each, in a process that sees no GPU."""
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    load_tensorflow()
    from wrist_model.network import forward
    from wrist_model.scoring import inference

    return inference.predict(path, refs, way=forward.TENSORFLOW)  # the same engine: what differs is the device's


if __name__ == "__main__":
    sys.exit(main())
