"""Numbers in DICOM elements as real files hold them: read from the raw bytes, so that a bad one raises nothing.

pydicom converts an element when it is asked for, and raises for a decimal comma or a number where none should be; which
of US and SS an ambiguous element has, it guesses from elements that may be wrong.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset

_PACKED = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}


def numbers(dataset: Dataset, keyword: str) -> list[float | None]:
    """Each value of an element as a finite float, None for one that is no number; empty where there is no value."""
    element = dataset.get_item(keyword)
    value = None if element is None else element.value
    if value in (None, "", b""):
        return []
    if isinstance(value, bytes):
        kind = _PACKED.get(_vr(element))
        return [_number(part) for part in (_unpacked(element, kind) if kind else value.decode("latin-1").split("\\"))]
    many = not isinstance(value, str) and hasattr(value, "__iter__")
    return [_number(part) for part in (value if many else [value])]


def number(dataset: Dataset, keyword: str) -> float | None:
    """An element's first value, or None where it has none or it is no finite number."""
    return next(iter(numbers(dataset, keyword)), None)


def whole(dataset: Dataset, keyword: str) -> int | None:
    """An element's first value where it is a whole number, else None."""
    value = number(dataset, keyword)
    return int(value) if value is not None and value == int(value) else None


def words(dataset: Dataset, keyword: str) -> list[int]:
    """An element of VR US, SS or OW as unsigned 16-bit words, whichever of them it says to be; text as its numbers."""
    element = dataset.get_item(keyword)
    value = None if element is None else element.value
    if value in (None, "", b""):
        return []
    if isinstance(value, bytes) and _vr(element) not in ("DS", "IS"):
        return [int(part) for part in _unpacked(element, "H")]
    if isinstance(value, bytes):
        return [int(part) & 0xFFFF for part in numbers(dataset, keyword) if part is not None]
    return [int(part) & 0xFFFF for part in (value if hasattr(value, "__iter__") else [value])]


def stated(dataset: Dataset, keyword: str) -> bool:
    """Whether an element is there and has a value."""
    element = dataset.get_item(keyword)
    return element is not None and element.value not in (None, "", b"")


def is_little(element: Any) -> bool:
    """Whether a raw element's bytes are little endian; one that pydicom has converted holds none."""
    return bool(getattr(element, "is_little_endian", True))


def _vr(element: Any) -> str:
    """A raw element's VR; the standard's where it has none or UN (PS3.5 6.2.2: who forwarded it didn't know it)."""
    return str(element.VR if element.VR not in (None, "UN") else dictionary_VR(element.tag))


def _unpacked(element: Any, kind: str) -> tuple[Any, ...]:
    count = len(element.value) // struct.calcsize(kind)
    order = "<" if is_little(element) else ">"
    return struct.unpack_from(f"{order}{count}{kind}", element.value)


def _number(value: Any) -> float | None:
    text = str(value).strip(" \0\r\n\t")
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and "_" not in text else None
