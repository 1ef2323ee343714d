"""The one place that turns a file into pixels: PNG, JPEG or DICOM → uint8 (height, width), bone bright.

The format is told by content. Pillow reads pictures, pydicom DICOM (wrist_model.dicom); every step is recorded.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from wrist_model import regular_file
from wrist_model.errors import DataError, Refused
from wrist_model.radiograph import codestream, polarity, raster
from wrist_model.radiograph.picture import Decoded, check_size, pixel_sha256
from wrist_model.records import ImageRef

DEFAULT_MAX_PIXELS = 64_000_000
"""The largest picture that is decoded: four times the largest radiography detector (about 4300 × 3500)."""
MAX_FILE_BYTES = 1 << 30
SNIFF_BYTES = 256

RULE = 3
"""The rule by which files become pixels; each image stores its own, and is read by that. 1 (stored as NULL): until
commit a98e219. 2: all 16 bits of PNG with alpha or colour, Exif orientation of PNG. 3: the transparent grey of PNG of
16, 4 or 2 bits; of DICOM palettes by their own entries, the sign of JPEG 2000, public elements of VR UN."""

Image.MAX_IMAGE_PIXELS = None  # the size is checked here, before decoding, against a limit that a setting can raise
ImageFile.LOAD_TRUNCATED_IMAGES = False  # a picture cut short is refused, never filled up with grey


def sniff(head: bytes) -> str | None:
    """png, jpeg or dicom by a file's first SNIFF_BYTES bytes (a name means nothing), or None.

    DICOM is told by its preamble (PS3.10 section 7.1) or, without one, by a first data element of group 0002 or 0008.
    """
    if head.startswith(raster.SIGNATURE):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[128:132] == b"DICM" or _starts_like_a_data_set(head):
        return "dicom"
    return None


def _starts_like_a_data_set(head: bytes) -> bool:
    if len(head) < 16:
        return False
    group, element = struct.unpack("<HH", head[:4])
    if group not in (2, 8) or element > 0x0100:
        return False
    length = struct.unpack("<I", head[4:8])[0]
    return head[4:6] in (b"UL", b"UI", b"CS", b"SH", b"DA", b"LO", b"OB", b"TM", b"DT", b"IS") or length < 256


def decode(path: Path | str, max_pixels: int = DEFAULT_MAX_PIXELS) -> tuple[Decoded, ...]:
    """Every picture in a file: one, or one for each frame of a DICOM object.

    Raises Refused with a reason code (docs/ingest.md lists them) when the file is not a whole radiograph.
    """
    data = read_whole(path)
    kind = sniff(data[:SNIFF_BYTES])
    if kind == "dicom":
        from wrist_model.radiograph import dicom_dataset, dicom_frames

        return tuple(dicom_frames.decode(dicom_dataset.read(data), max_pixels))
    if kind is None:
        raise unrecognised(data[:SNIFF_BYTES])
    return (decode_picture(data, kind, max_pixels),)


def read_whole(path: Path | str, most: int = MAX_FILE_BYTES) -> bytes:
    """A file's bytes, at most so many. Raises Refused (`unreadable`, `empty`, `too_large`, `not_a_file`)."""
    try:
        data = regular_file.read(path, most)
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise Refused("unreadable", f"The file can't be read: {reason}. Check that it is there and readable.") from None
    if not data:
        raise Refused("empty", "The file has no bytes; copy it again from where it came.")
    return data


def unrecognised(head: bytes) -> Refused:
    """For bytes of no kind that is known; what is left of a cut signature is told apart."""
    signatures = (raster.SIGNATURE, b"\xff\xd8\xff", bytes(128) + b"DICM")
    if any(len(head) < len(whole) and whole.startswith(head) for whole in signatures):
        return Refused("truncated", f"The file has {len(head)} bytes, the beginning of a picture: it was cut short.")
    return Refused("not_an_image", "The content is not PNG, JPEG or DICOM, whatever the file is called.")


def decode_picture(data: bytes, kind: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Decoded:
    """A PNG or JPEG, in any of Pillow's modes. Raises Refused (`truncated`, `damaged`, `decompression_bomb`)."""
    if kind == "png":
        raster.check(data)
    elif (found := codestream.parse(data)) is not None and (found.kind != "jpeg" or found.bits > 8):
        raise Refused("unsupported", f"A JPEG of {found.bits} bits ({found.kind}) is for DICOM; convert it to PNG.")
    pixels, mode, steps = _grey(data, kind, max_pixels)
    if kind == "jpeg":
        _check_whole(data, pixels, max_pixels)
    small = polarity.thumbnail(pixels)
    inverted = polarity.is_inverted(small)
    if inverted:
        pixels, small = 255 - pixels, 255 - small
        steps.append("invert (bone was dark)")
    return Decoded(pixels, kind, 0, mode, inverted, tuple(steps), small)


def _check_whole(data: bytes, pixels: np.ndarray, max_pixels: int) -> None:
    """Refuse a JPEG that was cut, also one that was closed after it: decoders fill up what is missing. So bytes are put
    in before the end marker, and may not change the picture. A further picture behind it (MPO) is to be there, too.
    """
    stream = codestream.parse(data)
    cut = Refused("truncated", "The JPEG ends before its picture does: it was cut short. Copy it again.")
    if stream is None or stream.missing:
        raise cut
    further = codestream.parse(data[stream.end :])
    if further is not None and further.missing:
        raise cut
    try:
        again, _, _ = _grey(codestream.with_junk(data[: stream.end], stream.end), "jpeg", max_pixels)
    except Refused:
        raise cut from None
    if not np.array_equal(pixels, again):
        raise cut


def _grey(data: bytes, kind: str, max_pixels: int, rule: int = RULE) -> tuple[np.ndarray, str, list[str]]:
    """uint8 (height, width), the file's mode, and the steps; polarity untouched."""
    steps: list[str] = []
    try:
        file = raster.inflated(data) if kind == "png" else io.BytesIO(data)
        with Image.open(file, formats=(kind.upper(),)) as image:
            check_size(image.width, image.height, max_pixels)
            image.load()
            if kind == "png" and rule >= 3 and file.getbuffer().nbytes == len(data):  # not inflated before
                raster.check_rows(data)
            sixteen = raster.sixteen_bits(data) if kind == "png" and rule >= 2 else None
            if sixteen is None:
                grey, mode = _as_pillow_reads_it(image, steps, data[24] if rule >= 3 else None), image.mode
            else:
                mode = f"{image.mode};16"
                grey = _from_sixteen_bits(_one_channel(sixteen, image.info.get("transparency"), mode, steps), steps)
            return _turned(grey, image, kind, rule, steps), mode, steps
    except Refused:
        raise
    except Exception as error:  # Pillow's readers raise a dozen kinds on damaged files
        text = str(error).lower()
        if "truncated" in text or "broken png" in text or "premature" in text:
            raise Refused("truncated", f"The {kind.upper()} ends before its picture does: it was cut short.") from None
        if isinstance(error, MemoryError):
            raise Refused("decompression_bomb", "The picture needs more memory than there is.") from None
        raise Refused("damaged", f"The {kind.upper()} can't be decoded: its content is damaged.") from None


def _as_pillow_reads_it(image: Image.Image, steps: list[str], depth: int | None) -> np.ndarray:
    """depth: bits of a sample in a PNG, for what is transparent; None for the rules before."""
    mode, picture = image.mode, image
    if mode == "L" and "transparency" not in image.info:
        return np.asarray(picture)
    if depth is not None and "transparency" in image.info and mode in ("L", "I;16", "I"):
        steps.append("alpha over black")
        scale = {2: 85, 4: 17}.get(depth, 1)  # Pillow brings samples of 2 and 4 bits to 8, and tRNS not
        values = np.where(np.asarray(picture) == image.info["transparency"] * scale, 0, np.asarray(picture))
        return values if mode == "L" else _from_sixteen_bits(values, steps)
    if mode.startswith("I"):
        return _from_sixteen_bits(np.asarray(picture), steps)
    if mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
        steps.append("alpha over black")
    if picture.mode != "L":
        steps.append(f"{mode} to grey")
    return np.asarray(picture.convert("RGB").convert("L") if mode == "P" else picture.convert("L"))


def _one_channel(values: np.ndarray, transparent: object, mode: str, steps: list[str]) -> np.ndarray:
    """uint16 (height, width) from two to four channels: ITU-R BT.601's luma, and what is transparent over black."""
    colours = values[..., : 1 if values.shape[2] < 3 else 3]
    steps.append(f"{mode} to grey")
    grey = colours[..., 0] if colours.shape[2] == 1 else np.rint(colours @ np.array([0.299, 0.587, 0.114]))
    if values.shape[2] in (2, 4):
        alpha = values[..., -1]
        full = (1 << max(8, int(alpha.max(initial=0)).bit_length())) - 1
        grey = np.rint(grey * (alpha / full))
        steps.append("alpha over black")
    elif transparent is not None:
        grey = np.where((colours == np.array(transparent)).all(axis=2), 0, grey)
        steps.append("alpha over black")
    return grey.astype(np.int64)


def _turned(grey: np.ndarray, image: Image.Image, kind: str, rule: int, steps: list[str]) -> np.ndarray:
    """The picture turned as its Exif orientation (0x0112) says; one that can't be read says nothing."""
    if kind == "png" and (rule < 2 or not any(name in image.info for name in _EXIF)):
        return grey
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:
        steps.append("pass over Exif")
        return grey
    if orientation not in _TURNS:
        return grey
    steps.append("turn (Exif orientation)")
    return np.ascontiguousarray(_TURNS[orientation](grey))


_EXIF = ("exif", "Raw profile type exif", "XML:com.adobe.xmp")
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda grey: grey[::-1, ::-1],
    4: np.flipud,
    5: np.transpose,
    6: lambda grey: np.rot90(grey, -1),
    7: lambda grey: grey[::-1, ::-1].T,
    8: np.rot90,
}


def _from_sixteen_bits(values: np.ndarray, steps: list[str]) -> np.ndarray:
    """Scale by the number of bits in use: a 12-bit picture in a 16-bit file would else be all but black."""
    highest = int(values.max(initial=0))
    bits = max(8, highest.bit_length())
    steps.append(f"scale {bits} bits to 8")
    full = (1 << bits) - 1
    lut = np.rint(np.arange(max(highest, 0) + 1) * (255.0 / full)).astype(np.uint8)
    return lut[np.clip(values, 0, highest)]


def load_pixels(ref: ImageRef) -> np.ndarray:
    """The pixels of a catalogued image: uint8 (height, width), bone bright.

    The file is read by the rule that the image was catalogued by. What was decided at ingest (polarity) is found again
    by the hash, so that a later rule changes no old image.
    Raises DataError when the file has changed or is gone.
    """
    try:
        data = read_whole(ref.file)
        kind = sniff(data[:SNIFF_BYTES])
        if kind not in ("png", "jpeg"):
            raise unrecognised(data[:SNIFF_BYTES])
        pixels, _, _ = _grey(data, kind, ref.n_pixels or DEFAULT_MAX_PIXELS, ref.decode_rule or 1)
    except Refused as refused:
        raise DataError(f"{ref.image_uid}: its file {ref.file!r} is no longer what was catalogued: {refused}") from None
    for candidate in (pixels, 255 - pixels):
        if pixel_sha256(candidate) == ref.pixel_sha256:
            return candidate
    raise DataError(
        f"{ref.image_uid}: {ref.file!r} has other pixels than when it was catalogued. Put the file back as it was, "
        f"or leave the image out with `wrist exclude {ref.image_uid} --reason …`."
    )
