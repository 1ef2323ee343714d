"""Named tensors out of a file that PyTorch saved, without PyTorch: a pickle that may hold tensors and nothing else.

The format is that of `torch.save` before PyTorch 1.6 (`torch.serialization._legacy_load`): five pickles (magic number,
protocol, machine, content, keys of the storages), then each storage as its length and its numbers. A pickle can call
whatever it names. Here it is first held to the few opcodes that such files have, and then can name a dict, two kinds of
storage and what puts a tensor on one.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any, NamedTuple

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
KINDS = {"FloatStorage": "<f4", "LongStorage": "<i8"}
_OPCODES = frozenset(
    """PROTO STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINUNICODE EMPTY_DICT EMPTY_LIST EMPTY_TUPLE
    TUPLE TUPLE1 TUPLE2 TUPLE3 SETITEM SETITEMS APPEND APPENDS BINPUT LONG_BINPUT BINGET LONG_BINGET GLOBAL REDUCE BUILD
    BINPERSID""".split()  # noqa: SIM905
)
_COUNT = np.dtype("<i8")


class NotTensors(Exception):
    """The file is no such file, or holds more than tensors; says what."""


class _Storage(NamedTuple):
    kind: str
    key: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Names(dict[str, Any]):
    """In OrderedDict's place. PyTorch gives it an attribute of version numbers, which is passed over."""

    def __setstate__(self, state: object) -> None: ...


class _Rebuild:
    """In `torch._utils._rebuild_tensor_v2`'s place. Without a dict, so that no pickle can change it."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: object) -> _Tensor:
        numbers = [offset, *(shape or ()), *(stride or ())]
        if type(storage) is not _Storage or any(type(each) is not int or each < 0 for each in numbers):
            raise NotTensors("a tensor without a storage, or of a shape that is none")
        return _Tensor(storage, offset, tuple(shape), tuple(stride))


_KNOWN = {
    ("collections", "OrderedDict"): _Names,
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
    **{("torch", name): kind for name, kind in KINDS.items()},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise NotTensors(f"it names {module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) != 6:
            raise NotTensors("a storage that is described otherwise than PyTorch does")
        word, kind, key, _, count, view = pid
        sound = (word, view) == ("storage", None) and kind in KINDS.values()
        if not sound or type(key) is not str or type(count) is not int or count < 0:
            raise NotTensors("a storage that is described otherwise than PyTorch does")
        return _Storage(kind, key, count)


def tensors(content: bytes) -> dict[str, np.ndarray]:
    """Name → tensor, float32 or int64, read-only views of `content`.

    Raises NotTensors for anything else than such a file; nothing that it names is imported or called.
    """
    try:
        return _tensors(content)
    except NotTensors:
        raise
    except Exception as error:  # whatever pickle raises for bytes that are none
        raise NotTensors(f"damaged, or not a file that PyTorch saved ({type(error).__name__})") from None


def _tensors(content: bytes) -> dict[str, np.ndarray]:
    magic, at = _object(content, 0)
    if magic != MAGIC:
        raise NotTensors("not a file that PyTorch saved before version 1.6")
    protocol, at = _object(content, at)
    machine, at = _object(content, at)
    if protocol != PROTOCOL or machine.get("little_endian") is not True:
        raise NotTensors("a file of another protocol or byte order")
    named, at = _object(content, at)
    keys, at = _object(content, at)
    for name, tensor in named.items():
        if type(name) is not str or type(tensor) is not _Tensor:
            raise NotTensors(f"{str(name)[:60]!r}, which is no tensor")
    storages = {tensor.storage.key: tensor.storage for tensor in named.values()}
    found = {}
    for key in keys:
        storage = storages.pop(key)
        numbers = at + _COUNT.itemsize
        if int(np.frombuffer(content, _COUNT, 1, at)[0]) != storage.length:
            raise NotTensors(f"storage {key[:60]!r} has another length than its tensors say")
        found[key] = storage, np.frombuffer(content, storage.kind, storage.length, numbers)
        at = numbers + found[key][1].nbytes
    if at != len(content):
        raise NotTensors(f"{len(content) - at} bytes after its last storage")
    return {name: _placed(tensor, *found[tensor.storage.key]) for name, tensor in named.items()}


def _placed(tensor: _Tensor, storage: _Storage, numbers: np.ndarray) -> np.ndarray:
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride, strict=True))
    size = math.prod(tensor.shape)
    if tensor.storage != storage or size > storage.length or (size and last >= storage.length):
        raise NotTensors("a tensor that reaches beyond its storage")
    steps = tuple(numbers.itemsize * step for step in tensor.stride)
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, steps, writeable=False)


def _object(content: bytes, at: int) -> tuple[Any, int]:
    """The object of the pickle that begins at a place, and where it ends."""
    stream = io.BytesIO(content)
    stream.seek(at)
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name not in _OPCODES:
            raise NotTensors(f"its pickle has the opcode {opcode.name}")
        if opcode.name == "LONG_BINPUT" and (argument or 0) > len(content):  # pickle makes a list as long as that
            raise NotTensors("its pickle numbers an object beyond the file's length")
    return _Unpickler(io.BytesIO(content[at : stream.tell()])).load(), stream.tell()
