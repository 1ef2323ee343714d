"""What a coded frame says of itself, and whether it is whole: JPEG (ITU T.81), JPEG-LS (T.87), JPEG 2000 (T.800).

A decoder may be lenient: half a picture comes out with its rest grey, and no word said. So the structure is walked to
its end here, before anything is decoded; `with_junk` is for what only decoding can tell.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Literal

Kind = Literal["jpeg", "lossless jpeg", "jpeg-ls", "jpeg 2000", "htj2k"]

STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")
"""How a JPEG or JPEG-LS, and a JPEG 2000 codestream begin."""
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # what ends T.81's coded data: neither stuffing nor a restart
_LS_MARKER = re.compile(rb"\xff[\x80-\xfe]")  # T.87 stuffs one bit, so a byte below 0x80 follows
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_JUNK = bytes((37 * n * n + 91 * n) % 251 + 1 for n in range(1024))  # never 0xFF
_PACKETS = b"\xfd\xb5\x77" * 64  # to JPEG 2000, packets that aren't empty: their first bit is set (T.800 B.10.3)


@dataclass(frozen=True)
class Codestream:
    """rows, columns, components and bits a sample as coded; signed: JPEG 2000 alone can be. end: where it ends, in
    bytes; missing: what it lacks to be whole, or None; open_ended: a tile of JPEG 2000 states no length."""

    kind: Kind
    rows: int
    columns: int
    components: int
    bits: int
    signed: bool = False
    end: int = 0
    missing: str | None = None
    progressive: bool = False
    open_ended: bool = False


def parse(stream: bytes) -> Codestream | None:
    """A codestream's own header, and whether it comes to its end; None for one of another kind (RLE, MPEG)."""
    if stream[:3] == STARTS[0]:
        return _jpeg(stream)
    return _jpeg_2000(stream, 0) if stream[:4] == STARTS[1] else None


def unboxed(stream: bytes) -> bytes:
    """The codestream that some wrap in JP2's boxes (T.800 Annex I); any other is given as it is.

    Boxes state a size, components and a palette of their own, and may hold another codestream before the one that a
    decoder finds: it gets what was looked at here, and nothing else.
    """
    at = stream[:4096].find(STARTS[1]) if stream[4:8] == b"jP  " else -1
    return stream[at:] if at > 0 else stream


def with_junk(stream: bytes, end: int) -> bytes:
    """The codestream with bytes put in before its end marker.

    A decoder that had all of the picture by then passes them over; one that lacked something takes them for it, and
    gives another picture, or fails.
    """
    junk = _PACKETS if stream.startswith(STARTS[1]) else _JUNK
    return stream[: end - 2].rstrip(b"\xff") + junk + stream[end - 2 :]


def _jpeg(stream: bytes) -> Codestream:
    """Walk the markers of ITU T.81 Annex B: segments have lengths, coded data run up to the next marker."""
    at, frame, missing, end, restarts, scans = 2, (0, 0, 0, 0, 0), "its end marker", len(stream), 0, []
    progressive, parameters = False, b""
    while at + 2 <= len(stream):
        at = stream.find(b"\xff", at)  # decoders pass over what lies between two segments
        if not 0 <= at < len(stream) - 1:
            break
        marker = stream[at + 1]
        if marker in (0x00, 0xFF):
            at += 1
            continue
        if marker == _END[1]:
            missing, end = "", at + 2
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
            continue
        size = int.from_bytes(stream[at + 2 : at + 4], "big")
        body = stream[at + 4 : at + 2 + size]
        if size < 2 or len(body) < size - 2:
            break
        if (marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC))) and len(body) >= 6:
            bits, rows, columns, components = struct.unpack(">BHHB", body[:6])
            parameters = body
            frame, progressive = (marker, rows, columns, components, bits), marker in (0xC2, 0xC6, 0xCA, 0xCE)
        elif marker == 0xDD and len(body) >= 2:
            restarts = int.from_bytes(body[:2], "big")
        at += 2 + size
        if marker == 0xDA:
            begun = at
            found = (_LS_MARKER if frame[0] == 0xF7 else _MARKER).search(stream, at)
            at = found.start() if found else len(stream)
            scans.append((body, begun, at))
    marker, rows, columns, components, bits = frame
    kind: Kind = "jpeg"
    if marker == 0xF7:
        kind = "jpeg-ls"
    elif marker in (0xC3, 0xC7, 0xCB, 0xCF):
        kind = "lossless jpeg"
    if not missing and len(parameters) < 6:
        missing = "its frame header"
    elif not missing:
        missing = _lacks(stream, parameters, scans, restarts, kind, progressive)
    return Codestream(kind, rows, columns, components, bits, False, end, missing or None, progressive)


def _lacks(
    stream: bytes, frame: bytes, scans: list[tuple[bytes, int, int]], interval: int, kind: Kind, progressive: bool
) -> str:
    """What a closed JPEG lacks by its scans: one of them, a coefficient's last bit, or data after a restart marker.

    frame: the frame header's parameters (T.81 B.2.2). scans: each one's parameters (B.2.3), where it begins and ends.
    """
    if not scans or any(begun == end for _, begun, end in scans):
        return "its coded data"
    rows, columns, count = struct.unpack(">HHB", frame[1:6])
    factors = {frame[6 + 3 * n]: divmod(frame[7 + 3 * n], 16) for n in range(count) if len(frame) >= 9 + 3 * n}
    met: dict[int, set[int]] = {name: set() for name in factors}
    for body, begun, end in scans:
        names = [body[1 + 2 * n] for n in range(body[0]) if len(body) > 4 + 2 * n] if body else []
        if not names or any(name not in factors for name in names):
            return "a component"
        first, last, approximation = body[-3:]
        for name in names:
            if not progressive:
                met[name].update(range(64))
            elif approximation & 15 == 0:  # T.81 G.1.1.1.2: the lowest bit of these coefficients has come
                met[name].update(range(first, min(last, 63) + 1))
        if interval and kind != "jpeg-ls":
            units = _units(rows, columns, factors, names, 1 if kind == "lossless jpeg" else 8)
            if len(_RESTART.findall(stream, begun, end)) < -(-units // interval) - 1:
                return "its data after a restart marker"
    if any(len(coefficients) < 64 for coefficients in met.values()):
        return "its last scans"
    return ""


def _units(rows: int, columns: int, factors: dict[int, tuple[int, int]], names: list[int], size: int) -> int:
    """The minimum coded units of a scan (T.81 A.2): of all components together, or the blocks of one."""
    across, down = (max(1, max(factor[n] for factor in factors.values())) for n in (0, 1))
    if len(names) == 1:
        wide, high = factors[names[0]]
        columns, rows = -(-columns * wide // across), -(-rows * high // down)
        across = down = 1
    return -(-columns // (size * across)) * -(-rows // (size * down))


def _jpeg_2000(stream: bytes, begun: int) -> Codestream:
    """SIZ (T.800 A.5.1), then each tile-part by its length (A.4.2): all tiles are to be there, and EOC (A.4.4)."""
    if len(stream) < begun + 46:
        return Codestream("jpeg 2000", 0, 0, 0, 0, missing="its main header")
    ability, x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0, components = struct.unpack(
        ">HIIIIIIIIH", stream[begun + 6 : begun + 42]
    )
    depth = stream[begun + 42]
    tiles = -(-(x1 - tile_x0) // max(1, tile_x)) * -(-(y1 - tile_y0) // max(1, tile_y))
    at, met, missing, end, open_ended = begun + 2, set[int](), "its end marker", len(stream), False
    while at + 4 <= len(stream) or stream[at : at + 2] == _END:
        marker, size = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at] != 0xFF:
            missing = "its structure between two markers"
            break
        if marker == _END[1]:
            missing, end = ("" if len(met) >= tiles else "some of its tiles"), at + 2
            break
        if marker == 0x90 and at + 12 <= len(stream):  # SOT
            tile, length = struct.unpack(">HI", stream[at + 4 : at + 10])
            met.add(tile)
            if length == 0:  # up to the end marker
                open_ended = True
                last = stream.rstrip(b"\0")
                if last.endswith(_END):
                    at = len(last) - 2
                    continue
                break
            if length < 12 or at + length > len(stream):
                missing = "the rest of a tile"
                break
            at += length
            continue
        if marker == 0x93 or size < 2:
            break
        at += 2 + size
    kind: Kind = "htj2k" if ability & 0x4000 else "jpeg 2000"
    rows, columns, bits, signed = y1 - y0, x1 - x0, (depth & 127) + 1, bool(depth & 128)
    return Codestream(kind, rows, columns, components, bits, signed, end, missing or None, open_ended=open_ended)
