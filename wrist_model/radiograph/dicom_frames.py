"""DICOM objects → uint8 frames, bone bright: header and pixels are held against each other, then to greys."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import get_decoder
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from wrist_model.errors import Refused
from wrist_model.radiograph import (
    codestream,
    dicom_fragments,
    dicom_greyscale,
    dicom_palette,
    dicom_pixel_module,
    frame_decoders,
)
from wrist_model.radiograph.dicom_pixel_module import PixelModule
from wrist_model.radiograph.picture import DEFAULT_MAX_FRAMES, Decoded, check_frames, check_size
from wrist_model.radiograph.suspicious import HEADER

_ITEM = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
FEW_OUTSIDE = 0.1
"""Overlays of old lie in bits beside the pixel's; where more pixels than this share have some, the header is wrong."""

BAND_ROWS = 256


@dataclass(frozen=True)
class Frame:
    """One frame as decoded, its values still to be taken from the cells.

    cells: integers (rows, columns) or (rows, columns, 3). precision: bits a sample has in them. module: the header, as
    far as it holds for this frame. disagrees: whether the codestream says otherwise in what can't be checked.
    """

    cells: np.ndarray
    precision: int
    decoder: str
    module: PixelModule
    disagrees: bool = False


def decode(dataset: Dataset, max_pixels: int, max_frames: int = DEFAULT_MAX_FRAMES) -> Iterator[Decoded]:
    """Each frame of the object, one at a time. Raises Refused when a frame can't be had."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if "PixelData" not in dataset:
                raise Refused("no_pixel_data", "The object has no Pixel Data (7FE0,0010): a report or a bare header.")
            module = dicom_pixel_module.read(dataset)
            check_size(module.columns, module.rows, max_pixels, module.frames or 1)
            check_frames(module.frames or 1, max_frames)
            for index, frame in enumerate(frames(dataset, module, max_frames)):
                yield _decoded(dataset, frame, index)
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


def frames(dataset: Dataset, module: PixelModule, max_frames: int = DEFAULT_MAX_FRAMES) -> Iterator[Frame]:
    """Every frame, decoded; where the header doesn't say how many, as many as the pixels hold. Raises Refused
    (`no_pixel_data`, `truncated`, `damaged`, `unsupported`, `decompression_bomb`)."""
    module = replace(module, notes=(*getattr(dataset, "notes", ()), *module.notes))
    syntax = _transfer_syntax(dataset)
    if not syntax.is_transfer_syntax:  # a maker's own, or newer than pydicom; what it says may be anything
        raise Refused("unsupported", "The object's transfer syntax is none that Wrist knows.")
    element = dataset["PixelData"]
    value = bytes(element.value or b"")
    if not value:
        raise Refused("no_pixel_data", "The object's Pixel Data (7FE0,0010) are empty.")
    in_items = value[:4] in _ITEM and (syntax.is_compressed or bool(element.is_undefined_length))
    if in_items:
        return _coded(dataset, module, syntax, value, max_frames)
    if syntax.is_compressed and not syntax.is_deflated:
        module = replace(module, notes=(*module.notes, f"pass over the transfer syntax {syntax.name}: not compressed"))
        if len(value) - len(value) % 2 != _size(module, len(value), module.frames or 1)[0] // 2 * 2:
            raise Refused("damaged", f"The pixel data are said to be {syntax.name}, but hold no fragments.")
        syntax = ExplicitVRLittleEndian
    return _plain(module, syntax, value, str(element.VR), max_frames)


def _transfer_syntax(dataset: Dataset) -> UID:
    stated = getattr(dataset, "file_meta", None) and dataset.file_meta.get("TransferSyntaxUID")
    if stated:
        return UID(str(stated).strip(" \0"))
    implicit, little = dataset.original_encoding
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _coded(dataset: Dataset, module: PixelModule, syntax: UID, value: bytes, max_frames: int) -> Iterator[Frame]:
    """The frames of encapsulated Pixel Data (PS3.5 A.4)."""
    table = dataset.get_item("ExtendedOffsetTable")
    raw = table.value if table is not None and isinstance(table.value, bytes) else b""
    extended = tuple(np.frombuffer(raw[: len(raw) // 8 * 8], "<u8").tolist())
    streams, notes = dicom_fragments.frames(dicom_fragments.split(value), module.frames, extended)
    check_frames(len(streams), max_frames)
    for stream in map(codestream.unboxed, streams):
        header = codestream.parse(stream)
        if header is not None:
            dicom_pixel_module.check(module, header)
        real = frame_decoders.syntax_of(syntax, header)
        if real != syntax:
            notes = [*notes, f"pass over the transfer syntax {syntax.name}"]
        cells, decoder = frame_decoders.decode(stream, real, module, header)
        if cells.shape != _shape(module):
            raise Refused("damaged", "A decoded frame has another size or other samples than the header says.")
        precision = header.bits if header is not None else 8 * cells.dtype.itemsize
        known = dicom_pixel_module.settled(module, 8 * cells.dtype.itemsize, precision)
        disagrees = header is not None and header.signed and not known.signed and int(cells.min()) < 0
        if disagrees:
            known = replace(known, signed=True)
            notes = [*notes, "pass over PixelRepresentation: the codestream has negative values"]
        yield Frame(cells, precision, decoder, replace(known, notes=(*known.notes, *notes)), disagrees)
        notes = []


def _shape(module: PixelModule) -> tuple[int, ...]:
    return (module.rows, module.columns) if module.samples == 1 else (module.rows, module.columns, module.samples)


def _size(module: PixelModule, held: int, count: int) -> tuple[int, int]:
    """Bytes that `count` frames take uncompressed, and BitsAllocated, from the bytes held where it isn't stated."""
    samples = 2 if module.photometric == "YBR_FULL_422" else module.samples
    pixels = module.rows * module.columns * samples
    allocated = module.allocated or (16 if held >= 2 * pixels * count else 8)
    return -(-pixels * allocated * count // 8), allocated


def _plain(module: PixelModule, syntax: UID, value: bytes, vr: str, max_frames: int) -> Iterator[Frame]:
    """The frames of uncompressed Pixel Data: as many bytes as the header says, and no other frame behind them."""
    notes = list(module.notes)
    one, allocated = _size(module, len(value), 1)
    count = module.frames if module.frames is not None else max(1, len(value) // one)
    check_frames(count, max_frames)
    expected, _ = _size(module, len(value), count)
    if len(value) < expected:
        raise Refused(
            "truncated", f"The pixel data hold {len(value)} of {expected} bytes: the file was cut short. Copy it again."
        )
    if len(value) - expected >= one and len(value) > expected + 1:
        raise Refused(
            "damaged", f"The pixel data hold {len(value)} bytes; the header says {expected}: it describes others."
        )
    if len(value) > expected + 1:
        notes.append(f"pass over {len(value) - expected} bytes behind the pixels")
    described = Dataset()
    described.file_meta = FileMetaDataset()
    described.file_meta.TransferSyntaxUID = syntax
    described.Rows, described.Columns, described.NumberOfFrames = module.rows, module.columns, count
    described.SamplesPerPixel, described.PhotometricInterpretation = module.samples, module.photometric
    described.BitsAllocated, described.BitsStored, described.HighBit = allocated, allocated, allocated - 1
    described.PixelRepresentation = 0
    if module.samples > 1:
        described.PlanarConfiguration = int(module.by_plane)
    described.PixelData = value[: expected + expected % 2].ljust(expected + expected % 2, b"\0")
    described["PixelData"].VR = vr if vr in ("OB", "OW") else "OW"
    module = dicom_pixel_module.settled(replace(module, notes=tuple(notes)), allocated, allocated)
    decoder = get_decoder(syntax)
    for index in range(count):
        cells, _ = decoder.as_array(described, index=index)
        yield Frame(cells, allocated, syntax.name, module)
        module = replace(module, notes=())


def _decoded(dataset: Dataset, frame: Frame, index: int) -> Decoded:
    module = frame.module
    steps = [f"decode {frame.decoder}", *module.notes]
    if module.samples > 1:
        pixels = _colours(frame, steps)
        return Decoded(pixels, "dicom", index, module.photometric, False, tuple(steps))
    values, outside = dicom_pixel_module.stored_values(module, frame.cells, frame.precision)
    doubt = HEADER if frame.disagrees else None
    if outside:
        steps.append("mask bits outside BitsStored")
        doubt = HEADER if outside > FEW_OUTSIDE * values.size else doubt
    if not module.is_grey:
        pixels = dicom_palette.apply(dataset, module, values, steps)
        return Decoded(pixels, "dicom", index, module.photometric, False, tuple(steps), doubt=doubt)
    padded = dicom_greyscale.padding(dataset, module, frame.cells, values)
    pixels, inverted = dicom_greyscale.apply(dataset, module, values, index, steps, padded)
    return Decoded(pixels, "dicom", index, module.photometric, inverted, tuple(steps), doubt=doubt)


def _colours(frame: Frame, steps: list[str]) -> np.ndarray:
    from PIL import Image

    bits = min(frame.precision, frame.module.stored)
    grey = np.empty(frame.cells.shape[:2], np.uint8)
    for at in range(0, len(grey), BAND_ROWS):  # three float64 a pixel are fifty times what the file has
        values = frame.cells[at : at + BAND_ROWS].astype(np.float64)
        if bits != 8:
            values *= 255.0 / ((1 << bits) - 1)
        band = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8), "RGB")
        grey[at : at + BAND_ROWS] = np.asarray(band.convert("L"))
    if bits != 8:
        steps.append(f"scale {bits} bits to 8")
    steps.append("colour to grey")
    return grey
