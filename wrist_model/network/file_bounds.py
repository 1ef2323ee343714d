"""How much a file of weights would take, found before any of it is built or read.

A file of a few kilobytes can name a layer of 20 GiB, and a compressed one can hold it.
"""

from __future__ import annotations

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np

MOST_BYTES = 1 << 30
"""Bytes of a network's weights. ResNet50's are 94 MB, the largest of keras.applications (VGG19 with its top) 575 MB."""
MOST_CONFIG = 32 << 20
"""Bytes of the JSON that describes a network. EfficientNetB7's has one."""


class TooLarge(Exception):
    """The file would take more than a network may; says what."""


def check_keras(path: Path) -> None:
    """Raises TooLarge for a .keras file whose graph, stored arrays or packed content are more than a network has.

    Raises whatever zipfile, json, h5py and Keras raise for a file that is none.
    """
    with zipfile.ZipFile(path) as file:
        packed = {each.filename: each.file_size for each in file.infolist()}
        _refuse(sum(packed.values()), "The file unpacks to")
        if packed["config.json"] > MOST_CONFIG:
            raise TooLarge(f"Its config.json has {packed['config.json']} bytes; expected at most {MOST_CONFIG}.")
        config = json.loads(file.read("config.json"))
        check_h5(io.BytesIO(file.read("model.weights.h5")))
    # Keras keeps what is unfinished of a thread's networks in that thread: with this one all of it goes.
    with ThreadPoolExecutor(1) as thread:
        _refuse(thread.submit(_graph_bytes, config).result(), "The network that it describes has weights of")


def check_h5(path: Path | IO[bytes]) -> None:
    """Raises TooLarge for an HDF5 file whose arrays, as they state their shapes, are more than a network has."""
    import h5py

    held = 0

    def add(_name: str, item: Any) -> None:
        nonlocal held
        if isinstance(item, h5py.Dataset):
            held += item.size * item.dtype.itemsize if item.size else 0

    with h5py.File(path, "r") as file:
        file.visititems(add)
    _refuse(held, "Its arrays have")


def _graph_bytes(config: dict[str, Any]) -> int:
    """Bytes of a network's weights, by shapes alone: in a stateless scope Keras makes no variable's value."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        network = keras.saving.deserialize_keras_object(config, safe_mode=True)
    return sum(int(np.prod(each.shape, dtype=object)) * 4 for each in network.weights)


def _refuse(size: int, what: str) -> None:
    if size > MOST_BYTES:
        raise TooLarge(f"{what} {size / 2**30:.1f} GiB; expected at most {MOST_BYTES / 2**30:.0f}.")
