"""Where a backbone's first weights come from: Keras's ImageNet, a file, or nowhere. Hash and origin are kept.

Origin decides the graph: weights that go back to ImageNet may need one more Rescaling, others do not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model import regular_file
from wrist_model.errors import Refused, WeightsError
from wrist_model.network import backbone, file_bounds, torch_file
from wrist_model.network.assemble import Network, has_imagenet_rescaling, with_imagenet_rescaling
from wrist_model.network.finite_weights import non_finite
from wrist_model.network.keras_file import first_line

WAYS_OUT = (
    'Two ways out: weights = "<path to a .keras or .weights.h5 file>", or weights = "none" '
    "(trains all layers from scratch; the results say so)."
)


@dataclass(frozen=True)
class Weights:
    """source: "imagenet", "none" or "file:<sha256>". tensors: layer name → arrays, or None for "none".

    origin: "imagenet" where the weights go back to ImageNet's, "scratch" otherwise.
    """

    source: str
    sha256: str | None
    origin: str
    tensors: dict[str, list[np.ndarray]] | None


def resolve(spec: str, architecture: str) -> Weights:
    """Find what a recipe's `weights` names, for one backbone. Raises WeightsError with what to do about it.

    Weights that are NaN or infinite are refused too.

    `{architecture}` in a path stands for the network's name, so that one recipe can name a file for each.
    """
    if spec == "none":
        return Weights("none", None, "scratch", None)
    if spec == "imagenet":
        return _imagenet(architecture)
    return _file(Path(spec.replace("{architecture}", architecture)).expanduser(), architecture)


def apply(weights: Weights, network: Network) -> None:
    """Put the weights into the backbone's layers. Raises WeightsError where a layer is missing or has another shape."""
    if weights.tensors is None:
        return
    for layer in network.backbone_layers:
        if not layer.weights:
            continue
        name = _key(layer)
        arrays = weights.tensors.get(name)
        if arrays is None:
            raise WeightsError(f"{weights.source} holds no {network.architecture}: its layer {name!r} is missing.")
        try:
            layer.set_weights(arrays)
        except ValueError as error:
            raise WeightsError(
                f"{weights.source} holds no {network.architecture}: layer {name!r} has another shape ({error})."
            ) from None


def digest(arrays: list[np.ndarray]) -> str:
    """SHA-256 of weight tensors with their shapes and dtypes, in order."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _key(layer: Any) -> str:
    # The one weighted layer that keras.applications leaves unnamed, so that its name counts up.
    return "normalization" if type(layer).__name__ == "Normalization" else layer.name


def _tensors(model: Any) -> dict[str, list[np.ndarray]]:
    return {_key(layer): layer.get_weights() for layer in model.layers if layer.weights}


def _imagenet(architecture: str) -> Weights:
    row = backbone.row(architecture)
    size = row.weights_size
    try:
        model = row.builder(include_top=False, weights="imagenet", input_shape=(size, size, 3))
    except Exception as error:  # urllib, ssl, socket, a truncated cache: Keras raises whatever it met
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{architecture}: Keras can't fetch its ImageNet weights ({cause}). {WAYS_OUT}") from None
    tensors = _tensors(model)
    _finite(tensors, f"{architecture}'s ImageNet weights, as Keras fetched them")
    return Weights("imagenet", digest(model.get_weights()), "imagenet", tensors)


def _file(path: Path, architecture: str) -> Weights:
    if not path.is_file():
        raise WeightsError(
            f'weights = "{path}": no such file. Allowed are "imagenet", "none", or the path of a .keras or .weights.h5 '
            "(for some networks also of a .pth: docs/training.md)."
        )
    try:
        content = regular_file.read(path, file_bounds.MOST_BYTES)
    except (OSError, Refused) as error:
        raise WeightsError(f'weights = "{path}": can\'t be read ({first_line(error)}).') from None
    sha256 = hashlib.sha256(content).hexdigest()
    if path.name.endswith(".keras"):
        tensors, imagenet = _from_keras(path, architecture)
    elif path.name.endswith(".h5"):
        tensors, imagenet = _from_h5(path, architecture)
    elif path.name.endswith(".pth"):
        tensors, imagenet = _from_torch(path, content, sha256, architecture), True
    else:
        raise WeightsError(f"{path}: weights come as .keras or .weights.h5, not as {path.suffix or 'a bare file'!r}.")
    _finite(tensors, str(path))
    return Weights(f"file:{sha256}", sha256, "imagenet" if imagenet else "scratch", tensors)


def _from_keras(path: Path, architecture: str) -> tuple[dict[str, list[np.ndarray]], bool]:
    import keras

    try:
        file_bounds.check_keras(path)
        model = keras.models.load_model(path, compile=False)
    except file_bounds.TooLarge as error:
        raise WeightsError(f"{path}: too large for a network. {error}") from None
    except Exception as error:  # RecursionError, ModuleNotFoundError: Keras raises whatever it meets in a file
        raise WeightsError(f"{path}: damaged, or not a Keras file ({first_line(error)}).") from None
    tensors = _tensors(model)
    _belongs(tensors, architecture, path)
    return tensors, has_imagenet_rescaling(model)


def _from_h5(path: Path, architecture: str) -> tuple[dict[str, list[np.ndarray]], bool]:
    """A backbone's own weights (`include_top=False`), by `save_weights` or Keras's download.

    The file holds no graph: its origin is the attribute `wrist_origin`, or else what Normalization holds: ImageNet's
    mean, or nothing learned (mean 0).
    """
    import h5py

    row = backbone.row(architecture)
    try:
        with h5py.File(path, "r") as file:
            origin = file.attrs.get("wrist_origin")
        file_bounds.check_h5(path)
    except file_bounds.TooLarge as error:
        raise WeightsError(f"{path}: too large for a network. {error}") from None
    except Exception as error:
        raise WeightsError(f"{path}: damaged, or not an HDF5 file ({first_line(error)}).") from None
    model = row.builder(include_top=False, weights=None, input_shape=(row.weights_size, row.weights_size, 3))
    refused = []
    for candidate in (model, with_imagenet_rescaling(model)) if row.rescales_for_imagenet else (model,):
        try:
            candidate.load_weights(path)
            break
        except Exception as error:
            refused.append(first_line(error))
    else:
        raise WeightsError(f"{path}: holds no {architecture} without its top, or is damaged ({refused[0]}).")
    tensors = _tensors(candidate)
    learned = any(np.any(each[0]) for name, each in tensors.items() if name == "normalization")
    return tensors, (origin == "imagenet") if origin is not None else learned


def _from_torch(path: Path, content: bytes, sha256: str, architecture: str) -> dict[str, list[np.ndarray]]:
    row = backbone.row(architecture)
    if row.from_torch is None:
        raise WeightsError(f"{path}: weights of {architecture} come as .keras or .weights.h5, not as PyTorch's .pth.")
    if sha256 != row.torch_sha256:
        raise WeightsError(
            f"{path}: not the published weights of {architecture}: its SHA-256 is {sha256[:12]}…; expected "
            f"{row.torch_sha256[:12]}…. Fetch the file again (docs/training.md)."
        )
    try:
        return row.from_torch(torch_file.tensors(content))
    except (torch_file.NotTensors, KeyError) as error:
        raise WeightsError(f"{path} holds no {architecture} ({first_line(error)}).") from None


def _finite(tensors: dict[str, list[np.ndarray]], place: str) -> None:
    bad = non_finite((name, array) for name, arrays in tensors.items() for array in arrays)
    if bad:
        raise WeightsError(f"{place}: weights that are NaN or infinite, in the layers {bad}. {WAYS_OUT}")


def _belongs(tensors: dict[str, list[np.ndarray]], architecture: str, path: Path) -> None:
    for name in backbone.names():
        if name != architecture and backbone.row(name).signature_layer in tensors:
            raise WeightsError(f"{path} holds {name}, not {architecture}: give each network its own file.")
    layer = backbone.row(architecture).signature_layer
    if layer not in tensors:
        raise WeightsError(f"{path} holds no {architecture}: its layer {layer!r} is missing.")
