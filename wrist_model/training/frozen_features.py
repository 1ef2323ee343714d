"""The stored features that the frozen part makes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wrist_model.network import backbone, dtype_policy, forward, pretrained_weights
from wrist_model.network.assemble import Network
from wrist_model.recipe import Recipe
from wrist_model.records import Forward, ImageRef, Progress
from wrist_model.training import feature_store, image_batches

log = logging.getLogger(__name__)


def way(recipe: Recipe, architecture: str) -> Forward:
    """How the frozen part runs on this machine."""
    return forward.choice(recipe.training.frozen_precision, backbone.row(architecture).bfloat16_frozen)


def way_begun(recipe: Recipe, architecture: str, begun: Forward | None) -> Forward:
    """How the frozen part of a training runs that was begun so (None: before engines were stored): the same, or, where
    this machine can't, as it runs here, and the log says so."""
    here = way(recipe, architecture)
    begun = begun or Forward(forward.TENSORFLOW.engine, here.precision)
    if forward.is_possible(begun):
        return begun
    log.warning("Goes on by %s in %s; it was begun by %s in %s, which this machine can't.", *_words(here, begun))
    return here


def _words(*ways: Forward) -> list[str]:
    return [word for one in ways for word in (one.engine, one.precision)]


def open_features(
    network: Network,
    train: Sequence[ImageRef],
    validation: Sequence[ImageRef],
    recipe: Recipe,
    found: pretrained_weights.Weights,
    make: Callable[[str], Network],
    *,
    folder: Path,
    how: Forward | None = None,
    progress: Progress | None = None,
) -> feature_store.Features:
    """The stored features of these images, made where they are missing.

    make(policy): the same network, weights included, under another dtype policy. how: the frozen part runs; None: as
    this machine does.
    """
    frozen = network.frozen
    assert frozen is not None
    how = how or way(recipe, network.architecture)
    key = feature_store.StoreKey(
        network.architecture,
        str(network.boundary),
        pretrained_weights.digest(frozen.get_weights()),
        found.origin == "imagenet",
        recipe.network.image_size,
        dtype_policy.MIXED if how.precision == "bf16" else "float32",
        recipe.training.fold_constants,
        recipe.training.feature_dtype,
        tuple(frozen.output_shape[1:]),
        resize=recipe.network.resize,
        engine=how.engine,
    )

    def compute(asked: Sequence[feature_store.AugmentedCopy], refs: Sequence[ImageRef]) -> Iterable[np.ndarray]:
        other = make(forward.keras_policy(how)).frozen
        run = forward.function(other, how, fold=recipe.training.fold_constants)
        yield from _computed(run, asked, refs, recipe, progress)

    return feature_store.Features(feature_store.Store(folder, key), train, validation, recipe, compute, progress)


def _computed(
    run: Callable[[np.ndarray], np.ndarray],
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
        return run(x).astype(recipe.training.feature_dtype)

    chunks = [asked[i : i + forward.BATCH] for i in range(0, len(asked), forward.BATCH)]
    yield from image_batches.ahead([partial(job, chunk) for chunk in chunks])
