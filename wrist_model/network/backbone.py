"""What Wrist has to know of a network: one complete row, and the list of the networks there are.

A network is one file in wrist_model/network/backbones, and nothing else names it. The row follows timm's
`PretrainedCfg` (origin, input size, value range) and MONAI's bundle metadata (channels, source, intended use).
Reading a row imports no TensorFlow.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wrist_model.errors import UsageError
from wrist_model.network import backbones


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One network. All layers are named as in the graph that `builder` makes.

    In the report: title; colour (#rrggbb, 3:1 against white or more); line, a matplotlib line style of its own.
    In recipes: default_place, its place among the networks of a recipe that lists none; None where it has to be listed.

    Building. builder: called as those of keras.applications, with include_top, weights and input_tensor or
    input_shape; gives a flat Keras model. preprocess: layers from RGB in [0, 255] to what the builder wants, on
    KerasTensors; on grey pictures it equals `preprocess_input` of keras_module, a module of keras.applications, or ""
    where that has no such network.
    channels, value_range: what comes out of it. rescales_for_imagenet: whether ImageNet weights need one
    more Rescaling after Normalization (keras.applications adds it only when it loads them itself).

    Weights. weights_url, weights_md5: of the file that keras.applications fetches. weights_data, weights_size: what
    they were trained on, and the side of its pictures in pixels. signature_layer: with weights, in no other network.
    torch_sha256, from_torch: of weights that are published as a file of PyTorch: its SHA-256, and what makes of its
    tensors by name those of each layer in Keras's order.

    Freezing and training. boundary_layer: the last non-trainable layer when ten are free. scratch_rate: share of the
    recipe's learning rate in a training from random weights. last_of_block: how the names of each residual block's
    last BatchNormalization end, whose gamma begins at 0 from random weights, so that the block begins as the identity
    (Goyal et al. 2017, arXiv 1706.02677, section 5.1).
    bfloat16_frozen, bfloat16_free, bfloat16_scratch: whether the frozen part, the free part, and a training of all
    layers are faster in bfloat16 on a CPU with AVX512-BF16. bfloat16_scores: whether the whole network is, with
    probabilities within 0.01 of float32's (docs/training.md, "Run forward").

    Heat maps. gradcam_layer: the last with a spatial grid. finer_gradcam_layer, finer_method: what sharpens the map
    of a small picture: a layer of four or eight times that grid through which everything flows ("" for none), and how
    its channels are weighted (explanation/grad_cam.py says how they were chosen).

    source: the paper. intended_use: what this row was checked for.
    """

    title: str
    colour: str
    line: Any
    default_place: int | None = None

    builder: Callable[..., Any]
    preprocess: Callable[[Any], Any]
    keras_module: str
    channels: Literal["RGB", "BGR"] = "RGB"
    value_range: tuple[float, float]
    rescales_for_imagenet: bool = False

    weights_url: str
    weights_md5: str
    weights_data: str
    weights_size: int
    signature_layer: str
    torch_sha256: str = ""
    from_torch: Callable[[Mapping[str, Any]], dict[str, list[Any]]] | None = None

    boundary_layer: str
    scratch_rate: float = 1.0
    last_of_block: tuple[str, ...] = ()
    bfloat16_frozen: bool
    bfloat16_free: bool
    bfloat16_scratch: bool
    bfloat16_scores: bool = False

    gradcam_layer: str
    finer_gradcam_layer: str = ""
    finer_method: Literal["grad-cam", "layer-cam"] = "grad-cam"

    source: str
    intended_use: str


def names() -> tuple[str, ...]:
    """All networks: those of a recipe that lists none first, in their order, then the others by name."""
    places = {found.name: _row(found.name).default_place for found in pkgutil.iter_modules(backbones.__path__)}
    return tuple(sorted(places, key=lambda name: (places[name] is None, places[name], name)))


def by_default() -> tuple[str, ...]:
    """The networks of a recipe that lists none."""
    return tuple(name for name in names() if _row(name).default_place is not None)


def row(name: str) -> Backbone:
    """The network of that name. Raises UsageError for one that has no file."""
    if name not in names():
        raise UsageError(f"No network {name!r}: known are {', '.join(names())}.")
    return _row(name)


def _row(name: str) -> Backbone:
    found: Backbone = importlib.import_module(f"{backbones.__name__}.{name}").ROW
    return found
