"""A network's flat graph, from a raw grey picture to two probabilities.

The graph is flat (no model inside a model), so that Grad-CAM, cutting at the boundary and saving all see its layers.
Preprocessing is part of it: a saved network takes uint8 grey (n, size, size, 1), bone bright. Its input's name says how
pictures come into that square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from wrist_model.errors import DataError
from wrist_model.network import backbone, dtype_policy, freeze_boundary, keras_settings
from wrist_model.recipe import NetworkRecipe, Resize

IMAGENET_STD = (0.229, 0.224, 0.225)
INPUTS: dict[Resize, str] = {"squeeze": "grey", "letterbox": "grey_letterboxed"}


@dataclass(frozen=True)
class Network:
    """A network cut in two: `whole` = `free` after `frozen`; the three share their layers.

    frozen is None where everything is free. boundary: name of the last frozen layer. backbone: the weighted part
    without preprocessing and head, in the order of keras.applications.
    """

    architecture: str
    whole: Any
    frozen: Any | None
    free: Any
    boundary: str | None
    backbone_layers: tuple[Any, ...]


def build(
    architecture: str,
    recipe: NetworkRecipe,
    *,
    seed: int,
    imagenet_graph: bool = False,
    free_all: bool = False,
    policy: str = "float32",
) -> Network:
    """The network with freshly drawn weights, all of them a function of the seed.

    imagenet_graph: the graph that ImageNet weights need. free_all: no frozen part (weights = "none").
    policy: Keras's dtype policy; the head's softmax is float32 in each. Raises DataError for a picture that is too
    small for the network.
    """
    import keras

    row = backbone.row(architecture)
    size = recipe.image_size
    with keras_settings.seeded(seed), dtype_policy.under(policy):
        grey = keras.Input((size, size, 1), dtype="uint8", name=INPUTS[recipe.resize])
        rgb = keras.layers.Concatenate(name="rgb", dtype="float32")([grey, grey, grey])
        entrance = row.preprocess(rgb)
        before = {layer.name for layer in keras.Model(grey, entrance).layers}
        try:
            base = row.builder(include_top=False, weights=None, input_tensor=entrance)
        except ValueError as error:
            raise DataError(f"{architecture} can't take pictures of {size} pixels: {error}") from None
        if imagenet_graph and row.rescales_for_imagenet:
            base = with_imagenet_rescaling(base)
        x = keras.layers.GlobalAveragePooling2D(name="pool")(base.output)
        x = keras.layers.Dense(recipe.dense_units, activation="relu", name="dense")(x)
        x = keras.layers.Dropout(recipe.dropout, seed=seed, name="dropout")(x)
        out = keras.layers.Dense(2, activation="softmax", dtype="float32", name="probability")(x)
        whole = keras.Model(base.inputs, out, name=architecture)
    layers = tuple(layer for layer in base.layers if layer.name not in before)
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = recipe.batch_norm_momentum
    if free_all:
        for layer in layers:
            if layer.name.endswith(row.last_of_block):
                layer.gamma.assign(layer.gamma * 0)
        return Network(architecture, whole, None, whole, None, layers)
    free = layers[-recipe.free_layers :] if recipe.free_layers < len(layers) else layers
    if recipe.batch_norm == "inference":
        freeze_boundary.keep_statistics(free)
    if len(free) == len(layers):
        return Network(architecture, whole, None, whole, None, layers)
    boundary = freeze_boundary.cut(whole, free[0])
    freeze_boundary.freeze(layers[: len(layers) - len(free)])
    tensor = whole.get_layer(boundary).output
    return Network(architecture, whole, keras.Model(whole.inputs, tensor), keras.Model(tensor, out), boundary, layers)


def resize_of(network: Any) -> Resize:
    """How pictures come into the square that a saved network takes."""
    return "letterbox" if network.inputs[0].name == INPUTS["letterbox"] else "squeeze"


def with_imagenet_rescaling(base: Any) -> Any:
    """The same backbone with the Rescaling that keras.applications adds for ImageNet weights (TensorFlow #49930)."""
    import keras

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        out = layer(*args, **kwargs)
        if isinstance(layer, keras.layers.Normalization):
            out = keras.layers.Rescaling([1 / math.sqrt(std) for std in IMAGENET_STD], name="imagenet_rescaling")(out)
        return out

    return keras.models.clone_model(base, call_function=call)


def has_imagenet_rescaling(model: Any) -> bool:
    """Whether a graph rescales by channel, as ImageNet weights of EfficientNet need."""
    import keras

    return any(isinstance(each, keras.layers.Rescaling) and isinstance(each.scale, list) for each in model.layers)
