"""The trainer against Keras's own `fit`, stored features against online training, the saved network against both."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from db.home import work_folders
from tests import small_network, train_data
from wrist_model.network import backbone, keras_file, keras_settings, pretrained_weights
from wrist_model.recipe import Recipe, TrainingRecipe
from wrist_model.records import Epoch, ImageRef, TrainedModel
from wrist_model.scoring import inference
from wrist_model.training import fit as training
from wrist_model.training import image_batches
from wrist_model.training.adam import Adam

ARCHITECTURES = backbone.by_default()
DONE: dict[object, TrainedModel] = {}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[ImageRef], list[ImageRef]]:
    folder = tmp_path_factory.mktemp("pictures")
    return train_data.refs(folder, 16), train_data.refs(folder, 8, first=16)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("backbones")
    for architecture in ARCHITECTURES:
        train_data.backbone(folder, architecture)
    return str(folder / "{architecture}.keras")


def fit(
    pictures: tuple[list[ImageRef], list[ImageRef]], recipe: Recipe, architecture: str, home: Path, run_id: str = "r"
) -> TrainedModel:
    """A training of these pictures, run once for all tests that want the same in the same home."""
    same = (tuple(pictures[0]), tuple(pictures[1]), recipe.sha256, architecture, home)
    if same in DONE:
        return DONE[same]
    told: list[Epoch] = []
    found = training.train(
        *pictures, recipe, architecture, folders=work_folders(home), run_id=run_id, on_epoch=told.append
    )
    assert tuple(told) == found.history
    DONE[same] = found
    return found


def losses(model: TrainedModel) -> np.ndarray:
    return np.array([(epoch.loss, epoch.val_loss) for epoch in model.history])


def scores(model: TrainedModel, refs: list[ImageRef], home: Path) -> np.ndarray:
    return inference.predict(home / "models" / f"{model.artifact_sha256}.keras", refs)


def plain_keras(
    pictures: tuple[list[ImageRef], list[ImageRef]], recipe: Recipe, architecture: str, weights: str
) -> np.ndarray:
    """The recipe written out with keras.applications and model.fit."""
    import keras

    keras.backend.clear_session()
    size, seed, train = train_data.SIZE, recipe.training.seed, pictures[0]
    row = backbone.row(architecture)
    with keras_settings.seeded(seed):
        base = row.builder(include_top=False, weights=None, input_shape=(size, size, 3))
        x = keras.layers.GlobalAveragePooling2D()(base.output)
        x = keras.layers.Dense(recipe.network.dense_units, activation="relu")(x)
        x = keras.layers.Dropout(recipe.network.dropout, seed=seed)(x)
        model = keras.Model(base.input, keras.layers.Dense(2, activation="softmax")(x))
    base.set_weights(keras.models.load_model(weights.format(architecture=architecture)).get_weights())
    for layer in base.layers[:-10]:
        layer.trainable = False
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0  # drop-connect in a frozen layer
    for layer in base.layers[-10:]:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    model.compile(keras.optimizers.Adam(recipe.training.learning_rate), "binary_crossentropy")

    def ready(grey: np.ndarray) -> np.ndarray:
        rgb = np.repeat(grey, 3, axis=-1).astype(np.float32)
        return getattr(keras.applications, row.keras_module).preprocess_input(rgb)

    raw, raw_validation = (image_batches.load(refs, size, "squeeze") for refs in pictures)
    labels, validation_labels = (np.array([ref.label for ref in refs]) for refs in pictures)
    counts = np.bincount(labels)
    found = []
    for epoch in range(1, recipe.training.epochs + 1):
        order = image_batches.order(len(train), seed, epoch)
        changed = image_batches.augmented(raw, train, order, recipe.augmentation, seed, [epoch - 1] * len(order))
        history = model.fit(
            ready(changed),
            np.eye(2)[labels[order]],
            batch_size=recipe.training.batch_size,
            shuffle=False,
            class_weight={k: len(labels) / (2 * counts[k]) for k in (0, 1)},
            validation_data=(ready(raw_validation), np.eye(2)[validation_labels]),
            verbose=0,
        ).history
        found.append((history["loss"][0], history["val_loss"][0]))
    return np.array(found)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_losses_are_those_of_plain_keras_and_stored_features_change_nothing(
    architecture: str, pictures: tuple[list[ImageRef], list[ImageRef]], backbones: str, home: Path
) -> None:
    pictures = (pictures[0][:14], pictures[1])  # an uneven last batch
    pictures[0][0] = replace(pictures[0][0], label=1)  # uneven classes
    recipe = train_data.recipe(backbones, mode="online")
    online = fit(pictures, recipe, architecture, home)
    assert losses(online) == pytest.approx(plain_keras(pictures, recipe, architecture, backbones), rel=1e-4)

    stored = fit(pictures, train_data.recipe(backbones), architecture, home)
    assert losses(stored) == pytest.approx(losses(online), rel=1e-4)
    assert scores(stored, pictures[1], home) == pytest.approx(scores(online, pictures[1], home), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("architecture", "change"),
    [
        ("efficientnetb0", {"feature_dtype": "float16", "fold_constants": True}),
        ("resnet50", {"feature_dtype": "float16", "fold_constants": True, "frozen_precision": "bfloat16"}),
    ],
    ids=["float16-efficientnetb0", "bfloat16-resnet50"],
)
def test_cheaper_storage_moves_final_probabilities_by_less_than_a_hundredth(
    architecture: str,
    change: dict[str, object],
    pictures: tuple[list[ImageRef], list[ImageRef]],
    backbones: str,
    home: Path,
) -> None:
    exact = fit(pictures, train_data.recipe(backbones), architecture, home)
    cheap = fit(pictures, train_data.recipe(backbones, **change), architecture, home)
    assert np.abs(scores(cheap, pictures[1], home) - scores(exact, pictures[1], home)).max() < 0.01


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_saved_network_is_the_frozen_part_followed_by_the_free_part(
    architecture: str, pictures: tuple[list[ImageRef], list[ImageRef]], backbones: str, home: Path
) -> None:
    recipe = train_data.recipe(backbones)
    model = fit(pictures, recipe, architecture, home)
    whole = keras_file.load(home / "models" / f"{model.artifact_sha256}.keras")
    assert whole.input_shape == (None, train_data.SIZE, train_data.SIZE, 1)
    grey = image_batches.load(pictures[1], train_data.SIZE, "squeeze")
    parts = training.prepared(recipe, architecture, pretrained_weights.resolve(backbones, architecture), "float32")
    assert parts.boundary == backbone.row(architecture).boundary_layer
    mine = {layer.name: layer for layer in whole.layers}
    for layer in parts.free.layers:
        layer.set_weights(mine[layer.name].get_weights() if layer.name in mine else [])
    expected = parts.free(parts.frozen(grey, training=False), training=False).numpy()[:, 1]
    assert scores(model, pictures[1], home) == pytest.approx(expected, abs=1e-5)


def test_the_same_training_gives_the_same_bytes_and_another_seed_gives_others(
    pictures: tuple[list[ImageRef], list[ImageRef]], backbones: str, tmp_path: Path
) -> None:
    """With the tests' small network: what is drawn is drawn in the same way for each."""
    train_data.backbone(Path(backbones).parent, small_network.known())
    run = partial(fit, pictures, architecture=small_network.NAME)
    first = run(train_data.recipe(backbones), home=tmp_path / "here")
    with other_threads_draw_random_numbers():  # as Prefect's heartbeats do
        again = run(train_data.recipe(backbones), home=tmp_path / "there", run_id="elsewhere")
    other = run(train_data.recipe(backbones, seed=21), home=tmp_path / "there")
    assert first.artifact_sha256 == again.artifact_sha256
    assert first.artifact_sha256 != other.artifact_sha256


@contextmanager
def other_threads_draw_random_numbers() -> Iterator[None]:
    done = threading.Event()

    def draw() -> None:
        while not done.wait(0.001):
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_batch_normalisation_keeps_its_statistics_by_default_and_learns_them_on_request(backbones: str) -> None:
    found = pretrained_weights.resolve(backbones, "resnet50")
    for kind, kept in (("inference", True), ("training", False)):
        network = training.prepared(train_data.recipe(backbones, batch_norm=kind), "resnet50", found, "float32")
        layer = network.whole.get_layer("conv5_block3_3_bn")
        before = np.asarray(layer.moving_mean)
        network.free(np.ones((2, *network.frozen.output_shape[1:]), np.float32), training=True)
        assert np.array_equal(before, np.asarray(layer.moving_mean)) == kept


def test_a_replicate_trains_from_the_stored_features_of_the_recipes_seed(
    pictures: tuple[list[ImageRef], list[ImageRef]], tmp_path: Path
) -> None:
    name = small_network.known()
    recipe = train_data.recipe(str(train_data.backbone(tmp_path / "backbones", name)), free_layers=3)

    def trained(seed: int | None, run: str) -> tuple[TrainedModel, list[tuple[str, int]]]:
        folders = work_folders(tmp_path)
        found = training.train(*pictures, recipe, name, folders=folders, run_id=run, on_epoch=lambda _: None, seed=seed)
        stored = sorted((str(p), p.stat().st_size) for p in folders.features.rglob("*") if p.is_file())
        return found, stored

    first, stored = trained(None, "a")
    same, _ = trained(recipe.training.seed, "b")
    other, kept = trained(recipe.training.seed + 1, "c")
    assert same.artifact_sha256 == first.artifact_sha256 != other.artifact_sha256
    assert kept == stored and stored, "nothing was computed anew"


def test_a_step_moves_each_variable_as_keras_adam_does() -> None:
    import keras
    import tensorflow as tf

    numbers = np.random.default_rng(3)
    shapes = ((3, 3, 2, 4), (4,), (7, 2))
    first = [numbers.normal(size=shape).astype(np.float32) for shape in shapes]
    ours, theirs = ([keras.Variable(value, name=f"v{n}") for n, value in enumerate(first)] for _ in range(2))
    here, there = Adam(1e-2), keras.optimizers.Adam(1e-2)
    for step in range(20):
        gradients = [tf.constant(numbers.normal(size=shape) * 10.0 ** (step % 5 - 3), tf.float32) for shape in shapes]
        for optimizer, variables in ((here, ours), (there, theirs)):
            optimizer.build(variables)
            optimizer.learning_rate.assign(1e-2 / (step + 1))
            optimizer.apply(gradients, variables)
    for mine, peer, begun in zip(ours, theirs, first, strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(peer), rtol=0, atol=2e-6)
        assert np.abs(np.asarray(mine) - begun).min() > 1e-4
    held = [[(v.path.partition("/")[2], v.shape) for v in optimizer.variables] for optimizer in (here, there)]
    assert held[0] == held[1], "a stored state of one is one of the other"


def test_one_cycle_rises_to_the_rate_and_falls_to_nothing() -> None:
    recipe = TrainingRecipe(learning_rate=1e-3, learning_rate_schedule="one_cycle")
    rates = np.array([training.learning_rate(recipe, step, 200) for step in range(200)])
    top = int(rates.argmax())
    assert top == training.WARM_UP * 200 and rates[top] == 1e-3
    assert np.all(np.diff(rates[: top + 1]) > 0) and np.all(np.diff(rates[top:]) < 0)
    assert 0 < rates[0] < 1e-4 and rates[-1] < 1e-6
    cosine = replace(recipe, learning_rate_schedule="cosine")
    assert [training.learning_rate(cosine, step, 4) for step in (0, 2)] == [1e-3, pytest.approx(5e-4)]
