"""EfficientNet-Lite0 for tests without its weights: generated pictures and weights, and files as PyTorch writes them.

`tests/lite0/make_outputs.py` gives the same pictures and weights to PyTorch. NumPy alone.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

SIZE = 224
DICT = b"ccollections\nOrderedDict\n)R"


def _drawn(name: str, shape: Sequence[int]) -> np.ndarray:
    """float64 in [0, 1), a function of the name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return np.random.Generator(np.random.PCG64(seed)).random(tuple(shape))


def pictures() -> np.ndarray:
    """Three colour pictures, uint8 (3, 224, 224, 3): coarse patches over a slope."""
    slope = np.linspace(0, 90, SIZE)[:, None, None]
    patches = [np.kron(_drawn(f"picture {n}", (14, 14, 3)), np.ones((16, 16, 1))) for n in range(3)]
    return np.stack([(160 * each + slope) for each in patches]).astype(np.uint8)


def weights(name: str, shape: Sequence[int]) -> np.ndarray:
    """The numbers of one of PyTorch's tensors, float32: of a size that activations keep theirs through the network."""
    drawn = _drawn(name, shape)
    if name.endswith(("running_mean", "bias")):
        return (drawn - 0.5).astype(np.float32)
    if len(shape) == 1:
        return (drawn + 0.5).astype(np.float32)
    return ((2 * drawn - 1) * math.sqrt(6 / math.prod(shape[1:]))).astype(np.float32)


def shapes(blocks: Iterable[tuple[str, int, int, int, int]]) -> dict[str, tuple[int, ...]]:
    """PyTorch's names and shapes of the tensors up to the last activation. blocks: as the network's row has them."""
    found: dict[str, tuple[int, ...]] = {}

    def pair(convolution: str, normalisation: str, shape: tuple[int, ...]) -> None:
        found[f"{convolution}.weight"] = shape
        for one in ("weight", "bias", "running_mean", "running_var"):
            found[f"{normalisation}.{one}"] = shape[:1]

    pair("_conv_stem", "_bn0", (32, 3, 3, 3))
    entering = 32
    for number, (_, kernel, _, expansion, leaving) in enumerate(blocks):
        block, wide = f"_blocks.{number}.", entering * expansion
        if expansion != 1:
            pair(f"{block}_expand_conv", f"{block}_bn0", (wide, entering, 1, 1))
        pair(f"{block}_depthwise_conv", f"{block}_bn1", (wide, 1, kernel, kernel))
        pair(f"{block}_project_conv", f"{block}_bn2", (leaving, wide, 1, 1))
        entering = leaving
    pair("_conv_head", "_bn1", (1280, entering, 1, 1))
    return found


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integers(values: Iterable[int]) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    begin = b"(" + text("storage") + f"ctorch\n{kind}\n".encode()
    return begin + text(key) + text("cpu") + b"J" + struct.pack("<i", count) + b"NtQ"


def tensor(stored: bytes, offset: int, shape: Sequence[int], stride: Sequence[int]) -> bytes:
    """Opcodes that put a tensor on the stack."""
    where = b"J" + struct.pack("<i", offset) + integers(shape) + integers(stride)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + stored + where + b"\x89" + DICT + b"tR"


def named(pairs: Mapping[str, bytes]) -> bytes:
    """The pickle of a dict of names and what these opcodes put on the stack."""
    return b"\x80\x02" + DICT + b"".join(text(name) + value + b"s" for name, value in pairs.items()) + b"."


def file(pickled: bytes, storages: Mapping[str, np.ndarray], **machine: Any) -> bytes:
    """A file as `torch.save` wrote them before version 1.6."""
    begin: list[Any] = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, **machine}]
    parts = [*(pickle.dumps(one, 2) for one in begin), pickled, pickle.dumps(list(storages), 2)]
    return b"".join([*parts, *(struct.pack("<q", one.size) + one.tobytes() for one in storages.values())])


def torch_file(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Those arrays, each in a storage of its own."""
    keys = {name: str(number) for number, name in enumerate(arrays)}
    steps = {
        name: [int(step) // each.itemsize for step in np.ascontiguousarray(each).strides]
        for name, each in arrays.items()
    }
    pairs = {name: tensor(storage(keys[name], each.size), 0, each.shape, steps[name]) for name, each in arrays.items()}
    return file(named(pairs), {keys[name]: each for name, each in arrays.items()})
