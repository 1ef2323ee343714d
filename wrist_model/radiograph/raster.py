"""The PNG container (PNG, third edition, sections 5 and 11): chunks are checked, and image data is inflated at once.

Pillow inflates a row at a time, which keeps zlib from its fast path (N. Tao, "The Fastest, Safest PNG Decoder in the
World", 2021), and checks neither the image data's CRC nor that the end is there. So the chunks are walked here, and
ISA-L inflates the data whole; Pillow gets the same PNG with its data stored uncompressed, and makes the pixels.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from isal import isal_zlib
from PIL import Image

from wrist_model.errors import Refused

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_INFLATED = 64 << 20
"""The most bytes that are inflated at once: a grey picture of 8 bits, as large as is decoded. They are held twice."""
_PIECE = 1 << 20
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


def check(data: bytes) -> None:
    """Raises Refused (`truncated`, `damaged`) unless all chunks are there to the end, each with its CRC right."""
    view = memoryview(data)
    for name, start, end in _chunks(data):
        if end > len(data):
            raise Refused("truncated", "The PNG ends in the middle of a chunk: the file was cut short.")
        if zlib.crc32(view[start + 4 : end - 4]) != struct.unpack(">I", view[end - 4 : end])[0]:
            raise Refused("damaged", "A chunk of the PNG fails its checksum: the file was altered or badly copied.")
        if start == len(SIGNATURE) and name != b"IHDR":
            raise Refused("damaged", "The PNG has no header chunk.")
        if name == b"IEND":
            return
    raise Refused("truncated", "The PNG ends before its end chunk: the file was cut short.")


def inflated(data: bytes) -> io.BytesIO:
    """The same PNG, to be read, with its image data stored. What can't be inflated whole is given as it is, for Pillow
    to judge: damaged, interlaced, or of more than MAX_INFLATED bytes."""
    expected = _inflated_size(data)
    run = [(start, end) for name, start, end in _chunks(data) if name == b"IDAT" and end <= len(data)]
    if not 0 < expected <= MAX_INFLATED or not run or any(a[1] != b[0] for a, b in pairwise(run)):
        return io.BytesIO(data)
    view = memoryview(data)
    try:
        packed = b"".join(view[start + 8 : end - 4] for start, end in run)
        raw = isal_zlib.decompressobj().decompress(packed, expected)
    except isal_zlib.error:  # type: ignore[misc]  # its stub calls the class an instance
        return io.BytesIO(data)
    if len(raw) != expected:
        return io.BytesIO(data)
    stored = zlib.compress(raw, 0)
    length, crc = struct.pack(">I", len(stored)), struct.pack(">I", zlib.crc32(stored, zlib.crc32(b"IDAT")))
    whole = io.BytesIO()
    whole.writelines((view[: run[0][0]], length, b"IDAT", stored, crc, view[run[-1][1] :]))
    whole.seek(0)
    return whole


def check_rows(data: bytes) -> None:
    """Raises Refused `truncated` unless the image data inflate to all rows of a PNG that has been decoded: Pillow takes
    data that end well, but early, for whole where their end falls between two of its reads."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    left = sum(
        rows * (1 + -(-columns * depth * _CHANNELS[colour] // 8))
        for *_, rows, columns in _passes(width, height, interlaced)
    )
    inflate = isal_zlib.decompressobj()
    for name, start, end in _chunks(data):
        packed = memoryview(data)[start + 8 : end - 4] if name == b"IDAT" else b""
        while len(packed) and left > 0 and not inflate.eof:
            rows = inflate.decompress(packed, _PIECE)
            left -= len(rows)
            packed = inflate.unconsumed_tail if rows else b""
    if left > 0:
        raise Refused("truncated", "The PNG ends before its picture does: it was cut short.")


def sixteen_bits(data: bytes) -> np.ndarray | None:
    """uint16 (height, width, 2 to 4) of a 16-bit PNG with alpha or colour, of which Pillow keeps 8 bits; else None.

    Filters (section 9) work byte by byte at a pixel's distance: each byte's plane is a grey PNG of 8 bits.
    """
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR" or data[24] != 16 or data[25] not in (2, 4, 6):
        return None
    width, height, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    size = 2 * _CHANNELS[colour]
    passes = list(_passes(width, height, interlaced))
    expected = sum(rows * (1 + columns * size) for *_, rows, columns in passes)
    packed = b"".join(data[start + 8 : end - 4] for name, start, end in _chunks(data) if name == b"IDAT")
    raw = np.frombuffer(zlib.decompressobj().decompress(packed, expected), np.uint8)
    if len(raw) != expected:
        raise Refused("truncated", "The PNG ends before its picture does: it was cut short.")
    whole, at = np.zeros((height, width, size), np.uint8), 0
    for x, y, dx, dy, rows, columns in passes:
        lines = raw[at : at + rows * (1 + columns * size)].reshape(rows, -1)
        at += lines.size
        for byte in range(size):
            plane = np.concatenate([lines[:, :1], lines[:, 1 + byte :: size]], axis=1)
            whole[y::dy, x::dx, byte] = _unfiltered(plane.tobytes(), columns, rows)
    return whole.view(">u2").astype(np.uint16)


_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # section 8


def _passes(width: int, height: int, interlaced: int) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Where each pass begins, its steps, its rows and columns; empty ones are left out (section 8)."""
    for x, y, dx, dy in _ADAM7 if interlaced else _WHOLE:
        if x < width and y < height:
            yield x, y, dx, dy, -(-(height - y) // dy), -(-(width - x) // dx)


def _unfiltered(rows: bytes, width: int, height: int) -> np.ndarray:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    with Image.open(io.BytesIO(SIGNATURE + b"".join(chunks)), formats=("PNG",)) as image:
        return np.asarray(image)


def _inflated_size(data: bytes) -> int:
    """Bytes of filtered rows that the header promises (sections 7 and 11.2.1); 0 for an interlaced or odd one."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        return 0
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if interlaced or colour not in _CHANNELS:
        return 0
    return int(height * (1 + (width * depth * _CHANNELS[colour] + 7) // 8))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's name, and where it starts and ends (which may be past the end of the data)."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at, at + 12 + length
        at += 12 + length
