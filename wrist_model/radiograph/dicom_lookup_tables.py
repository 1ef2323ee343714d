"""Modality and VOI LUT items (PS3.3 C.11.1 and C.11.2), taken by what they hold where their descriptor is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from wrist_model.radiograph import dicom_elements

Transform = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class LookUpTable:
    """entries: float64 (n,), as stored. first: the value that the first of them is for. full: the entry that is white.
    note: what was passed over."""

    entries: np.ndarray
    first: int
    full: int
    note: str | None = None

    def values(self) -> Transform:
        """Values → entries; those below the first get the first entry, those beyond the last the last."""
        return _look_up(self.entries, self.first)

    def shares(self) -> Transform:
        """Values → entries as shares of their range."""
        return _look_up(self.entries / self.full, self.first)


def read(
    item: Dataset, low: float, high: float, *, names: tuple[str, str] = ("LUTDescriptor", "LUTData"), least: int = 2
) -> LookUpTable | None:
    """The table in an item, or None where it holds none that makes sense.

    low, high: the least and largest value that can come in. The first value mapped is signed where they can be
    negative (C.11.2.1.1), whichever VR the descriptor has. least: how many different entries make sense.
    """
    descriptor = dicom_elements.words(item, names[0])
    if len(descriptor) != 3:
        return None
    stated, first, bits = descriptor
    stated = stated or 1 << 16
    entries = _data(item, names[1], stated, bits)
    if len(entries) < 2 or len(np.unique(entries)) < least:
        return None
    note = f"pass over the number of entries, {stated}: the LUT has {len(entries)}" if len(entries) != stated else None
    if entries.dtype == np.uint8 and bits > 8:
        note = f"pass over {bits} bits an entry: the LUT has bytes"
    signed, unsigned = first - (first >> 15 << 16), first
    chosen, other = (signed, unsigned) if low < 0 else (unsigned, signed)
    if not _meets(chosen, len(entries), low, high):
        if not _meets(other, len(entries), low, high):
            return None  # one grey, whatever comes in
        chosen = other
    return LookUpTable(entries.astype(np.float64), chosen, _full(int(entries.max()), bits), note)


def _full(largest: int, stated: int) -> int:
    """The largest value of the bits that the largest entry needs: some makers declare more bits than the table uses,
    and its brightest entry would be a dark grey. One beyond those bits (4096 of 12) is rounded, and no further bit."""
    needed = largest.bit_length()
    if largest == 1 << (needed - 1) and stated != needed and needed > 1:
        needed -= 1
    return (1 << needed) - 1


def _meets(first: int, count: int, low: float, high: float) -> bool:
    return first <= high and first + count - 1 >= low


def _data(item: Dataset, name: str, stated: int, bits: int) -> np.ndarray:
    """LUT Data (0028,3006) or a palette's: 16-bit words, or bytes where there are only so many, whatever the descriptor
    says of their bits (PS3.3 C.7.6.3.1.5's note)."""
    element = item.get_item(name)
    value = None if element is None else element.value
    if isinstance(value, bytes) and stated <= len(value) < (2 * stated if bits <= 8 else stated + 2):
        if element.VR != "OB" and not dicom_elements.is_little(element):  # bytes in words (PS3.5 7.3)
            value = np.frombuffer(value[: len(value) // 2 * 2], "<u2").byteswap().tobytes()
        return np.frombuffer(value, np.uint8)[:stated]
    found = np.array(dicom_elements.words(item, name), np.int64)
    return found[:stated] if len(found) in (stated, stated + 1) else found


def _look_up(table: np.ndarray, first: int) -> Transform:
    def apply(values: np.ndarray) -> np.ndarray:
        return table[np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)]

    return apply
