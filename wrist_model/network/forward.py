"""A network run forward: the one owner of how the frozen part and prediction compute on this machine.

By OpenVINO on a CPU; by TensorFlow on a GPU, where OpenVINO is not installed, and for whatever was locked with it.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wrist_model.errors import UsageError
from wrist_model.network import backbone, dtype_policy
from wrist_model.records import Forward

BATCH = 8
"""Pictures a call. Small, and several calls at once, each on a thread of its own: one's element-wise work beside
another's products, on activations nearer to the caches (5% to 10% faster than 32 at a time on two cores). Always that
many, the last ones repeated: kernels round by the shape of a batch, and what is stored of a picture must not depend on
how many others were missing with it. (They round by a picture's place in the batch, too: a store that was filled in
other portions gives features that differ in their last bits, a millionth of their range.)"""
TENSORFLOW = Forward("tensorflow", "f32")
log = logging.getLogger(__name__)


def preferred(architecture: str) -> Forward:
    """How this machine scores with a network whose operating points are not locked yet."""
    return choice("auto", backbone.row(architecture).bfloat16_scores)


def choice(wanted: dtype_policy.Precision, gains: bool) -> Forward:
    """The engine of this machine, with bfloat16 where that is `wanted`, or "auto" and the network gains from it."""
    bfloat16 = dtype_policy.policy(wanted, gains) == dtype_policy.MIXED
    here = openvino_is_here() and not dtype_policy.has_gpu() and (not bfloat16 or dtype_policy.cpu_has_bfloat16())
    return Forward("openvino" if here else "tensorflow", "bf16" if bfloat16 else "f32")


def as_locked(locked: Forward, model_version_id: str) -> Forward:
    """How this machine scores with a model whose operating points were locked so.

    The same; in float32, where OpenVINO is missing, TensorFlow (probabilities differ by less than 1e-4), and the log
    says so. Raises UsageError where it would have to be another precision: that moves decisions.
    """
    if is_possible(locked):
        return locked
    if locked.precision == "f32":
        log.warning(
            "%s scores through TensorFlow here: OpenVINO, which its thresholds were locked with, is missing.",
            model_version_id,
        )
        return TENSORFLOW
    raise UsageError(
        f"The thresholds of {model_version_id} were locked on OpenVINO's scores in bfloat16, which this machine can't "
        "give: it needs OpenVINO and a processor with AVX512-BF16 or AMX. Score there, or train a version here."
    )


def is_possible(way: Forward) -> bool:
    """Whether this machine can run a network forward so."""
    return way.engine == "tensorflow" or (
        openvino_is_here() and (way.precision == "f32" or dtype_policy.cpu_has_bfloat16())
    )


@functools.cache
def openvino_is_here() -> bool:
    """Whether OpenVINO is installed; where not, the log says once what that costs."""
    found = importlib.util.find_spec("openvino") is not None
    if not found:
        log.warning("OpenVINO is not installed: networks run forward through TensorFlow, which takes longer.")
    return found


def joined(ways: Sequence[Forward]) -> Forward:
    """A model version's way from its networks': what all have, or each one's in their order."""
    engines, precisions = [one.engine for one in ways], [one.precision for one in ways]
    return Forward(*(each[0] if len(set(each)) == 1 else ",".join(each) for each in (engines, precisions)))


def keras_policy(way: Forward) -> str:
    """Keras's dtype policy of the network that `function` takes: OpenVINO lowers precision itself."""
    return dtype_policy.MIXED if way == Forward("tensorflow", "bf16") else "float32"


def function(network: Any, way: Forward, *, fold: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """A Keras network, built under `keras_policy(way)`, as a function of uint8 (n, size, size, 1) with n <= BATCH.

    Gives float32 (n, …); to be called from several threads at once, one for each core. fold (TensorFlow's alone):
    variables become constants, and BatchNormalization is merged into the kernels, which OpenVINO does anyway.
    """
    run = _by_openvino(network, way.precision) if way.engine == "openvino" else _by_tensorflow(network, fold)

    def forward(x: np.ndarray) -> np.ndarray:
        full = np.concatenate([x, np.repeat(x[-1:], BATCH - len(x), axis=0)])
        return run(full)[: len(x)]

    return forward


def _traced(network: Any, batch: int | None) -> Any:
    import tensorflow as tf

    spec = tf.TensorSpec([batch, *network.input_shape[1:]], network.inputs[0].dtype)
    return tf.function(lambda x: tf.cast(network(x, training=False), tf.float32), input_signature=[spec])


def _by_tensorflow(network: Any, fold: bool) -> Callable[[np.ndarray], np.ndarray]:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    forward = _traced(network, None)
    if not fold:
        return lambda x: forward(x).numpy()
    concrete = convert_variables_to_constants_v2(forward.get_concrete_function())
    return lambda x: concrete(tf.constant(x))[0].numpy()


def _by_openvino(network: Any, precision: str) -> Callable[[np.ndarray], np.ndarray]:
    """One stream of one thread for each core: sums are then taken in the same order on any number of cores.

    Only the network's own output is kept: of each Swish Keras's graph has a second one, for its gradient, and to give
    all of them halves the speed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it reports each import to its maker
    import openvino

    cores = os.cpu_count() or 1
    graph = _traced(network, BATCH).get_concrete_function()
    converted = openvino.convert_model(graph)
    result = converted.output(graph.outputs[0].name).get_node()
    compiled = openvino.Core().compile_model(
        openvino.Model([result], converted.get_parameters()),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": cores,
            "INFERENCE_NUM_THREADS": cores,
            "ENABLE_CPU_PINNING": False,
        },
    )
    mine = threading.local()

    def run(x: np.ndarray) -> np.ndarray:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        return np.array(mine.request.infer([x])[0])

    return run
