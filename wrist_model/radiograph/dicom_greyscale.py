"""Stored DICOM values → uint8, bone bright: the greyscale pipeline of PS3.4 N.2 and PS3.3 C.11.

modality LUT (Modality LUT Sequence, or slope and intercept) → VOI LUT Sequence, or window, or where there is none a
percentile window → inversion (PresentationLUTShape, else MONOCHROME1), exactly once → 0–255.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from wrist_model.errors import Refused

PERCENTILES = (0.5, 99.5)
"""The window where a file states none: between these percentiles of the modality values of the frame."""
_TABLE_LIMIT = 1 << 17


def apply(dataset: Dataset, stored: np.ndarray, index: int, steps: list[str]) -> tuple[np.ndarray, bool]:
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
