"""PALETTE COLOR (PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6): stored values → uint8 greys, by the table's own entries."""

from __future__ import annotations

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from wrist_model.errors import Refused
from wrist_model.radiograph import dicom_elements, dicom_lookup_tables
from wrist_model.radiograph.dicom_pixel_module import PixelModule

_COLOURS = ("Red", "Green", "Blue")


def apply(dataset: Dataset, module: PixelModule, values: np.ndarray, steps: list[str]) -> np.ndarray:
    """uint8 (rows, columns) from stored values, integers (rows, columns). Raises Refused (`damaged`).

    Some makers write entries of 8 bits into words, and say 16 bits or 8: where none is above 255, that is white.
    """
    low, high = int(values.min()), int(values.max())
    if high - low >= 1 << 17:
        raise Refused("damaged", f"The stored values reach from {low} to {high}; a palette has 65536 entries at most.")
    steps.append("palette")
    entries = _entries(dataset, module, np.arange(low, high + 1), steps)
    if entries.max(initial=0) > 255:
        entries = entries * (255.0 / 65535.0)
        steps.append("scale 16 bits to 8")
    steps.append("colour to grey")
    table = Image.fromarray(np.rint(entries).astype(np.uint8)[None], "RGB")
    return np.asarray(table.convert("L"))[0][values - low]


def _entries(dataset: Dataset, module: PixelModule, values: np.ndarray, steps: list[str]) -> np.ndarray:
    """Red, green and blue of each value: numbers (n, 3)."""
    if any(dicom_elements.stated(dataset, f"Segmented{colour}PaletteColorLookupTableData") for colour in _COLOURS):
        return apply_color_lut(values[None], dataset)[0].astype(np.float64)
    columns = []
    for colour in _COLOURS:
        names = (f"{colour}PaletteColorLookupTableDescriptor", f"{colour}PaletteColorLookupTableData")
        table = dicom_lookup_tables.read(dataset, *map(float, module.range), names=names, least=1)
        if table is None:
            raise Refused("damaged", f"The {colour} Palette Color Lookup Table is missing or holds no entries.")
        if table.note is not None and table.note not in steps:
            steps.append(table.note)
        columns.append(table.values()(values))
    return np.stack(columns, axis=-1)
