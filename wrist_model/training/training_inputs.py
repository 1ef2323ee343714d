"""What feeds the trainer: pictures (augmented as they are needed), or stored features of the frozen part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wrist_model.network.assemble import Network
from wrist_model.network.pretrained_weights import Weights
from wrist_model.recipe import Recipe
from wrist_model.records import Forward, ImageRef, Progress
from wrist_model.training import image_batches


class Inputs(Protocol):
    """Jobs make batches on other threads; `enter` runs inside the compiled step and gives the free part's input.

    batch_spec: shape without the first axis, and dtype, of what the jobs make.
    """

    @property
    def batch_spec(self) -> tuple[tuple[int, ...], str]: ...

    def training_job(self, indices: np.ndarray, epoch: int) -> Callable[[], np.ndarray]: ...

    def validation_job(self, indices: np.ndarray) -> Callable[[], np.ndarray]: ...

    def enter(self, x: Any) -> Any: ...


class Pictures:
    """Online: all pictures resized in memory as uint8, augmented on the fly, through the frozen part each time."""

    def __init__(
        self,
        network: Network,
        train: Sequence[ImageRef],
        validation: Sequence[ImageRef],
        recipe: Recipe,
        progress: Progress | None = None,
    ) -> None:
        how = recipe.network.image_size, recipe.network.resize
        self.network, self.refs, self.recipe = network, train, recipe
        self.training = image_batches.load(train, *how, progress)
        self.validation = image_batches.load(validation, *how, progress)

    @property
    def batch_spec(self) -> tuple[tuple[int, ...], str]:
        return self.training.shape[1:], "uint8"

    def training_job(self, indices: np.ndarray, epoch: int) -> Callable[[], np.ndarray]:
        views = [epoch - 1] * len(indices)  # a new augmented copy each epoch
        recipe, seed = self.recipe.augmentation, self.recipe.training.seed
        return lambda: image_batches.augmented(self.training, self.refs, indices, recipe, seed, views)

    def validation_job(self, indices: np.ndarray) -> Callable[[], np.ndarray]:
        return lambda: self.validation[indices]

    def enter(self, x: Any) -> Any:
        frozen = self.network.frozen
        return x if frozen is None else frozen(x, training=False)


def open_inputs(
    network: Network,
    train: Sequence[ImageRef],
    validation: Sequence[ImageRef],
    recipe: Recipe,
    found: Weights,
    make: Callable[[str], Network],
    *,
    features: Path,
    how: Forward | None = None,
    progress: Progress | None = None,
) -> Inputs:
    """Stored features where the recipe wants them and something is frozen; else pictures.

    make(policy): the same network, weights included, under another dtype policy. features: the folder of all stores.
    how: the frozen part of stored features runs; None: as this machine does.
    """
    if network.frozen is None or recipe.training.mode == "online":
        return Pictures(network, train, validation, recipe, progress)
    from wrist_model.training import frozen_features

    return frozen_features.open_features(
        network, train, validation, recipe, found, make, folder=features, how=how, progress=progress
    )
