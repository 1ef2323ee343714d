"""The frozen part as one fast function, and the stored features that it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model.network import backbone, dtype_policy, pretrained_weights
from wrist_model.network.assemble import Network
from wrist_model.recipe import Recipe
from wrist_model.records import ImageRef, Progress
from wrist_model.training import feature_store, image_batches

BATCH = 8
"""Pictures a call. Small, and several calls at once, each on a thread of its own: one's element-wise work beside
another's products, on activations nearer to the caches (5% to 10% faster than 32 at a time on two cores). Always that
many, the last ones repeated: kernels round by the shape of a batch, and what is stored of a picture must not depend on
how many others were missing with it. (They round by a picture's place in the batch, too: a store that was filled in
other portions gives features that differ in their last bits, a millionth of their range.)"""


def function(frozen: Any, fold: bool) -> Callable[[Any], Any]:
    """A Keras model as a compiled function of uint8 (n, size, size, 1); float32 out.

    fold: variables become constants, so that TensorFlow merges BatchNormalization into the kernels.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec([None, *frozen.input_shape[1:]], frozen.inputs[0].dtype)

    @tf.function(input_signature=[spec])
    def forward(x: Any) -> Any:
        return tf.cast(frozen(x, training=False), tf.float32)

    if not fold:
        return forward
    concrete = convert_variables_to_constants_v2(forward.get_concrete_function())
    return lambda x: concrete(tf.constant(x))[0]


def policy(recipe: Recipe, architecture: str) -> str:
    """Keras's dtype policy for the frozen part."""
    return dtype_policy.policy(recipe.training.frozen_precision, backbone.row(architecture).bfloat16_frozen)


def open_features(
    network: Network,
    train: Sequence[ImageRef],
    validation: Sequence[ImageRef],
    recipe: Recipe,
    found: pretrained_weights.Weights,
    make: Callable[[str], Network],
    *,
    folder: Path,
    progress: Progress | None = None,
) -> feature_store.Features:
    """The stored features of these images, made where they are missing.

    make(policy): the same network, weights included, under another dtype policy.
    """
    frozen = network.frozen
    assert frozen is not None
    wanted = policy(recipe, network.architecture)
    key = feature_store.StoreKey(
        network.architecture,
        str(network.boundary),
        pretrained_weights.digest(frozen.get_weights()),
        found.origin == "imagenet",
        recipe.network.image_size,
        wanted,
        recipe.training.fold_constants,
        recipe.training.feature_dtype,
        tuple(frozen.output_shape[1:]),
        resize=recipe.network.resize,
    )

    def compute(asked: Sequence[feature_store.AugmentedCopy], refs: Sequence[ImageRef]) -> Iterable[np.ndarray]:
        other = make(wanted).frozen
        yield from _computed(function(other, recipe.training.fold_constants), asked, refs, recipe, progress)

    return feature_store.Features(feature_store.Store(folder, key), train, validation, recipe, compute, progress)


def _computed(
    forward: Callable[[Any], Any],
    asked: Sequence[feature_store.AugmentedCopy],
    refs: Sequence[ImageRef],
    recipe: Recipe,
    progress: Progress | None,
) -> Iterable[np.ndarray]:
    needed = sorted({i for i, _ in asked})
    row = {i: n for n, i in enumerate(needed)}
    subset = [refs[i] for i in needed]
    pictures = image_batches.load(subset, recipe.network.image_size, recipe.network.resize, progress)
    changes, seed = recipe.augmentation, recipe.training.seed

    def job(chunk: Sequence[feature_store.AugmentedCopy]) -> np.ndarray:
        indices = np.array([row[i] for i, _ in chunk])
        x = image_batches.augmented(pictures, subset, indices, changes, seed, [view for _, view in chunk])
        full = np.concatenate([x, np.repeat(x[-1:], BATCH - len(x), axis=0)])
        return forward(full).numpy()[: len(x)].astype(recipe.training.feature_dtype)

    chunks = [asked[i : i + BATCH] for i in range(0, len(asked), BATCH)]
    yield from image_batches.ahead([partial(job, chunk) for chunk in chunks])
