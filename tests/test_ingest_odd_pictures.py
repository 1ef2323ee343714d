"""PNG and JPEG at their edges: early ends that decoders take for whole, what lies behind, transparent greys."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests import dicom_files
from wrist_model.errors import Refused
from wrist_model.radiograph import codestream, decode, raster
from wrist_model.radiograph.picture import pixel_sha256
from wrist_model.records import ImageRef

NOISE = np.random.default_rng(7)


def one(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    (decoded,) = decode.decode(tmp_path / "x")
    return decoded


def refused(tmp_path, content):
    with pytest.raises(Refused) as caught:
        one(tmp_path, content)
    return caught.value.reason_code


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(rows, depth, width, height, extra=b"", level=-1):
    """A grey PNG of this depth from its filtered rows, bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    data = zlib.compress(rows, level)
    return raster.SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def lines(values):
    return b"".join(b"\0" + line.tobytes() for line in values)


@pytest.mark.parametrize("height", [700, 1400])
def test_a_large_png_that_was_closed_early_is_truncated(tmp_path, height):
    """Pillow takes it for whole where its data end with a block that it read: some of these heights, not all."""
    grey = np.add.outer(np.arange(1500), np.arange(1200)).astype(np.uint8)
    whole = png(lines(grey), 8, 1200, 1500)
    assert np.array_equal(one(tmp_path, whole).pixels, grey)
    for level in (1, 9):
        early = png(lines(grey[:height]), 8, 1200, 1500, level=level)
        assert refused(tmp_path, early) == "truncated"


@pytest.mark.parametrize("size", [(316, 150), (321, 152), (311, 137)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_that_lost_its_last_bytes_is_truncated(tmp_path, size, mode):
    """The last blocks alone: the corner still has some of the picture, where a side is no multiple of a block's."""
    grey = np.clip(dicom_files.ramp(*size, bits=8) * 0.7 + 30 + NOISE.normal(0, 6, size), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).convert(mode).save(buffer, "JPEG", quality=90)
    whole = buffer.getvalue()
    assert one(tmp_path, whole).pixels.shape == size
    for lost in (6, 40, 110, 220, 440, 900):
        assert refused(tmp_path, whole[: -2 - lost] + b"\xff\xd9") == "truncated", lost


def test_what_lies_behind_a_jpeg_does_no_harm(tmp_path):
    """A motion photo's film, which may hold any bytes; but a second picture (MPO) that was cut tells of a cut file."""
    grey = Image.fromarray(dicom_files.ramp(96, 80, bits=8).astype(np.uint8))
    buffer = io.BytesIO()
    grey.save(buffer, "JPEG")
    whole = buffer.getvalue()
    film = b"\0\0\0\x18ftypmp42" + bytes(range(255)) + b"\xff\xda\0\x08" + bytes(200)
    assert np.array_equal(one(tmp_path, whole + film).pixels, one(tmp_path, whole).pixels)
    assert one(tmp_path, whole + whole).pixels.shape == (96, 80)
    assert refused(tmp_path, whole + whole[: len(whole) // 2]) == "truncated"


def test_a_jpeg_of_more_than_8_bits_is_unsupported_and_not_damaged(tmp_path):
    stream = dicom_files.stream(dicom_files.encoded(dicom_files.dataset(), dicom_files.PACKED[1]))
    assert codestream.parse(stream).kind == "lossless jpeg"
    assert refused(tmp_path, stream) == "unsupported"


def test_the_transparent_grey_is_black_at_every_depth(tmp_path):
    """tRNS is in samples of the picture's depth (PNG 11.3.1.1); 8 bits were read so before."""
    sixteen = dicom_files.ramp(40, 56).astype(">u2")
    clear = int(sixteen[20, 30])
    plain = one(tmp_path, png(lines(sixteen), 16, 56, 40)).pixels
    decoded = one(tmp_path, png(lines(sixteen), 16, 56, 40, chunk(b"tRNS", struct.pack(">H", clear))))
    assert np.array_equal(decoded.pixels, np.where(sixteen == clear, 0, plain))
    assert decoded.steps == ("alpha over black", "scale 12 bits to 8")
    for depth in (2, 4, 8):
        values = dicom_files.ramp(40, 56, bits=depth).astype(np.uint8)
        packed = sum(values[:, n :: 8 // depth] << (8 - depth * (n + 1)) for n in range(8 // depth)).astype(np.uint8)
        top = (1 << depth) - 1
        content = png(lines(packed), depth, 56, 40, chunk(b"tRNS", struct.pack(">H", top)))
        assert np.array_equal(one(tmp_path, content).pixels, np.where(values == top, 0, values * (255 // top)))


def test_a_transparent_grey_that_was_catalogued_before_is_read_as_before(tmp_path):
    sixteen = dicom_files.ramp(40, 56).astype(">u2")
    plain = one(tmp_path, png(lines(sixteen), 16, 56, 40))
    now = one(tmp_path, png(lines(sixteen), 16, 56, 40, chunk(b"tRNS", struct.pack(">H", int(sixteen[20, 30])))))
    ref = ImageRef("im-1", "st-1", "pa-1", str(tmp_path / "x"), pixel_sha256(plain.pixels), None, decode_rule=2)
    assert np.array_equal(decode.load_pixels(ref), plain.pixels)
    later = replace(ref, pixel_sha256=now.pixel_sha256, decode_rule=decode.RULE)
    assert np.array_equal(decode.load_pixels(later), now.pixels)
