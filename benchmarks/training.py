"""Training and tuning against plain Keras: the report's recipe, 224 × 224 pixels, from 512-pixel PNG files.

Both sides run on the same files and random backbone weights (speed does not depend on them). A whole run of 9,752
training and 2,090 validation images would take hours for the peer: fixed and per-image costs are fitted from runs of
three sizes and put together, and the setup line names both.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.result import Result, in_a_fresh_process, spread
from db.home import work_folders
from wrist_model.network import backbone
from wrist_model.recipe import Recipe, from_mapping
from wrist_model.records import ImageRef

MURA_TRAIN, MURA_VALIDATION, EPOCHS, SIZE, BATCH = 9752, 2090, 10, 224, 64
MEMORY = 3.0  # GiB


@contextmanager
def ground(n: int) -> Iterator[tuple[Path, list[ImageRef]]]:
    """n PNG files of 512 × 400 pixels, and backbones of random weights, in a folder that goes afterwards."""
    from wrist_model.radiograph import decode

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder, refs = Path(name), []
        for i in range(n):
            label = i % 2
            small = rng.normal(90 + 20 * label, 30, (64, 50)).clip(0, 255).astype(np.uint8)
            picture = Image.fromarray(small).resize((400, 512), Image.Resampling.BICUBIC)
            path = folder / "pictures" / str(label) / f"{i:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
            uid = f"{i:05d}"
            refs.append(ImageRef(uid, uid, uid, str(path), decode.pixel_sha256(np.asarray(picture)), label, "train"))
        yield folder, refs


def backbone_file(folder: Path, architecture: str) -> str:
    import keras

    path = folder / f"{architecture}.keras"
    if not path.exists():
        keras.utils.set_random_seed(0)
        backbone.row(architecture).builder(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3)).save(path)
    return str(path)


def recipe_of(weights: str, **training: object) -> Recipe:
    return from_mapping({"name": "bench", "network": {"weights": weights}, "training": dict(training)}, "bench")


def timed(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def arithmetic(policy: str) -> float:
    """Multiply-adds a second (in 1e9) of a plain matrix product of that precision: the ceiling of this machine."""
    import tensorflow as tf

    dtype = tf.bfloat16 if policy == "mixed_bfloat16" else tf.float32
    a = tf.cast(tf.random.normal((2048, 2048)), dtype)
    product = tf.function(lambda x: tf.matmul(x, a))
    product(a)
    best = min(timed(lambda: [product(a) for _ in range(4)]) for _ in range(5))
    return 4 * 2048**3 / best / 1e9


def multiply_adds(model: object) -> float:
    """Multiply-adds (in 1e9) of one picture through a model's convolutions and dense layers."""
    import keras

    total = 0.0
    for layer in model.layers:  # type: ignore[attr-defined]
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            total += np.prod(layer.output.shape[1:]) * np.prod(layer.kernel.shape[:2])
        elif isinstance(layer, keras.layers.Conv2D):
            total += np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Dense):
            total += np.prod(layer.kernel.shape)
    return float(total) / 1e9


def _ours(refs: list[ImageRef], recipe: Recipe, architecture: str, folder: Path) -> float:
    import keras  # noqa: F401 (before the clock runs, as on the other side)

    from wrist_model.training import fit

    home, n = Path(tempfile.mkdtemp(dir=folder)), len(refs)
    cut = n - max(n * MURA_VALIDATION // (MURA_TRAIN + MURA_VALIDATION), 2)

    def run() -> None:
        fit.train(
            refs[:cut],
            refs[cut:],
            recipe,
            architecture,
            folders=work_folders(home),
            run_id="r",
            on_epoch=lambda _: None,
        )

    return timed(run)


def _plain(refs: list[ImageRef], architecture: str, epochs: int, batch: int) -> float:
    """The report's recipe as its notebook has it: ImageDataGenerator from files, and fit."""
    import keras
    import pandas
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    cut = len(refs) - max(len(refs) * MURA_VALIDATION // (MURA_TRAIN + MURA_VALIDATION), 2)

    def run() -> None:
        keras.backend.clear_session()
        row = backbone.row(architecture)
        base = row.builder(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
        for layer in base.layers[:-10]:
            layer.trainable = False
        x = keras.layers.GlobalAveragePooling2D()(base.output)
        x = keras.layers.Dropout(0.3)(keras.layers.Dense(64, activation="relu")(x))
        model = keras.Model(base.input, keras.layers.Dense(2, activation="softmax")(x))
        model.compile(keras.optimizers.Adam(1e-4), "binary_crossentropy", metrics=["accuracy"])
        ready = getattr(keras.applications, row.keras_module).preprocess_input
        augmenting = ImageDataGenerator(
            rotation_range=20, shear_range=0.2, brightness_range=(0.5, 1.5), preprocessing_function=ready
        )
        plain = ImageDataGenerator(preprocessing_function=ready)

        def flow(generator: ImageDataGenerator, some: list[ImageRef], shuffle: bool) -> object:
            table = pandas.DataFrame({"filename": [r.file for r in some], "class": [str(r.label) for r in some]})
            return generator.flow_from_dataframe(
                table, target_size=(SIZE, SIZE), batch_size=batch, shuffle=shuffle, class_mode="categorical", verbose=0
            )

        model.fit(
            flow(augmenting, refs[:cut], True),
            validation_data=flow(plain, refs[cut:], False),
            epochs=epochs,
            class_weight={0: 1.0, 1: 1.0},
            verbose=0,
        )
        with tempfile.TemporaryDirectory() as name:
            model.save(Path(name) / "model.keras")

    return timed(run)


def _fit(sizes: list[int], seconds: list[float]) -> tuple[float, float]:
    """Fixed seconds and seconds an image, by least squares."""
    slope, fixed = np.polyfit(sizes, seconds, 1)
    return max(float(fixed), 0.0), float(slope)


def _ours_by_size(
    refs: list[ImageRef], sizes: list[int], recipe: Recipe, architecture: str, folder: Path
) -> list[float]:
    return [_ours(refs[:n], recipe, architecture, folder) for n in sizes]


def _plain_by_size(refs: list[ImageRef], sizes: list[int], architecture: str) -> list[float]:
    return [_plain(refs[:n], architecture, 1, BATCH) for n in sizes]


def _trained(architecture: str, quick: bool) -> list[Result]:
    """Whole trainings at 10 epochs for three sizes, the peer's of one epoch. Each side in a process of its own: Keras's
    generators make TensorFlow set malloc's thresholds for good, which would slow ours."""
    sizes = [64, 128, 192] if quick else [128, 256, 512]
    every = MURA_TRAIN + MURA_VALIDATION
    results = []
    with ground(sizes[-1]) as (folder, refs):
        weights = backbone_file(folder, architecture)
        peer_sizes = sizes[:2] if quick else sizes
        seconds = in_a_fresh_process(_plain_by_size, refs, peer_sizes, architecture)
        peer_fixed, peer_each = _fit(peer_sizes, seconds)
        peer = peer_fixed + peer_each * every * EPOCHS  # one epoch of n images costs what n/10 of ten epochs do
        for views in (3, 1):
            recipe = recipe_of(weights, views_per_image=views, epochs=EPOCHS, patience=EPOCHS)
            ours_seconds = in_a_fresh_process(_ours_by_size, refs, sizes, recipe, architecture, folder)
            fixed, each = _fit(sizes, ours_seconds)
            ours = fixed + each * every
            setup = (
                f"{MURA_TRAIN} training and {MURA_VALIDATION} validation images, {EPOCHS} epochs, {views} views, from "
                f"sizes {sizes}; ours {fixed:.1f} s + {each * 1000:.1f} ms an image, plain Keras {peer_fixed:.1f} s + "
                f"{peer_each * 1000:.1f} ms an image and epoch"
            )
            name = f"train_{architecture} views={views}"
            results.append(Result(name, ours, peer, peer / ours, spread(ours_seconds), "s", setup))
    return results


def __getattr__(name: str) -> Callable[..., list[Result]]:
    """train_<network>, for each network there is."""
    architecture = name.removeprefix("train_")
    if name == architecture or architecture not in backbone.names():
        raise AttributeError(name)
    return lambda *, quick: _trained(architecture, quick)


def train_memory(*, quick: bool) -> list[Result]:
    """Peak memory of a training of MURA's size (its wrists): two epochs from three stored views, in a fresh process."""
    n = 400 if quick else MURA_TRAIN + MURA_VALIDATION
    results = []
    for architecture in backbone.by_default()[1:] if quick else backbone.by_default():
        with ground(n) as (folder, refs):
            peak, seconds = in_a_fresh_process(_peak, folder, refs, architecture)
        setup = f"{n} images, three views, two epochs, {seconds:.0f} s"
        results.append(
            Result(f"train_memory {architecture}", peak, MEMORY, MEMORY / peak, "1 run", "GiB (limit)", setup)
        )
    return results


def _peak(folder: Path, refs: list[ImageRef], architecture: str) -> tuple[float, float]:
    recipe = recipe_of(backbone_file(folder, architecture), epochs=2, patience=2)
    seconds = _ours(refs, recipe, architecture, folder)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, seconds


def tune(*, quick: bool) -> list[Result]:
    """12 trials with pruning on stored features against 12 plain trainings of the same images (one timed, × 12)."""
    from wrist_model.tuning import search as tuning

    architecture, n, trials, epochs = "efficientnetb0", 96 if quick else 256, 12, 4 if quick else EPOCHS
    with ground(n) as (folder, refs):
        recipe = recipe_of(backbone_file(folder, architecture), epochs=epochs, patience=epochs)
        cut = n * 4 // 5
        search = partial(
            tuning.tune,
            refs[:cut],
            refs[cut:],
            recipe,
            architecture,
            folders=work_folders(folder),
            study_name="bench",
            trials=trials,
            on_trial=lambda _: None,
        )
        ours = timed(search)
        peer = trials * _plain(refs, architecture, epochs, BATCH)
    setup = f"{architecture}, {trials} trials of at most {epochs} epochs, {n} images, features stored in the time"
    return [Result("tune", ours, peer, peer / ours, "1 run", "s", setup)]
