"""ResNet50 as keras.applications builds it: BGR with ImageNet's mean taken off, as Caffe had it."""

from __future__ import annotations

from typing import Any

from wrist_model.network.backbone import Backbone

MEAN_RGB = (123.68, 116.779, 103.939)  # keras.applications.resnet.preprocess_input


def build(**how: Any) -> Any:
    import keras

    return keras.applications.ResNet50(**how)


def preprocess(rgb: Any) -> Any:
    import keras

    # Grey stands in all three channels: turning RGB into BGR is putting the offsets in BGR's order.
    return keras.layers.Rescaling(1.0, offset=[-mean for mean in reversed(MEAN_RGB)], dtype="float32", name="caffe")(
        rgb
    )


# From random weights ResNet50's pooled features are large (2048 of mean 1.0; EfficientNetB0's: 1280 of 0.18), so that
# Adam at 1e-3 moves the dense layer's inputs by 2 a step and its ReLUs die: a loss of 0.693 for ever. Hence a third of
# the rate, and blocks that begin as the identity (Goyal et al. 2017, arXiv 1706.02677, section 5.1).
ROW = Backbone(
    title="ResNet50",
    colour="#0072B2",
    line="-",
    default_place=1,
    builder=build,
    preprocess=preprocess,
    keras_module="resnet",
    channels="BGR",
    value_range=(-MEAN_RGB[0], 255 - MEAN_RGB[2]),
    weights_url="https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    weights_md5="4d473c1dd8becc155b73f8504c6f6626",
    weights_data="ImageNet-1k (ILSVRC 2012)",
    weights_size=224,
    signature_layer="conv5_block3_3_conv",
    boundary_layer="conv5_block2_out",
    scratch_rate=0.3,
    last_of_block=("_3_bn",),
    bfloat16_frozen=True,
    bfloat16_free=True,
    bfloat16_scratch=True,
    gradcam_layer="conv5_block3_out",
    finer_gradcam_layer="conv3_block1_out",
    finer_method="grad-cam",
    source="He et al. 2016, Deep residual learning for image recognition, arXiv 1512.03385",
    intended_use="abnormal against normal radiographs of the wrist, in research; not for diagnosis",
)
