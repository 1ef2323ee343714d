"""DICOM objects → uint8 frames, bone bright, by the standard's own order (PS3.4 N.2, PS3.3 C.11).

modality LUT (Modality LUT Sequence, or slope and intercept) → VOI LUT Sequence, or window, or where there is none a
percentile window → inversion (PresentationLUTShape, else MONOCHROME1), exactly once → 0–255.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGExtended12Bit

from wrist_model.decode import Decoded, check_size, with_views
from wrist_model.errors import Refused

PERCENTILES = (0.5, 99.5)
"""The window where a file states none: between these percentiles of the modality values of the frame."""
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_TABLE_LIMIT = 1 << 17
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
            pixels, inverted = _greys(dataset, stored, index, steps)
        else:
            pixels, inverted = _colours(dataset, stored, photometric, steps), False
        yield with_views(Decoded(pixels, "dicom", index, photometric, inverted, tuple(steps)))


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


def _greys(dataset: Dataset, stored: np.ndarray, index: int, steps: list[str]) -> tuple[np.ndarray, bool]:
    """uint8 (rows, columns) and whether it was inverted."""
    low, high = int(stored.min()), int(stored.max())
    modality, step = _modality(dataset, index)
    steps.extend(step)
    voi, step = _voi(dataset, index)
    if voi is None:
        bottom, top = _percentiles(modality, stored, low, high)
        voi = _linear_exact((bottom + top) / 2, top - bottom)
        step = [f"window percentile {PERCENTILES[0]}–{PERCENTILES[1]}: {bottom:g} to {top:g}"]
    steps.extend(step)
    inverted = _is_inverse(dataset)
    if inverted:
        steps.append(
            "invert (MONOCHROME1)" if "PresentationLUTShape" not in dataset else "invert (PresentationLUTShape)"
        )

    def transform(values: np.ndarray) -> np.ndarray:
        shares = np.clip(voi(modality(values)), 0.0, 1.0)
        return np.rint(255.0 * (1.0 - shares if inverted else shares)).astype(np.uint8)

    if high - low < _TABLE_LIMIT:  # each stored value once, then one look-up a pixel
        table = transform(np.arange(low, high + 1, dtype=np.float64))
        return table[stored.astype(np.int64) - low], inverted
    return transform(stored.astype(np.float64)), inverted


def _shape(dataset: Dataset) -> str:
    """PresentationLUTShape (2050,0020), where it is one of the two that the standard knows."""
    shape = str(dataset.get("PresentationLUTShape", "") or "").strip().upper()
    return shape if shape in ("INVERSE", "IDENTITY") else ""


def _is_inverse(dataset: Dataset) -> bool:
    """PresentationLUTShape says it; where it is absent, the photometric interpretation does. Never both."""
    if _shape(dataset):
        return _shape(dataset) == "INVERSE"
    return str(dataset.PhotometricInterpretation).strip() == "MONOCHROME1"


Transform = Callable[[np.ndarray], np.ndarray]


def _groups(dataset: Dataset, index: int, sequence: str) -> Iterator[Dataset]:
    """The places that may hold a transform: the object, then shared and per-frame functional groups."""
    yield dataset
    for name, at in (("SharedFunctionalGroupsSequence", 0), ("PerFrameFunctionalGroupsSequence", index)):
        items = dataset.get(name) or []
        if len(items) > at:
            yield from items[at].get(sequence) or []


def _modality(dataset: Dataset, index: int) -> tuple[Transform, list[str]]:
    """PS3.3 C.11.1: Modality LUT Sequence, else slope and intercept, else nothing."""
    if dataset.get("ModalityLUTSequence"):
        table, first, _ = _table(dataset, dataset.ModalityLUTSequence[0])
        return _look_up(table, first), ["modality LUT"]
    for place in _groups(dataset, index, "PixelValueTransformationSequence"):
        slope, intercept = place.get("RescaleSlope"), place.get("RescaleIntercept")
        if slope not in (None, "") or intercept not in (None, ""):
            a, b = _number(slope, 1.0), _number(intercept, 0.0)
            return _linear(a, b), [] if (a, b) == (1.0, 0.0) else [f"rescale ×{a:g} {b:+g}"]
    return (lambda x: x), []


def _linear(slope: float, intercept: float) -> Transform:
    return lambda x: x * slope + intercept


def _number(value: Any, default: float) -> float:
    return default if value in (None, "") else float(value)


def _voi(dataset: Dataset, index: int) -> tuple[Transform | None, list[str]]:
    """PS3.3 C.11.2: the first VOI LUT or window, as shares of its output range; None where the object has none."""
    if dataset.get("VOILUTSequence"):
        table, first, bits = _table(dataset, dataset.VOILUTSequence[0])
        return _look_up(table / float((1 << bits) - 1), first), ["VOI LUT"]
    for place in _groups(dataset, index, "FrameVOILUTSequence"):
        centre, width = _first(place.get("WindowCenter")), _first(place.get("WindowWidth"))
        if centre is None or width is None:
            continue
        function = str(place.get("VOILUTFunction", "") or "LINEAR").strip().upper()
        step = [f"window {function} centre {centre:g} width {width:g}"]
        if function == "SIGMOID" and width > 0:
            return _sigmoid(centre, width), step
        if function == "LINEAR_EXACT" and width > 0:
            return _linear_exact(centre, width), step
        if function == "LINEAR" and width >= 1:
            return _linear_exact(centre - 0.5, width - 1.0), step
        raise Refused("damaged", "The window's width or its function is not one that the standard allows.")
    return None, []


def _first(value: Any) -> float | None:
    if value in (None, ""):
        return None
    if isinstance(value, str | float | int):
        return float(value)
    return float(value[0]) if len(value) else None


def _sigmoid(centre: float, width: float) -> Transform:
    """PS3.3 C.11.2.1.3.1."""
    return lambda x: 1.0 / (1.0 + np.exp(np.clip(-4.0 * (x - centre) / width, -700, 700)))


def _linear_exact(centre: float, width: float) -> Transform:
    """PS3.3 C.11.2.1.3.2. LINEAR (C.11.2.1.2.1) is this with centre − 0.5 and width − 1; width 0 is a step."""
    if width <= 0:
        return lambda x: (x > centre).astype(np.float64)
    return lambda x: (x - centre) / width + 0.5


def _table(dataset: Dataset, item: Dataset) -> tuple[np.ndarray, int, int]:
    """LUT Data (0028,3006) as float64, the first value mapped, and the bits an entry (PS3.3 C.11.1.1.1)."""
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    entries = entries or 1 << 16
    data = item["LUTData"].value
    if isinstance(data, bytes | bytearray):
        order = "<" if dataset.original_encoding[1] is not False else ">"
        kind = f"{order}u2" if len(data) >= 2 * entries else "u1"
        values = np.frombuffer(data, dtype=kind)
    else:
        values = np.atleast_1d(np.asarray(data, dtype=np.int64))
    if not 1 <= bits <= 16 or len(values) < entries:
        raise Refused("damaged", "A look-up table is shorter than its descriptor says.")
    unsigned = dataset.get("PixelRepresentation", 0) == 0
    return values[:entries].astype(np.float64), first + (65536 if unsigned and first < 0 else 0), bits


def _look_up(table: np.ndarray, first: int) -> Transform:
    def apply(values: np.ndarray) -> np.ndarray:
        return table[np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)]

    return apply


def _percentiles(modality: Transform, stored: np.ndarray, low: int, high: int) -> tuple[float, float]:
    """The percentile window's ends in modality values; the frame's own pixels decide."""
    if high - low < _TABLE_LIMIT:
        counts = np.bincount((stored.astype(np.int64) - low).ravel(), minlength=high - low + 1)
        values = modality(np.arange(low, high + 1, dtype=np.float64))
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(counts[order]) / stored.size
        ends = [float(values[order[np.searchsorted(reached, share / 100)]]) for share in PERCENTILES]
    else:
        ends = [float(value) for value in np.percentile(modality(stored.astype(np.float64)), PERCENTILES)]
    return ends[0], ends[1]
