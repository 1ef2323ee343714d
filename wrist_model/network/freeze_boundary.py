"""Where a network is cut in two: below the boundary layers are non-trainable, and what they give can be stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wrist_model.errors import DataError


def cut(whole: Any, first_free: Any) -> str:
    """The last layer before `first_free` whose output alone feeds everything after it: what features are stored of.

    Where several tensors cross, the cut lies lower; the layers between stay non-trainable and run each step.
    """
    order = [layer.name for layer in whole.layers]
    place = {name: i for i, name in enumerate(order)}
    last_consumer = [0] * len(order)
    for layer in whole.layers:
        for node in layer._inbound_nodes:
            for parent in node.parent_nodes:
                name = parent.operation.name
                if name in place:
                    last_consumer[place[name]] = max(last_consumer[place[name]], place[layer.name])
    limit = place[first_free.name]
    for i in range(limit - 1, -1, -1):
        if all(last_consumer[j] <= i for j in range(i)):
            return order[i]
    raise DataError(f"{whole.name} can't be cut before {first_free.name}.")


def freeze(layers: Sequence[Any]) -> None:
    """Make layers non-trainable, and their drop-connect none: they give the same in training as after it.

    Non-trainable layers above the cut run in each step, in training mode: where the first free layer is a residual
    add, EfficientNet's dropout before it is one of them.
    """
    import keras

    for layer in layers:
        layer.trainable = False
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0


def keep_statistics(free: tuple[Any, ...]) -> None:
    """BatchNormalization in inference mode: in Keras 3 that is `trainable = False`; gamma and beta stay too."""
    import keras

    for layer in free:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
