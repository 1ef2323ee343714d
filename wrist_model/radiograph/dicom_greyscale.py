"""Stored DICOM values → uint8, bone bright: the greyscale pipeline of PS3.4 N.2 and PS3.3 C.11.

modality LUT (Modality LUT Sequence, or slope and intercept) → VOI LUT Sequence, or window, or where there is none a
percentile window → inversion (PresentationLUTShape, else MONOCHROME1), exactly once → 0–255. An element that makes no
sense is passed over, and the step says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
from pydicom.dataset import Dataset

from wrist_model.radiograph import dicom_elements, dicom_lookup_tables
from wrist_model.radiograph.dicom_lookup_tables import Transform
from wrist_model.radiograph.dicom_pixel_module import PixelModule

PERCENTILES = (0.5, 99.5)
"""The window where a file states none: between these percentiles of the modality values of the frame."""
_TABLE_LIMIT = 1 << 17
_NO_WIDTH = "pass over a window without a width"
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def apply(
    dataset: Dataset, module: PixelModule, stored: np.ndarray, index: int, steps: list[str], padded: np.ndarray | None
) -> tuple[np.ndarray, bool]:
    """uint8 (rows, columns) and whether it was inverted.

    stored: integers (rows, columns). padded: bool (rows, columns), where there is no picture (`padding`), or None.
    """
    low, high = int(stored.min()), int(stored.max())
    modality = _modality(dataset, module, index, steps)
    least, most = module.range
    is_curve = "ModalityLUTSequence" in dataset and module.stored <= 16  # whose extremes may lie anywhere
    ends = modality(np.arange(least, most + 1.0) if is_curve else np.array([least, most], np.float64))
    voi = _voi(dataset, (float(ends.min()), float(ends.max())), index, steps)
    if voi is None:
        seen = stored if padded is None else stored[~padded]
        bottom, top = _percentiles(modality, seen, int(seen.min()), int(seen.max()))
        voi = _linear_exact((bottom + top) / 2, top - bottom)
        without = "" if padded is None else ", without padding"
        steps.append(f"window percentile {PERCENTILES[0]}–{PERCENTILES[1]}: {bottom:g} to {top:g}{without}")
    inverted = _is_inverse(dataset, module)
    if inverted:
        steps.append("invert (PresentationLUTShape)" if _shape(dataset) else "invert (MONOCHROME1)")
    if _shape(dataset) and inverted != (module.photometric == "MONOCHROME1"):  # never both (PS3.3 C.8.11.3.1.2)
        steps.append(f"pass over {module.photometric}: PresentationLUTShape is {_shape(dataset)}")

    def transform(values: np.ndarray) -> np.ndarray:
        shares = np.clip(voi(modality(values)), 0.0, 1.0)
        return np.rint(255.0 * (1.0 - shares if inverted else shares)).astype(np.uint8)

    if high - low < _TABLE_LIMIT:  # each stored value once, then one look-up a pixel
        table = transform(np.arange(low, high + 1, dtype=np.float64))
        return table[stored - low], inverted
    return transform(stored.astype(np.float64)), inverted


def padding(dataset: Dataset, module: PixelModule, cells: np.ndarray, stored: np.ndarray) -> np.ndarray | None:
    """bool (rows, columns): where PixelPaddingValue (0028,0120), or the range to PixelPaddingRangeLimit (0028,0121),
    says that there is no picture (PS3.3 C.7.5.1.1.2); None where it says nothing, or of the whole frame.

    The value may use bits beside BitsStored: it is looked for in the cells as well as in the stored values.
    """
    ends = (
        dicom_elements.words(dataset, "PixelPaddingValue")[:1]
        + dicom_elements.words(dataset, "PixelPaddingRangeLimit")[:1]
    )
    if not ends or not dicom_elements.stated(dataset, "PixelPaddingValue"):
        return None
    whole = cells.astype(np.int64)
    if module.signed:
        half = 1 << (8 * cells.dtype.itemsize - 1)
        whole = ((whole + half) % (2 * half)) - half
        ends = [end - (end >> 15 << 16) for end in ends]
    padded = ((whole >= min(ends)) & (whole <= max(ends))) | ((stored >= min(ends)) & (stored <= max(ends)))
    return None if padded.all() or not padded.any() else padded


def _shape(dataset: Dataset) -> str:
    """PresentationLUTShape (2050,0020), where it is one of the two that the standard knows."""
    shape = str(dataset.get("PresentationLUTShape", "") or "").strip().upper()
    return shape if shape in ("INVERSE", "IDENTITY") else ""


def _is_inverse(dataset: Dataset, module: PixelModule) -> bool:
    """PresentationLUTShape says it; where it is absent, the photometric interpretation does. Never both."""
    return _shape(dataset) == "INVERSE" if _shape(dataset) else module.photometric == "MONOCHROME1"


def _groups(dataset: Dataset, index: int, sequence: str) -> Iterator[Dataset]:
    """The places that may hold a transform: the object, then shared and per-frame functional groups."""
    yield dataset
    for name, at in (("SharedFunctionalGroupsSequence", 0), ("PerFrameFunctionalGroupsSequence", index)):
        items = dataset.get(name) or []
        if len(items) > at:
            yield from items[at].get(sequence) or []


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """A sequence's items; none where the element is no sequence."""
    value = dataset.get(keyword)
    return [item for item in value if isinstance(item, Dataset)] if value and not isinstance(value, bytes | str) else []


def _modality(dataset: Dataset, module: PixelModule, index: int, steps: list[str]) -> Transform:
    """PS3.3 C.11.1: Modality LUT Sequence, else slope and intercept, else nothing."""
    for item in _items(dataset, "ModalityLUTSequence"):
        table = dicom_lookup_tables.read(item, *map(float, module.range))
        if table is not None:
            steps.extend([*filter(None, [table.note]), "modality LUT"])
            return table.values()
        steps.append("pass over an item of the Modality LUT Sequence: no table")
    for place in _groups(dataset, index, "PixelValueTransformationSequence"):
        said = [(name, dicom_elements.number(place, name)) for name in ("RescaleSlope", "RescaleIntercept")]
        if not any(dicom_elements.stated(place, name) for name, _ in said):
            continue
        for name, value in said:
            if dicom_elements.stated(place, name) and (value is None or (name == "RescaleSlope" and value == 0)):
                steps.append(f"pass over {name}")
        a, b = said[0][1] or 1.0, said[1][1] or 0.0
        if (a, b) != (1.0, 0.0):
            steps.append(f"rescale ×{a:g} {b:+g}")
        return lambda x: x * a + b
    return lambda x: x


def _voi(dataset: Dataset, ends: tuple[float, float], index: int, steps: list[str]) -> Transform | None:
    """PS3.3 C.11.2: the first VOI LUT or window that makes sense, as shares of its output range; None without one.

    ends: the least and the largest value that can come in.
    """
    for item in _items(dataset, "VOILUTSequence"):
        table = dicom_lookup_tables.read(item, *ends)
        if table is not None:
            steps.extend([*filter(None, [table.note]), "VOI LUT"])
            return table.shares()
        steps.append("pass over an item of the VOI LUT Sequence: no table")
    for place in _groups(dataset, index, "FrameVOILUTSequence"):
        said = str(place.get("VOILUTFunction", "") or "LINEAR").strip(" \0").upper() or "LINEAR"
        function = said if said in _FUNCTIONS else "LINEAR"
        pairs = zip_longest(dicom_elements.numbers(place, "WindowCenter"), dicom_elements.numbers(place, "WindowWidth"))
        for centre, width in pairs:
            if centre is None or width is None or width <= 0 or (function == "LINEAR" and width < 1):
                steps.append("pass over a window without a centre" if centre is None else _NO_WIDTH)
                continue
            if said != function:
                steps.append("pass over an unknown VOI LUT Function")
            steps.append(f"window {function} centre {centre:g} width {width:g}")
            if function == "SIGMOID":
                return _sigmoid(centre, width)
            if function == "LINEAR_EXACT":
                return _linear_exact(centre, width)
            return _linear_exact(centre - 0.5, width - 1.0)
    return None


def _sigmoid(centre: float, width: float) -> Transform:
    """PS3.3 C.11.2.1.3.1."""
    return lambda x: 1.0 / (1.0 + np.exp(np.clip(-4.0 * (x - centre) / width, -700, 700)))


def _linear_exact(centre: float, width: float) -> Transform:
    """PS3.3 C.11.2.1.3.2. LINEAR (C.11.2.1.2.1) is this with centre − 0.5 and width − 1; width 0 is a step."""
    if width <= 0:
        return lambda x: (x > centre).astype(np.float64)
    return lambda x: (x - centre) / width + 0.5


def _percentiles(modality: Transform, stored: np.ndarray, low: int, high: int) -> tuple[float, float]:
    """The percentile window's ends in modality values; the frame's own pixels decide, (n,) or (rows, columns)."""
    if high - low < _TABLE_LIMIT:
        counts = np.bincount((stored - low).ravel(), minlength=high - low + 1)
        values = modality(np.arange(low, high + 1, dtype=np.float64))
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(counts[order]) / stored.size
        ends = [float(values[order[np.searchsorted(reached, share / 100)]]) for share in PERCENTILES]
    else:
        ends = [float(value) for value in np.percentile(modality(stored.astype(np.float64)), PERCENTILES)]
    return ends[0], ends[1]
