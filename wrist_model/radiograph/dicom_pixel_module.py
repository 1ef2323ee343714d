"""The Image Pixel Module (PS3.3 C.7.6.3) as it is to be taken: what makes no sense is passed over, with a note."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from pydicom.dataset import Dataset

from wrist_model.errors import Refused
from wrist_model.radiograph import dicom_elements
from wrist_model.radiograph.codestream import Codestream

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_ONE_SAMPLE = (*MONOCHROME, "PALETTE COLOR")
_COLOUR = ("YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "RGB")


@dataclass(frozen=True)
class PixelModule:
    """frames is None where the header doesn't say; allocated, stored and high are BitsAllocated, BitsStored and
    HighBit, 0 (and −1) until `settled`. by_plane: PlanarConfiguration 1. notes: what was passed over."""

    rows: int
    columns: int
    frames: int | None
    samples: int
    photometric: str
    allocated: int
    stored: int
    high: int
    signed: bool
    by_plane: bool
    notes: tuple[str, ...]

    @property
    def is_grey(self) -> bool:
        return self.photometric in MONOCHROME

    @property
    def range(self) -> tuple[int, int]:
        """The least and the largest value that the stored bits can hold."""
        half = 1 << (self.stored - 1)
        return (-half, half - 1) if self.signed else (0, 2 * half - 1)


def read(dataset: Dataset) -> PixelModule:
    """Raises Refused (`damaged`, `unsupported`) where the object can't be a picture as its header has it."""
    notes: list[str] = []
    rows, columns = dicom_elements.whole(dataset, "Rows") or 0, dicom_elements.whole(dataset, "Columns") or 0
    if rows < 1 or columns < 1:
        raise Refused("damaged", f"Rows × Columns is {rows} × {columns}; expected at least 1 each.")
    frames = dicom_elements.whole(dataset, "NumberOfFrames")
    if dicom_elements.stated(dataset, "NumberOfFrames") and (frames is None or frames < 1):
        frames = None
        notes.append("pass over NumberOfFrames")
    elif frames is None:
        frames = 1
    photometric = " ".join(str(dataset.get("PhotometricInterpretation", "")).upper().strip(" \0").split())
    photometric = re.sub(r"^MONOCHROME ([12])$", r"MONOCHROME\1", photometric)
    if photometric not in _ONE_SAMPLE and photometric not in _COLOUR:
        raise Refused("unsupported", "The PhotometricInterpretation is none that Wrist knows.")
    expected = 1 if photometric in _ONE_SAMPLE else 3
    samples = dicom_elements.whole(dataset, "SamplesPerPixel")
    if samples in (None, 0):
        notes.append("pass over the missing SamplesPerPixel" if samples is None else "pass over SamplesPerPixel 0")
        samples = expected
    if samples != expected:
        raise Refused("damaged", f"The header says {photometric} with {samples} samples a pixel; expected {expected}.")
    allocated, stored, high = (
        dicom_elements.whole(dataset, name) for name in ("BitsAllocated", "BitsStored", "HighBit")
    )
    if allocated == 0:
        notes.append("pass over BitsAllocated 0")
        allocated = None
    if allocated is not None and allocated not in (1, 8, 16, 32):
        raise Refused("unsupported", f"BitsAllocated is {allocated}; expected 1, 8, 16 or 32.")
    if stored is not None and not 1 <= stored <= (allocated or 32):
        notes.append(f"pass over BitsStored {stored}")
        stored = None
    if stored and high is not None and not stored - 1 <= high < (allocated or 32):
        notes.append(f"pass over HighBit {high}")
        high = None
    return PixelModule(
        rows,
        columns,
        frames,
        samples,
        photometric,
        allocated or 0,
        stored or 0,
        high if stored and high is not None else (stored or 0) - 1,
        dicom_elements.whole(dataset, "PixelRepresentation") == 1,
        dicom_elements.whole(dataset, "PlanarConfiguration") == 1,
        tuple(notes),
    )


def settled(module: PixelModule, allocated: int, precision: int) -> PixelModule:
    """With what the pixels tell where the header is silent. allocated, precision: bits of a cell, of a sample in it."""
    stored = module.stored or precision
    return replace(
        module,
        allocated=allocated,
        stored=stored,
        high=module.high if module.stored else stored - 1,
        notes=module.notes if module.stored else (*module.notes, f"pass over the missing BitsStored, take {stored}"),
    )


def check(module: PixelModule, stream: Codestream) -> None:
    """Hold the header against what a coded frame says of itself. Raises Refused (`damaged`, `truncated`)."""
    cut = Refused("truncated", f"A coded frame lacks {stream.missing}: the file was cut short. Copy it again.")
    if stream.missing and not stream.rows:
        raise cut
    if (stream.rows, stream.columns) != (module.rows, module.columns):
        raise Refused(
            "damaged",
            f"A coded frame claims another size, {stream.rows} × {stream.columns}, than Rows and Columns say.",
        )
    if stream.missing:
        raise cut
    if stream.components != module.samples:
        raise Refused(
            "damaged",
            f"A coded frame has {stream.components} components a pixel; the header says {module.samples} "
            f"({module.photometric}).",
        )
    if module.allocated and stream.bits > module.allocated:
        raise Refused(
            "damaged",
            f"A coded frame has {stream.bits} bits a sample; the header says BitsAllocated {module.allocated}.",
        )


def stored_values(module: PixelModule, cells: np.ndarray, precision: int) -> tuple[np.ndarray, int]:
    """The pixel values in cells (PS3.5 8.1.1): the BitsStored bits below HighBit, with their sign; and in how many
    pixels other bits were set, above or below, which are no part of them (overlays, of old).

    cells: integers (rows, columns) as a frame was decoded. precision: bits a sample has in it. A codestream of no more
    bits than BitsStored holds the values alone, without the place that HighBit gives them in a cell.
    """
    low = module.high + 1 - module.stored if precision > module.stored else 0
    mask = (1 << module.stored) - 1
    whole = cells.astype(np.int64) if cells.dtype.itemsize > 2 else cells.astype(np.int32)
    values = (whole >> low) & mask
    if module.signed:
        sign = 1 << (module.stored - 1)
        values = (values ^ sign) - sign
    full = (1 << (8 * cells.dtype.itemsize)) - 1
    outside = 0
    if low or precision > module.stored:
        outside = int(np.count_nonzero(((values << low) ^ whole) & full))
    return values, outside
