"""Fit one network: online or from stored features, with early stopping, and resumable after each epoch.

The loop is this project's own, because a run has to go on exactly where it was killed; its losses are those of Keras's
`fit` (a test compares them epoch by epoch).
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model.errors import DataError
from wrist_model.network import backbone, dtype_policy, keras_file, keras_settings, pretrained_weights
from wrist_model.network.assemble import Network, build
from wrist_model.network.finite_weights import non_finite
from wrist_model.recipe import Recipe, TrainingRecipe
from wrist_model.records import Epoch, Forward, ImageRef, Progress, TrainedModel, WorkFolders
from wrist_model.training import checkpoint, image_batches, training_inputs

WARM_UP = 0.2
"""Of a "one_cycle" training's steps, in which the learning rate rises."""


def train(
    train: Sequence[ImageRef],
    validation: Sequence[ImageRef],
    recipe: Recipe,
    architecture: str,
    *,
    folders: WorkFolders,
    run_id: str,
    on_epoch: Callable[[Epoch], None],
    progress: Progress | None = None,
    tensorboard: bool = False,
    seed: int | None = None,
    way: Forward | None = None,
) -> TrainedModel:
    """Train on labelled images and save the best epoch's network as `network_file(folders.models, sha256)`.

    Each finished epoch is on disk under folders.runs/<run_id> before on_epoch is called with it; called again with the
    same run_id and data, training goes on after it (and on_epoch is called with the finished ones again). Raises
    DataError for images without labels, a missing class, or a training that diverged, WeightsError for weights that
    can't be had.

    seed: of first weights, dropout and the order of batches, in the recipe's place; augmented copies, and so stored
    features, stay those of the recipe's seed. way: how stored features are made; None: as this machine does.
    """
    drawn = recipe if seed is None else replace(recipe, training=replace(recipe.training, seed=seed))
    begun = time.perf_counter()
    labels = image_batches.labels(train), image_batches.labels(validation)
    for name, each in zip(("training", "validation"), labels, strict=True):
        if len(set(each.tolist())) < 2:
            raise DataError(f"The {name} images ({len(each)}) hold fewer than two classes; both are needed.")
    keras_settings.settle()
    import keras

    keras.backend.clear_session()  # layer names count from the start, and an earlier network's memory goes
    found = pretrained_weights.resolve(recipe.network.weights, architecture)
    policy = free_policy(recipe, architecture, found)
    make = partial(prepared, drawn, architecture, found)
    network = make(policy)
    data = training_inputs.open_inputs(
        network, train, validation, recipe, found, make, features=folders.features, how=way, progress=progress
    )
    settings = drawn.training
    if found.tensors is None:
        rate = settings.learning_rate * backbone.row(architecture).scratch_rate
        settings = replace(settings, learning_rate=rate)
    fit = Fit(network, data, labels, settings, progress)
    folder, same = folders.runs / run_id, _fingerprint(train, validation, drawn, found)
    history, best = fit.run(folder, same, on_epoch, folders.tensorboard / run_id if tensorboard else None)
    artifact = keras_file.save(make("float32"), best, folders.models, found.origin, beside=folder)
    checkpoint.forget(folder)
    best_epoch = min(history, key=lambda each: each.val_loss).epoch
    seconds = time.perf_counter() - begun
    return TrainedModel(architecture, artifact, found.source, found.sha256, best_epoch, seconds, history)


def free_policy(recipe: Recipe, architecture: str, found: pretrained_weights.Weights) -> str:
    """Keras's dtype policy of what is trained."""
    row = backbone.row(architecture)
    gains = row.bfloat16_scratch if found.tensors is None else row.bfloat16_free
    return dtype_policy.policy(recipe.training.free_precision, gains)


def prepared(recipe: Recipe, architecture: str, found: pretrained_weights.Weights, policy: str) -> Network:
    """The network of a recipe with its first weights in place."""
    network = build(
        architecture,
        recipe.network,
        seed=recipe.training.seed,
        imagenet_graph=found.origin == "imagenet",
        free_all=found.tensors is None,
        policy=policy,
    )
    pretrained_weights.apply(found, network)
    return network


def class_weights(labels: np.ndarray, kind: str) -> np.ndarray:
    """float32 (2,): n / (2 · n of the class) as scikit-learn's "balanced", or ones."""
    if kind == "none":
        return np.ones(2, np.float32)
    return (len(labels) / (2 * np.bincount(labels, minlength=2))).astype(np.float32)


def learning_rate(recipe: TrainingRecipe, step: int, steps: int) -> float:
    """The rate of a step (from 0) of `steps` in all. "cosine" falls from the recipe's rate to nearly 0; "one_cycle"
    rises to it first, evenly over WARM_UP of the steps (Smith and Topin 2017, arXiv 1708.07120)."""
    if recipe.learning_rate_schedule == "constant":
        return recipe.learning_rate
    done, rising = step / max(steps, 1), WARM_UP if recipe.learning_rate_schedule == "one_cycle" else 0.0
    if done < rising:
        return recipe.learning_rate * (step + 1) / (rising * steps + 1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (done - rising) / (1 - rising)))


def _fingerprint(
    train: Sequence[ImageRef], validation: Sequence[ImageRef], recipe: Recipe, found: pretrained_weights.Weights
) -> str:
    """SHA-256 of all that decides a run; a stored state with another one is not resumed."""
    rows = [(ref.image_uid, ref.pixel_sha256, ref.label) for ref in (*train, *validation)]
    part = {"rows": rows, "n": len(train), "recipe": recipe.network_json, "weights": found.sha256}
    return hashlib.sha256(json.dumps(part).encode()).hexdigest()


@dataclass(frozen=True)
class Evaluated:
    loss: float
    accuracy: float
    probabilities: np.ndarray  # float64 (n,), of the positive class


class Fit:
    """The loop over epochs: a network's free part, its optimizer and a source of batches."""

    def __init__(
        self,
        network: Network,
        data: training_inputs.Inputs,
        labels: tuple[np.ndarray, np.ndarray],
        recipe: TrainingRecipe,
        progress: Progress | None = None,
    ) -> None:
        from wrist_model.training.adam import Adam

        self.network, self.data, self.recipe, self.progress = network, data, recipe, progress
        self.labels, self.validation_labels = labels
        self.weight_of = class_weights(self.labels, recipe.class_weights)
        self.optimizer = Adam(recipe.learning_rate)
        self.optimizer.build(network.free.trainable_variables)
        self.steps = math.ceil(len(self.labels) / recipe.batch_size)
        self._step, self._forward = _compiled(network.free, self.optimizer, data)

    @property
    def variables(self) -> list[Any]:
        """Everything that training changes: weights, moments, step count and the states of random generators."""
        return [*self.network.free.variables, *self.optimizer.variables]

    def run(
        self, folder: Path, fingerprint: str, on_epoch: Callable[[Epoch], None], tensorboard: Path | None = None
    ) -> tuple[tuple[Epoch, ...], tuple[np.ndarray, ...]]:
        """Train until the last epoch or until patience ends; the history, and the best epoch's free weights."""
        state = checkpoint.load(folder, fingerprint) or checkpoint.State((), 0, 0, (), ())
        for variable, value in zip(self.variables, state.variables, strict=bool(state.variables)):
            variable.assign(value)
        for epoch in state.history:
            on_epoch(epoch)
        write = _summaries(tensorboard) if tensorboard else None
        while len(state.history) < self.recipe.epochs and state.waited < self.recipe.patience:
            epoch = self.epoch(len(state.history) + 1)
            self._refuse_divergence(epoch)
            state = self._after(state, epoch)
            checkpoint.save(folder, state, fingerprint)
            on_epoch(epoch)
            if write:
                write(epoch)
        return state.history, state.best

    def _refuse_divergence(self, epoch: Epoch) -> None:
        """What is NaN once stays so: every later epoch, and a resumed run, would go on from it."""
        finite = math.isfinite(epoch.loss) and math.isfinite(epoch.val_loss)
        bad = non_finite((one.path.rpartition("/")[0], np.asarray(one)) for one in self.network.free.weights)
        if bad or not finite:
            where = f"weights are NaN or infinite, in the layers {bad}" if bad else "the loss is NaN or infinite"
            raise DataError(
                f"{self.network.architecture} diverged in epoch {epoch.epoch}: {where}. A learning_rate below "
                f"{self.recipe.learning_rate:g} in the recipe's [training] is what mostly helps."
            )

    def _after(self, state: checkpoint.State, epoch: Epoch) -> checkpoint.State:
        values = tuple(np.asarray(variable) for variable in self.variables)
        best_loss = state.history[state.best_epoch - 1].val_loss if state.best_epoch else math.inf
        better = epoch.val_loss < best_loss or not state.best_epoch
        state = replace(state, history=(*state.history, epoch), variables=values, waited=state.waited + 1)
        if not better:
            return state
        return replace(state, best_epoch=epoch.epoch, waited=0, best=tuple(self.network.free.get_weights()))

    def epoch(self, number: int) -> Epoch:
        """One pass over the training images and one over the validation images. number: from 1."""
        import tensorflow as tf

        begun, size = time.perf_counter(), self.recipe.batch_size
        order = image_batches.order(len(self.labels), self.recipe.seed, number)
        chunks = [order[i : i + size] for i in range(0, len(order), size)]
        total, right, rate = 0.0, 0, self.recipe.learning_rate
        every = self.steps * self.recipe.epochs
        for i, x in enumerate(image_batches.ahead([self.data.training_job(chunk, number) for chunk in chunks])):
            y = self.labels[chunks[i]]
            rate = learning_rate(self.recipe, (number - 1) * self.steps + i, every)
            self.optimizer.learning_rate.assign(rate)
            loss, hits = self._step(x, tf.constant(y), tf.constant(self.weight_of[y]))
            total += float(loss) * len(y)
            right += int(hits)
            self._tell(number, i + 1, begun, size)
        self.seen = seen = self.evaluate()
        n = len(self.labels)
        return Epoch(number, total / n, right / n, seen.loss, seen.accuracy, rate, time.perf_counter() - begun)

    def evaluate(self) -> Evaluated:
        """The network as it is on the validation images, without dropout, unweighted."""
        size, labels = max(self.recipe.batch_size, 32), self.validation_labels
        chunks = [np.arange(i, min(i + size, len(labels))) for i in range(0, len(labels), size)]
        found, total = [], 0.0
        jobs = [self.data.validation_job(each) for each in chunks]
        for chunk, x in zip(chunks, image_batches.ahead(jobs), strict=True):
            p, loss = self._forward(x, self.validation_labels[chunk])
            found.append(p.numpy())
            total += float(loss) * len(chunk)
        probabilities = np.concatenate(found).astype(np.float64)
        accuracy = float((probabilities.argmax(1) == labels).mean())
        return Evaluated(total / len(labels), accuracy, probabilities[:, 1])

    def _tell(self, epoch: int, step: int, begun: float, size: int) -> None:
        if self.progress is None or (step % 4 and step != self.steps):
            return
        speed = step * size / (time.perf_counter() - begun)
        done, every = (epoch - 1) * self.steps + step, self.steps * self.recipe.epochs
        left = (every - done) * size / speed
        note = f"epoch {epoch}/{self.recipe.epochs}, {speed:.0f} images/s, {left / 60:.1f} min left at most"
        self.progress(f"train {self.network.architecture}", done, every, note)


def _compiled(free: Any, optimizer: Any, data: training_inputs.Inputs) -> tuple[Callable, Callable]:
    import keras
    import tensorflow as tf

    # Inside a compiled graph Keras takes the softmax's two logits and puts each through a sigmoid (it keeps them as
    # `_keras_logits`): the report's loss, as its notebook ran it. The step and the validation must both do so.
    loss_of = keras.losses.BinaryCrossentropy()
    trainable, enter = free.trainable_variables, data.enter
    shape, dtype = (
        data.batch_spec
    )  # fixed, so that a last, smaller batch does not trace the graph again (10 s and more)
    batch = tf.TensorSpec([None, *shape], dtype)

    @tf.function(input_signature=[batch, tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.float32)])
    def step(x: Any, y: Any, weight: Any) -> tuple[Any, Any]:
        x = enter(x)
        with tf.GradientTape() as tape:
            p = free(x, training=True)
            loss = loss_of(tf.one_hot(y, 2), p, sample_weight=weight)
        optimizer.apply(tape.gradient(loss, trainable), trainable)
        return loss, tf.reduce_sum(tf.cast(tf.argmax(p, 1) == y, tf.int32))

    @tf.function(input_signature=[batch, tf.TensorSpec([None], tf.int64)])
    def forward(x: Any, y: Any) -> tuple[Any, Any]:
        p = free(enter(x), training=False)
        return p, loss_of(tf.one_hot(y, 2), p)

    return step, forward


def _summaries(folder: Path) -> Callable[[Epoch], None]:
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder))

    def write(epoch: Epoch) -> None:
        with writer.as_default(step=epoch.epoch):
            for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
                tf.summary.scalar(name, getattr(epoch, name))
        writer.flush()

    return write
