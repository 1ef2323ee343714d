"""The networks: one table, one row a backbone, and the flat graph from a raw grey picture to two probabilities.

The graph is flat (no model inside a model), so that Grad-CAM, cutting at the boundary and saving all see its layers.
Preprocessing is part of it: a saved network takes uint8 grey (n, size, size, 1), bone bright.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wrist_model.errors import DataError
from wrist_model.network import dtype_policy
from wrist_model.recipe import NetworkRecipe

IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_OFFSET = (-123.68, -116.779, -103.939)  # of R, G and B; keras.applications.resnet.preprocess_input


@dataclass(frozen=True)
class Backbone:
    """One row of the table.

    builder: name in keras.applications. preprocess: layers (RGB 0–255 → what the builder wants), on KerasTensors.
    reorders_to_bgr: whether the original weights want blue first. gradcam_layer: the last with a spatial grid.
    finer_gradcam_layer and finer_method: what sharpens the map of a small picture: a layer of four or eight times that
    grid through which everything flows, and how its channels are weighted (gradcam.py says how they were chosen).
    boundary_layer: the last frozen layer when ten are free. rescales_for_imagenet: whether ImageNet weights need one
    more Rescaling after Normalization (keras.applications adds it only when it loads them itself).
    bfloat16_gains, _free, _scratch: whether the frozen part (folded), the free part and a training of all layers are
    taken to be faster in bfloat16 on a CPU with AVX512-BF16.
    """

    builder: str
    preprocess: Callable[[Any], Any]
    gradcam_layer: str
    boundary_layer: str
    rescales_for_imagenet: bool
    bfloat16_gains: bool
    bfloat16_gains_free: bool = True
    bfloat16_gains_scratch: bool = True
    scratch_rate: float = 1.0  # share of the recipe's learning rate in a training from random weights
    last_of_block: str = ""  # how the names of each residual block's last BatchNormalization end
    finer_gradcam_layer: str = ""
    finer_method: str = "grad-cam"


def _caffe(rgb: Any) -> Any:
    import keras

    # Grey in all three channels: reversing to BGR is putting the offsets in BGR's order.
    return keras.layers.Rescaling(1.0, offset=list(reversed(CAFFE_OFFSET)), dtype="float32", name="caffe")(rgb)


def _inside(rgb: Any) -> Any:
    return rgb


BACKBONES: dict[str, Backbone] = {
    # From random weights ResNet50's pooled features are large (2048 of mean 1.0; EfficientNetB0's: 1280 of 0.18), so
    # that Adam at 1e-3 moves the dense layer's inputs by 2 a step and its ReLUs die: a loss of 0.693 for ever. Hence a
    # third of the rate, and blocks that begin as the identity (Goyal et al. 2017, arXiv 1706.02677, section 5.1).
    "resnet50": Backbone(
        "ResNet50",
        _caffe,
        "conv5_block3_out",
        "conv5_block2_out",
        False,
        True,
        scratch_rate=0.3,
        last_of_block="_3_bn",
        finer_gradcam_layer="conv3_block1_out",
    ),
    "efficientnetb0": Backbone(
        "EfficientNetB0",
        _inside,
        "top_activation",
        "block7a_activation",
        True,
        False,
        bfloat16_gains_scratch=False,  # at 96 pixels 37 images a core second in float32, 26 in bfloat16
        finer_gradcam_layer="block3a_expand_activation",
        finer_method="layer-cam",
    ),
}


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

    row = BACKBONES[architecture]
    keras.utils.set_random_seed(seed)
    size = recipe.image_size
    with dtype_policy.under(policy):
        grey = keras.Input((size, size, 1), dtype="uint8", name="grey")
        rgb = keras.layers.Concatenate(name="rgb", dtype="float32")([grey, grey, grey])
        entrance = row.preprocess(rgb)
        try:
            base = getattr(keras.applications, row.builder)(include_top=False, weights=None, input_tensor=entrance)
        except ValueError as error:
            raise DataError(f"{architecture} can't take pictures of {size} pixels: {error}") from None
        if imagenet_graph and row.rescales_for_imagenet:
            base = with_imagenet_rescaling(base)
        x = keras.layers.GlobalAveragePooling2D(name="pool")(base.output)
        x = keras.layers.Dense(recipe.dense_units, activation="relu", name="dense")(x)
        x = keras.layers.Dropout(recipe.dropout, seed=seed, name="dropout")(x)
        out = keras.layers.Dense(2, activation="softmax", dtype="float32", name="probability")(x)
        whole = keras.Model(base.inputs, out, name=architecture)
    layers = tuple(layer for layer in base.layers if layer.name not in ("grey", "rgb", "caffe"))
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = recipe.batch_norm_momentum
    if free_all:
        for layer in layers:
            if row.last_of_block and layer.name.endswith(row.last_of_block):
                layer.gamma.assign(layer.gamma * 0)
        return Network(architecture, whole, None, whole, None, layers)
    free = layers[-recipe.free_layers :] if recipe.free_layers < len(layers) else layers
    if len(free) == len(layers):
        _keep_statistics(free, recipe)
        return Network(architecture, whole, None, whole, None, layers)
    boundary = cut(whole, free[0])
    for layer in layers[: len(layers) - len(free)]:
        layer.trainable = False
    _keep_statistics(free, recipe)
    tensor = whole.get_layer(boundary).output
    return Network(architecture, whole, keras.Model(whole.inputs, tensor), keras.Model(tensor, out), boundary, layers)


def _keep_statistics(free: tuple[Any, ...], recipe: NetworkRecipe) -> None:
    """Free BatchNormalization in inference mode: in Keras 3 that is `trainable = False`, gamma and beta stay too."""
    import keras

    for layer in free:
        if recipe.batch_norm == "inference" and isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def cut(whole: Any, first_free: Any) -> str:
    """The last layer before `first_free` whose output alone feeds everything after it: what features are stored of.

    Where several tensors cross, the cut lies lower; the layers between stay frozen and run each step.
    """
    order = [layer.name for layer in whole.layers]
    place = {name: i for i, name in enumerate(order)}
    reach = [0] * len(order)  # the last consumer of each layer's output
    for layer in whole.layers:
        for node in layer._inbound_nodes:
            for parent in node.parent_nodes:
                name = parent.operation.name
                if name in place:
                    reach[place[name]] = max(reach[place[name]], place[layer.name])
    limit = place[first_free.name]
    for i in range(limit - 1, -1, -1):
        if all(reach[j] <= i for j in range(i)):
            return order[i]
    raise DataError(f"{whole.name} can't be cut before {first_free.name}.")


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
