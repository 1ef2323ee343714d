"""DICOM objects → uint8 frames, bone bright: read the data set, decode its frames, hand their values to greys."""

from __future__ import annotations

import io
import logging
import struct
import warnings
from collections.abc import Iterator

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGExtended12Bit

from wrist_model.errors import Refused
from wrist_model.radiograph import dicom_greyscale
from wrist_model.radiograph.decode import Decoded, check_size

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "RGB", "PALETTE COLOR"

# pydicom puts values from the file into its log lines and warnings; they may be somebody's name.
logging.getLogger("pydicom").addHandler(logging.NullHandler())
logging.getLogger("pydicom").propagate = False
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)


def read(data: bytes, *, header_only: bool = False) -> Dataset:
    """The data set in a DICOM file, with or without preamble. Raises Refused (`damaged`, `not_an_image`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=header_only)
            if not _plausible(dataset):
                raise Refused("not_an_image", "The content is not PNG, JPEG or DICOM, whatever the file is called.")
        except Refused:
            raise
        except Exception:
            raise Refused("damaged", "The DICOM data set can't be read: its structure is damaged.") from None
    return dataset


def _plausible(dataset: Dataset) -> bool:
    return any(keyword in dataset for keyword in ("SOPClassUID", "Modality", "StudyInstanceUID", "Rows"))


def decode(dataset: Dataset, max_pixels: int) -> Iterator[Decoded]:
    """Each frame of the object, one at a time. Raises Refused when a frame can't be had."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield from _frames(dataset, max_pixels)
        except Refused:
            raise
        except MemoryError:
            raise Refused("decompression_bomb", "The picture needs more memory than there is.") from None
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException:  # pydicom and its plugins raise whatever comes; Rust's panics are no Exceptions
            raise Refused(
                "damaged", "The pixel data can't be decoded: it or the elements that describe it are damaged."
            ) from None


def _frames(dataset: Dataset, max_pixels: int) -> Iterator[Decoded]:
    if "PixelData" not in dataset:
        raise Refused("no_pixel_data", "The object has no Pixel Data (7FE0,0010): a report or a bare header.")
    rows, columns, frames = (_whole(dataset, name, default) for name, default in _SHAPE)
    if rows < 1 or columns < 1 or frames < 1:
        raise Refused("damaged", f"Rows × Columns is {rows} × {columns} in {frames} frames; expected at least 1 each.")
    check_size(columns, rows, max_pixels, frames)
    _transfer_syntax(dataset)
    photometric = str(dataset.get("PhotometricInterpretation", "")).strip()
    if photometric not in MONOCHROME and photometric not in _COLOUR:
        raise Refused("unsupported", "The PhotometricInterpretation is none that Wrist knows.")
    for index in range(frames):
        stored, name = stored_values(dataset, index)
        if stored.shape[:2] != (rows, columns):
            raise Refused("damaged", "The decoded frame has another size than Rows and Columns say.")
        steps = [f"decode {name}"]
        if photometric in MONOCHROME:
            pixels, inverted = dicom_greyscale.apply(dataset, stored, index, steps)
        else:
            pixels, inverted = _colours(dataset, stored, photometric, steps), False
        yield Decoded(pixels, "dicom", index, photometric, inverted, tuple(steps))


_SHAPE = (("Rows", 0), ("Columns", 0), ("NumberOfFrames", 1))


def _whole(dataset: Dataset, keyword: str, default: int) -> int:
    try:
        value = dataset.get(keyword)
        return default if value in (None, "") else int(value)
    except (TypeError, ValueError):
        raise Refused("damaged", f"{keyword} is not one whole number.") from None


def _transfer_syntax(dataset: Dataset) -> UID:
    stated = getattr(dataset, "file_meta", None) and dataset.file_meta.get("TransferSyntaxUID")
    if stated:
        return UID(stated)
    if not dataset.original_encoding[1]:
        raise Refused("unsupported", "A big-endian object without a stated transfer syntax can't be decoded.")
    syntax = ImplicitVRLittleEndian if dataset.original_encoding[0] else ExplicitVRLittleEndian
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return syntax


def stored_values(dataset: Dataset, index: int) -> tuple[np.ndarray, str]:
    """Stored values of one frame, (rows, columns) or (rows, columns, 3), and the first decoder that managed."""
    syntax = _transfer_syntax(dataset)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise Refused("unsupported", "No decoder is known for the object's transfer syntax.") from None
    plugins = ("",) if not syntax.is_compressed or syntax.is_deflated else tuple(decoder.available_plugins)
    if not plugins:
        raise Refused("unsupported", f"No decoder is installed for {syntax.name}.")
    if syntax.is_compressed and not syntax.is_deflated and "PixelData" in dataset:
        _check_coded_size(dataset, index)
    failures = []
    for plugin in plugins:
        try:
            array, _ = decoder.as_array(dataset, index=index, decoding_plugin=plugin)
            return array, f"{syntax.name}" + (f" by {plugin}" if plugin else "")
        except (MemoryError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            failures.append(str(error).lower())
    if syntax == JPEGExtended12Bit and int(dataset.get("SamplesPerPixel", 1)) == 1:
        values = _mended(dataset, index)
        if values is not None:
            return values, f"{syntax.name} by pylibjpeg, its scan header mended"
    if any(word in text for text in failures for word in ("less than expected", "fewer", "truncat", "unexpected end")):
        raise Refused("truncated", "The pixel data end before the picture does: the file was cut short.")
    raise Refused("damaged", f"The pixel data can't be decoded as {syntax.name} by any decoder at hand.")


def _check_coded_size(dataset: Dataset, index: int) -> None:
    """Refuse a frame whose own header claims another size: codecs allocate what it says before anybody compares."""
    stream = get_frame(dataset.PixelData, index, number_of_frames=max(1, _whole(dataset, "NumberOfFrames", 1)))
    size = coded_size(stream)
    if size is not None and size != (_whole(dataset, "Rows", 0), _whole(dataset, "Columns", 0)):
        raise Refused("damaged", "The coded frame claims another size than Rows and Columns say.")


def coded_size(stream: bytes) -> tuple[int, int] | None:
    """(rows, columns) in a JPEG, JPEG-LS or JPEG 2000 codestream's header (ITU T.81 B.2.2, T.800 A.5.1), if found."""
    if stream[:4] == b"\xff\x4f\xff\x51" and len(stream) >= 24:
        width, height, left, top = struct.unpack(">IIII", stream[8:24])
        return height - top, width - left
    at = 2
    while stream[:2] == b"\xff\xd8" and at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns = struct.unpack(">HH", stream[at + 5 : at + 9])
            return rows, columns
        at += 1 if marker == 0xFF else 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None


def _mended(dataset: Dataset, index: int) -> np.ndarray | None:
    """A sequential JPEG whose scan header has impossible spectral selection (ITU T.81 B.2.3), decoded with 0 to 63.

    Some modalities write such 12-bit files; decoders refuse them though the data are whole.
    """
    import libjpeg

    frames = max(1, _whole(dataset, "NumberOfFrames", 1))
    stream = bytearray(get_frame(dataset.PixelData, index, number_of_frames=frames))
    scan = stream.find(b"\xff\xda")
    if scan < 0 or scan + 5 >= len(stream):
        return None
    selection = scan + 5 + 2 * stream[scan + 4]
    stream[selection : selection + 3] = b"\x00\x3f\x00"
    try:
        return np.asarray(libjpeg.decode(bytes(stream)))
    except RuntimeError:
        return None


def _colours(dataset: Dataset, stored: np.ndarray, photometric: str, steps: list[str]) -> np.ndarray:
    from PIL import Image

    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
        steps.append("palette")
    values = stored.astype(np.float64)
    bits = 8 * stored.dtype.itemsize if photometric == "PALETTE COLOR" else int(dataset.BitsStored)
    if bits != 8:
        values *= 255.0 / ((1 << bits) - 1)
        steps.append(f"scale {bits} bits to 8")
    steps.append("colour to grey")
    return np.array(Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8), "RGB").convert("L"))
