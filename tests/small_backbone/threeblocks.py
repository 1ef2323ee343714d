"""A network of three blocks that is built, traced and trained in a second: for tests of what stands around networks."""

from __future__ import annotations

from typing import Any

from wrist_model.network.backbone import Backbone


def build(include_top: bool, weights: None, input_tensor: Any = None, input_shape: Any = None) -> Any:
    import keras

    begin = keras.Input(input_shape) if input_tensor is None else input_tensor
    x = begin
    for number, channels in enumerate((8, 16, 32), 1):
        x = keras.layers.Conv2D(channels, 3, 2, "same", use_bias=False, name=f"block{number}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"block{number}_bn")(x)
        x = keras.layers.Activation("relu", name=f"block{number}_relu")(x)
    return keras.Model(keras.utils.get_source_inputs(begin), x, name="threeblocks")


def preprocess(rgb: Any) -> Any:
    import keras

    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="between_minus_one_and_one")(rgb)


ROW = Backbone(
    title="Three blocks",
    colour="#445566",
    line=(0, (1, 1)),
    builder=build,
    preprocess=preprocess,
    keras_module="",
    value_range=(-1, 1),
    weights_url="",
    weights_md5="",
    weights_data="",
    weights_size=32,
    signature_layer="block3_conv",
    boundary_layer="block2_relu",
    bfloat16_frozen=False,
    bfloat16_free=False,
    bfloat16_scratch=False,
    gradcam_layer="block3_relu",
    source="tests",
    intended_use="tests",
)
