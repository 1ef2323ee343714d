"""PNG and JPEG → pixels, in all of Pillow's modes; bad files by reason; pixels found again by their hash."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests import dicom_files
from wrist_model.errors import DataError, Refused
from wrist_model.radiograph import decode, polarity, suspicious
from wrist_model.radiograph import raster as container
from wrist_model.records import ImageRef


def picture(height=60, width=80):
    """uint8: a bright blob on a dark ground, as a radiograph is."""
    y, x = np.mgrid[:height, :width]
    return np.rint(230 * np.exp(-(((x - width / 2) / 14) ** 2 + ((y - height / 2) / 18) ** 2))).astype(np.uint8)


def png(image, **how):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **how)
    return buffer.getvalue()


def one(tmp_path, content, name="x.png"):
    path = tmp_path / name
    path.write_bytes(content)
    (decoded,) = decode.decode(path)
    return decoded


def test_every_mode_of_png_gives_the_same_greys(tmp_path):
    grey = picture()
    base = Image.fromarray(grey)
    opaque = Image.new("L", base.size, 255)
    palette = base.copy().convert("P")
    palette.putpalette([v for i in range(256) for v in (i, i, i)])
    modes = {
        "L": base,
        "LA": Image.merge("LA", (base, opaque)),
        "RGB": base.convert("RGB"),
        "RGBA": Image.merge("RGBA", (base, base, base, opaque)),
        "P": palette,
        "I;16": Image.fromarray(grey.astype(np.uint16) * 257),
    }
    for mode, image in modes.items():
        decoded = one(tmp_path, png(image))
        assert decoded.photometric == mode
        assert np.abs(decoded.pixels.astype(int) - grey).max() <= (1 if mode == "I;16" else 0), mode
        assert decoded.pixels.dtype == np.uint8


def test_one_bit_and_transparent_pictures(tmp_path):
    bits = picture() > 100
    assert np.array_equal(one(tmp_path, png(Image.fromarray(bits))).pixels, bits * np.uint8(255))
    grey = picture()
    half = Image.merge("LA", (Image.fromarray(grey), Image.new("L", (80, 60), 0)))
    assert one(tmp_path, png(half)).pixels.max() == 0


def test_a_twelve_bit_picture_in_sixteen_bits_keeps_its_contrast(tmp_path):
    grey = picture()
    twelve = Image.fromarray((grey.astype(int) * 4095 // 230).astype(np.uint16))
    decoded = one(tmp_path, png(twelve))
    assert decoded.pixels.max() == 255
    assert "scale 12 bits to 8" in decoded.steps


def test_jpeg_grey_and_colour(tmp_path):
    for mode in ("L", "RGB", "CMYK"):
        buffer = io.BytesIO()
        Image.fromarray(picture()).convert("RGB").convert(mode).save(buffer, "JPEG", quality=95)
        decoded = one(tmp_path, buffer.getvalue(), "x.bin")
        assert decoded.format == "jpeg"
        assert np.abs(decoded.pixels.astype(int) - picture()).mean() < 3


def test_a_picture_is_turned_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "JPEG", exif=exif)
    assert one(tmp_path, buffer.getvalue()).pixels.shape == (80, 60)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(width=50_000, height=50_000):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return container.SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def several_chunks(content, size=100):
    """The same PNG with its image data in many chunks, and a text before and after them."""
    start = content.index(b"IDAT") - 4
    length = struct.unpack(">I", content[start : start + 4])[0]
    data = content[start + 8 : start + 8 + length]
    parts = [chunk(b"IDAT", data[at : at + size]) for at in range(0, length, size)]
    text = chunk(b"tEXt", b"Comment\0none")
    return content[:start] + text + b"".join(parts) + text + content[start + 12 + length :]


def interlaced():
    """A grey PNG in Adam7's order (PNG section 8), all of whose pixels are 7."""
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)
    rows = [(1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8)]
    data = b"".join((b"\0" + b"\7" * width) * height for height, width in rows)
    return container.SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def with_data(data, width=80, height=60):
    """A grey PNG whose compressed image data is this."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return container.SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_png_with_its_data_stored_is_the_same_picture():
    grey = Image.fromarray(picture())
    modes = ["1", "L", "LA", "P", "RGB", "RGBA"]
    whole = [png(grey.convert(mode), compress_level=level) for mode in modes for level in (1, 9)]
    whole += [png(Image.fromarray(picture().astype(np.uint16) * 257)), several_chunks(png(grey))]
    for content in whole:
        stored = container.inflated(content).read()
        assert len(stored) > len(content)
        container.check(stored)
        with Image.open(io.BytesIO(content)) as one, Image.open(io.BytesIO(stored)) as other:
            assert one.mode == other.mode and one.info == other.info
            assert np.array_equal(np.asarray(one), np.asarray(other))


def test_what_cannot_be_inflated_whole_is_left_for_pillow_to_judge(tmp_path):
    rows = (b"\0" + b"\7" * 80) * 60
    packed = zlib.compress(rows)
    damaged = {
        "too short": with_data(zlib.compress(rows[:-1])),
        "cut": with_data(packed[: len(packed) // 2]),
        "no zlib": with_data(b"nothing of the kind"),
        "far too much behind": with_data(zlib.compress(rows + bytes(100_000_000))),
        "interlaced": interlaced(),
        "large": with_data(zlib.compress(bytes(8193 * 8192)), 8192, 8192),
        "header alone": container.SIGNATURE + chunk(b"IHDR", bytes(13)),
    }
    left = {name for name, content in damaged.items() if container.inflated(content).read() == content}
    assert left == set(damaged) - {"far too much behind"}
    assert np.array_equal(one(tmp_path, damaged["interlaced"]).pixels, np.full((8, 8), 7))
    assert one(tmp_path, damaged["far too much behind"]).pixels.shape == (60, 80)
    for name in ("too short", "cut", "no zlib"):
        with pytest.raises(Refused) as caught:
            one(tmp_path, damaged[name])
        assert caught.value.reason_code in ("truncated", "damaged"), name


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :]


def jpeg():
    buffer = io.BytesIO()
    Image.fromarray(picture(200, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


WHOLE = png(Image.fromarray(picture()))
BAD = {
    "empty": b"",
    "truncated": WHOLE[: len(WHOLE) // 2],
    "truncated ": WHOLE[:-6],
    "truncated  ": jpeg()[: len(jpeg()) // 2],
    "truncated   ": jpeg()[:-2],
    "damaged": flipped(WHOLE, len(WHOLE) // 2),
    "not_an_image": b"this is no picture at all, only text",
    "not_an_image ": bytes(range(256)) * 9,
    "decompression_bomb": bomb(),
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_file_is_refused_by_reason(tmp_path, code):
    with pytest.raises(Refused) as caught:
        one(tmp_path, BAD[code])
    assert caught.value.reason_code == code.strip()
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_the_limit_in_pixels_can_be_raised(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(WHOLE)
    with pytest.raises(Refused, match="max-megapixels"):
        decode.decode(path, max_pixels=100)
    assert decode.decode(path, max_pixels=60 * 80)


def ref(path, decoded):
    return ImageRef("im-1", "st-1", "pt-1", str(path), decoded.pixel_sha256)


def test_load_pixels_finds_the_catalogued_pixels_again_inverted_or_not(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(WHOLE)
    (decoded,) = decode.decode(path)
    assert np.array_equal(decode.load_pixels(ref(path, decoded)), decoded.pixels)
    negative = decode.Decoded(255 - decoded.pixels, "png", 0, "L", True, ())
    assert np.array_equal(decode.load_pixels(ref(path, negative)), 255 - decoded.pixels)


def test_load_pixels_refuses_a_changed_and_a_vanished_file(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(WHOLE)
    catalogued = ref(path, decode.decode(path)[0])
    path.write_bytes(png(Image.fromarray(picture()[::-1, ::-1] // 2)))
    with pytest.raises(DataError, match="im-1"):
        decode.load_pixels(catalogued)
    path.unlink()
    with pytest.raises(DataError, match="im-1"):
        decode.load_pixels(catalogued)


def png16(values, colour, interlaced=False):
    """A 16-bit PNG of this colour type from uint16 (height, width, channels), each row by another filter."""
    height, width, channels = values.shape
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for x, y, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        part = values[y::dy, x::dx].astype(">u2").reshape(-1, values[y::dy, x::dx].shape[1] * channels)
        before = np.zeros(part.shape[1] * 2, np.uint8)
        for number, row in enumerate(part):
            now = np.frombuffer(row.tobytes(), np.uint8)
            left = np.concatenate([np.zeros(2 * channels, np.uint8), now[: -2 * channels]])
            kind = number % 3
            data += bytes([kind]) + (now - (0, left, before)[kind]).astype(np.uint8).tobytes()
            before = now
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, int(interlaced))
    return container.SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


TWELVE = (picture().astype(int) * 4095 // 230).astype(np.uint16)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)], ids=["RGB", "LA", "RGBA"])
def test_sixteen_bits_with_alpha_or_colour_are_read_as_the_grey_one(tmp_path, colour, channels, interlaced):
    grey = one(tmp_path, png(Image.fromarray(TWELVE))).pixels
    values = np.repeat(TWELVE[..., None], channels, axis=2)
    if channels % 2 == 0:
        values[..., -1] = 65535
    decoded = one(tmp_path, png16(values, colour, interlaced))
    assert np.array_equal(decoded.pixels, grey)
    assert "scale 12 bits to 8" in decoded.steps
    if channels % 2 == 0:
        values[:, :40, -1] = 0
        assert one(tmp_path, png16(values, colour)).pixels[:, :40].max() == 0
    with pytest.raises(Refused):
        whole = png16(values, colour)
        one(tmp_path, whole[: len(whole) // 2])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    base = Image.fromarray(picture())
    base.save(buffer, kind, exif=exif)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(buffer.getvalue())))
    decoded = one(tmp_path, buffer.getvalue())
    assert np.array_equal(decoded.pixels, np.asarray(turned))
    assert ("turn (Exif orientation)" in decoded.steps) == (orientation > 1)


def test_exif_that_makes_no_sense_is_passed_over(tmp_path):
    content = WHOLE[:33] + chunk(b"eXIf", b"no Exif at all") + WHOLE[33:]
    assert np.array_equal(one(tmp_path, content).pixels, one(tmp_path, WHOLE).pixels)
    exif = Image.Exif()
    exif[0x0112] = 77
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "PNG", exif=exif)
    assert one(tmp_path, buffer.getvalue()).steps == ()


HOW = [{}, {"progressive": True}, {"quality": 20}, {"restart_marker_blocks": 3}, {"restart_marker_rows": 1}]


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("how", HOW, ids=str)
def test_a_jpeg_that_was_cut_and_closed_is_truncated(tmp_path, how, mode):
    grey = dicom_files.ramp(96, 80, bits=8).astype(np.uint8)
    grey[70:], grey[:, 60:] = 0, 0  # as if collimated: the end is even in the whole one too
    buffer = io.BytesIO()
    Image.fromarray(grey).convert(mode).save(buffer, "JPEG", **how)
    whole = buffer.getvalue()
    assert one(tmp_path, whole).pixels.shape == (96, 80)
    for share in np.linspace(0.45, 0.97, 14):
        for end in (b"\xff\xd9", b""):
            with pytest.raises(Refused) as caught:
                one(tmp_path, whole[: int(len(whole) * share)] + end)
            assert caught.value.reason_code in ("truncated", "damaged"), share


def test_an_image_is_read_by_the_rule_that_it_was_catalogued_by(tmp_path):
    """What commit a98e219 read: the upper byte of 16 bits with alpha, and PNG as it lies, without its Exif."""
    path = tmp_path / "x.png"
    values = np.stack([TWELVE, np.full_like(TWELVE, 65535)], axis=2)
    path.write_bytes(png16(values, 4))
    old = decode.Decoded((TWELVE >> 8).astype(np.uint8), "png", 0, "LA", False, ())
    assert np.array_equal(decode.load_pixels(ref(path, old)), old.pixels)
    new = decode.decode(path)[0]
    with pytest.raises(DataError):
        decode.load_pixels(ref(path, new))
    assert np.array_equal(decode.load_pixels(replace(ref(path, new), decode_rule=decode.RULE)), new.pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture()).save(path, exif=exif)
    old = decode.Decoded(picture(), "png", 0, "L", False, ())
    assert np.array_equal(decode.load_pixels(ref(path, old)), picture())
    assert decode.load_pixels(replace(ref(path, decode.decode(path)[0]), decode_rule=2)).shape == (80, 60)


def looks(pixels):
    return suspicious.looks_wrong(pixels, polarity.thumbnail(pixels))


def test_pictures_that_look_wrong_are_told():
    grey = dicom_files.ramp(200, 160, bits=8).astype(np.uint8)
    assert looks(grey) is None
    assert looks(grey // 12) == suspicious.NEARLY_BLACK
    assert looks(255 - grey // 12) == suspicious.NEARLY_WHITE
    assert looks(grey // 64 * 64) == suspicious.FEW_LEVELS
    for part in (np.s_[100:], np.s_[:100], np.s_[:, 80:], np.s_[:, :80]):
        half = grey.copy()
        half[part] = 128
        assert looks(half) == suspicious.HALF_EMPTY
    framed = grey.copy()
    framed[:40], framed[170:], framed[:, :20] = 0, 0, 0
    assert looks(framed) is None
