"""MobileNetV2 as a network's whole row: what a developer writes who adds one, and all that is written."""

from __future__ import annotations

from typing import Any

from wrist_model.network.backbone import Backbone


def build(**how: Any) -> Any:
    import keras

    return keras.applications.MobileNetV2(**how)


def preprocess(rgb: Any) -> Any:
    import keras

    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="between_minus_one_and_one")(rgb)


ROW = Backbone(
    title="MobileNetV2",
    colour="#8A3A6A",
    line=(0, (3, 1, 1, 1)),
    builder=build,
    preprocess=preprocess,
    keras_module="mobilenet_v2",
    value_range=(-1, 1),
    weights_url="https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    weights_md5="",  # keras.applications checks none
    weights_data="ImageNet-1k (ILSVRC 2012)",
    weights_size=224,
    signature_layer="block_16_project",
    boundary_layer="block_16_expand",
    bfloat16_frozen=False,
    bfloat16_free=False,
    bfloat16_scratch=False,
    gradcam_layer="out_relu",
    finer_gradcam_layer="block_6_expand_relu",
    source="Sandler et al. 2018, MobileNetV2: inverted residuals and linear bottlenecks, arXiv 1801.04381",
    intended_use="a test",
)
