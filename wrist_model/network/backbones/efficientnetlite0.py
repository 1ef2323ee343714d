"""EfficientNet-Lite0: EfficientNetB0 without squeeze-and-excitation, with ReLU6; keras.applications has none.

Its ImageNet weights come from a Python package as PyTorch's file (docs/training.md, "EfficientNet-Lite0"): it states no
licence, so that benchmarks and `make soak` use it and nothing that Wrist installs does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wrist_model.network.backbone import Backbone

STAGES = (  # repeats, kernel, stride, expansion, channels: efficientnet_lite_builder.py of TensorFlow's TPU models
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
BLOCKS = sum(stage[0] for stage in STAGES)
DROP_CONNECT = 0.2


def blocks() -> Iterator[tuple[str, int, int, int, int]]:
    """Name, kernel, stride, expansion and channels of each block."""
    for number, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES, 1):
        for place in range(repeats):
            yield f"block{number}{chr(ord('a') + place)}", kernel, 1 if place else stride, expansion, channels


def build(include_top: bool, weights: None, input_tensor: Any = None, input_shape: Any = None) -> Any:
    """The layers up to the last activation, as those of keras.applications are called; random weights."""
    import keras

    if include_top or weights is not None:
        raise ValueError("keras.applications has no EfficientNet-Lite0; docs/training.md says where its weights are")
    layers = keras.layers
    drawn = {"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_out"}}

    def normalised(x: Any, name: str, activation: str | None = None) -> Any:
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        return layers.Activation("relu6", name=f"{name}_{activation}")(x) if activation else x

    def convolved(x: Any, channels: int, name: str, size: int = 1, stride: int = 1) -> Any:
        how = {"padding": "same", "use_bias": False, "kernel_initializer": drawn}
        return layers.Conv2D(channels, size, stride, name=name, **how)(x)

    begin = keras.Input(input_shape) if input_tensor is None else input_tensor
    x = normalised(convolved(begin, 32, "stem", 3, 2), "stem", "relu6")
    for number, (name, kernel, stride, expansion, channels) in enumerate(blocks()):
        entrance = x
        if expansion != 1:
            x = convolved(x, x.shape[-1] * expansion, f"{name}_expand")
            x = normalised(x, f"{name}_expand", "relu6")
        how = {"padding": "same", "use_bias": False, "depthwise_initializer": drawn}
        x = layers.DepthwiseConv2D(kernel, stride, name=f"{name}_depthwise", **how)(x)
        x = normalised(x, f"{name}_depthwise", "relu6")
        x = normalised(convolved(x, channels, f"{name}_project"), f"{name}_project")
        if x.shape == entrance.shape:
            share = DROP_CONNECT * number / BLOCKS
            x = layers.Dropout(share, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
            x = layers.Add(name=f"{name}_add")([x, entrance])
    x = normalised(convolved(x, 1280, "top"), "top", "relu6")
    return keras.Model(keras.utils.get_source_inputs(begin), x, name="efficientnetlite0")


def preprocess(rgb: Any) -> Any:
    import keras

    return keras.layers.Rescaling(1 / 128, offset=-127 / 128, dtype="float32", name="lite_rescaling")(rgb)


def from_torch(tensors: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Layer name → arrays in Keras's order, from the names and axes of efficientnet_lite_pytorch. Raises KeyError."""
    found: dict[str, list[Any]] = {}

    def normalisation(name: str, theirs: str) -> None:
        found[f"{name}_bn"] = [tensors[f"{theirs}.{one}"] for one in ("weight", "bias", "running_mean", "running_var")]

    def pair(name: str, convolution: str, theirs: str, axes: tuple[int, ...] = (2, 3, 1, 0)) -> None:
        found[name] = [tensors[f"{convolution}.weight"].transpose(axes)]
        normalisation(name, theirs)

    pair("stem", "_conv_stem", "_bn0")
    for number, (name, _, _, expansion, _) in enumerate(blocks()):
        block = f"_blocks.{number}."
        if expansion != 1:
            pair(f"{name}_expand", f"{block}_expand_conv", f"{block}_bn0")
        pair(f"{name}_depthwise", f"{block}_depthwise_conv", f"{block}_bn1", (2, 3, 0, 1))
        pair(f"{name}_project", f"{block}_project_conv", f"{block}_bn2")
    pair("top", "_conv_head", "_bn1")
    return found


ROW = Backbone(
    title="EfficientNet-Lite0",
    colour="#8F6B00",
    line=(0, (3, 1, 1, 1, 1, 1)),
    builder=build,
    preprocess=preprocess,
    keras_module="",
    value_range=(-127 / 128, 1.0),
    weights_url="",
    weights_md5="",
    torch_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    from_torch=from_torch,
    weights_data="ImageNet-1k (ILSVRC 2012)",
    weights_size=224,
    signature_layer="block7a_depthwise",
    boundary_layer="block7a_expand",
    last_of_block=("b_project_bn", "c_project_bn", "d_project_bn"),  # a block's first has no identity beside it
    bfloat16_frozen=False,
    bfloat16_free=False,
    bfloat16_scratch=False,
    gradcam_layer="top_relu6",
    source="Tan and Le 2019, EfficientNet, arXiv 1905.11946; its Lite variants: TensorFlow's TPU models, 2020",
    intended_use="abnormal against normal radiographs of the wrist, in research; not for diagnosis",
)
