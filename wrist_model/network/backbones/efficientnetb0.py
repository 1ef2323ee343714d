"""EfficientNetB0 as keras.applications builds it: RGB in [0, 255], scaled inside the network."""

from __future__ import annotations

from typing import Any

from wrist_model.network.backbone import Backbone


def build(**how: Any) -> Any:
    import keras

    return keras.applications.EfficientNetB0(**how)


def preprocess(rgb: Any) -> Any:
    return rgb


ROW = Backbone(
    title="EfficientNetB0",
    colour="#D55E00",
    line=(0, (5, 1.5)),
    default_place=2,
    builder=build,
    preprocess=preprocess,
    keras_module="efficientnet",
    value_range=(0, 255),
    rescales_for_imagenet=True,
    weights_url="https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5",
    weights_md5="50bc09e76180e00e4465e1a485ddc09d",
    weights_data="ImageNet-1k (ILSVRC 2012)",
    weights_size=224,
    signature_layer="block7a_project_conv",
    boundary_layer="block7a_activation",
    last_of_block=("b_project_bn", "c_project_bn", "d_project_bn"),  # a block's first has no identity beside it
    bfloat16_frozen=False,
    bfloat16_free=True,
    bfloat16_scratch=False,  # at 96 pixels 37 images a core second in float32, 26 in bfloat16
    gradcam_layer="top_activation",
    finer_gradcam_layer="block3a_expand_activation",
    finer_method="layer-cam",
    source="Tan and Le 2019, EfficientNet: rethinking model scaling, arXiv 1905.11946",
    intended_use="abnormal against normal radiographs of the wrist, in research; not for diagnosis",
)
