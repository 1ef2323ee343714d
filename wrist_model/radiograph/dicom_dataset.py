"""A DICOM file's bytes → its data set, up to and with Pixel Data, as far as the bytes go.

pydicom loses the whole data set when Pixel Data lack their end, and passes over an element that the file's end cuts. So
it reads the header alone, and where Pixel Data begin they are taken from the bytes here.
"""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial

from wrist_model.errors import Refused
from wrist_model.radiograph import dicom_fragments

_PIXEL_DATA = 0x7FE00010
_UNDEFINED = 0xFFFFFFFF
_DEFLATED, _EXPLICIT = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1\0\0\0"
MOST_INFLATED = 384 << 20
"""Bytes of a deflated data set, inflated: of the largest picture that is decoded, at 6 bytes a pixel."""
_CUT = "The DICOM data set ends in the middle of an element: the file was cut short. Copy it again."

# pydicom puts values from the file into its log lines and warnings; they may be somebody's name.
logging.getLogger("pydicom").addHandler(logging.NullHandler())
logging.getLogger("pydicom").propagate = False
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)


def read(data: bytes, most_inflated: int = MOST_INFLATED, whole: bool = True) -> Dataset:
    """The data set in a DICOM file, with or without preamble; its attribute `notes` tells what was passed over.

    most_inflated: bytes that a deflated one may take; whole: False for the elements before Pixel Data alone, of a file
    or of its beginning.

    Raises Refused (`truncated`, `damaged`, `decompression_bomb`, `not_an_image`).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if _DEFLATED in data[:4096]:
            data = _inflated(data, most_inflated, whole)
        file = io.BytesIO(data)
        stop, dataset = _Stop(file, len(data)), Dataset()
        try:
            dataset = read_partial(file, stop, force=True)
            stop.cut = stop.cut or stop.breaks_off(data)
            if not stop.cut and _is_plausible(dataset):
                dataset.notes = _add_pixels(dataset, data, stop) if whole else ()
                return dataset
        except Refused:
            raise
        except Exception:  # pydicom raises whatever comes on damaged bytes
            stop.cut = stop.cut or file.tell() >= len(data)
            if not stop.cut:
                raise Refused("damaged", "The DICOM data set can't be read: its structure is damaged.") from None
    is_marked = data[128:132] == b"DICM"
    if is_marked and (stop.cut or file.tell() >= len(data)):
        raise Refused("truncated", _CUT)
    if stop.cut and _is_plausible(dataset):
        raise Refused("truncated", _CUT)
    if is_marked:
        raise Refused("damaged", "The DICOM data set holds none of an image's elements: its structure is damaged.")
    raise Refused("not_an_image", "The content is not PNG, JPEG or DICOM, whatever the file is called.")


class _Stop:
    """Called by pydicom before each element's value: stops at Pixel Data, and at an element that goes past the end."""

    def __init__(self, file: io.BytesIO, size: int) -> None:
        self.file, self.size, self.cut = file, size, False
        self.end: int | None = None  # of the last element, where its length tells
        self.pixels: tuple[str | None, int, int] | None = None  # VR, length, where the value begins

    def __call__(self, tag: Any, vr: str | None, length: int) -> bool:
        at = self.file.tell()
        if tag == _PIXEL_DATA:
            self.pixels = (vr, length, at)
        elif length != _UNDEFINED and at + length > self.size:
            self.cut = True
        self.end = None if length == _UNDEFINED else at + length
        return self.cut or tag >= 0x7FE00008

    def breaks_off(self, data: bytes) -> bool:
        """Whether the data end within an element's tag, VR and length: pydicom passes over so few bytes."""
        if self.pixels is not None or self.end is None:
            return False
        rest = data[self.end :]
        return len(rest) < 12 and any(rest)


def _is_plausible(dataset: Dataset) -> bool:
    names = ("SOPClassUID", "Modality", "StudyInstanceUID", "Rows", "DirectoryRecordSequence")
    return any(keyword in dataset for keyword in names)


def _add_pixels(dataset: Dataset, data: bytes, stop: _Stop) -> tuple[str, ...]:
    if stop.pixels is None:
        return ()
    vr, length, at = stop.pixels
    if length and at == len(data):
        raise Refused("truncated", _CUT)
    notes: tuple[str, ...] = ()
    if length == _UNDEFINED:
        found = dicom_fragments.split(data[at:], dataset.original_encoding[1] is not False)
        value, notes = data[at : at + found.end], found.notes
    else:
        value = data[at : at + length]
    element = DataElement(
        _PIXEL_DATA, vr or "OW", value, is_undefined_length=length == _UNDEFINED, already_converted=True
    )
    dataset.add(element)
    return notes


def _inflated(data: bytes, most: int, whole: bool) -> bytes:
    """The same file with its data set inflated (PS3.5 A.5), if it says that it is deflated."""
    if data[132:136] != b"\x02\0\0\0":
        return data
    start = 144 + int.from_bytes(data[140:144], "little")
    head = data[:start]
    if _DEFLATED not in head:
        return data
    first = int.from_bytes(data[start : start + 2], "big")
    in_zlib = first >> 8 == 0x78 and first % 31 == 0  # RFC 1950's header, which some makers write
    inflate = zlib.decompressobj(zlib.MAX_WBITS if in_zlib else -zlib.MAX_WBITS)
    try:
        body = inflate.decompress(memoryview(data)[start:], most)
    except zlib.error:
        raise Refused(
            "damaged", "The deflated data set can't be inflated: the file was altered or badly copied."
        ) from None
    if inflate.unconsumed_tail and whole:
        raise Refused("decompression_bomb", f"The data set inflates to more than {most} bytes.")
    if not inflate.eof and whole:
        raise Refused("truncated", "The deflated data set ends too early: the file was cut short.")
    return head.replace(_DEFLATED, _EXPLICIT) + body
