"""Pictures that look wrong though they decoded: told beside the image, for a person to look at; never refused.

Limits are such that real radiographs stay clear of them: docs/ingest.md has the figures.
"""

from __future__ import annotations

import numpy as np

NEARLY_BLACK, NEARLY_WHITE, FEW_LEVELS, HALF_EMPTY, HEADER = (
    "nearly_black",
    "nearly_white",
    "few_grey_levels",
    "half_empty",
    "header_disagrees",
)
_DARK, _BRIGHT = 24, 231  # 99 of 100 pixels are darker, or brighter
_LEVELS = 12
_EMPTY = 0.45


def looks_wrong(pixels: np.ndarray, small: np.ndarray) -> str | None:
    """The first of the words above that fits, or None. pixels: uint8 (rows, columns); small: its thumbnail."""
    counts = np.bincount(small.ravel(), minlength=256)
    reached = np.cumsum(counts)
    if reached[_DARK] >= 0.99 * small.size:
        return NEARLY_BLACK
    if reached[_BRIGHT] <= 0.01 * small.size:
        return NEARLY_WHITE
    if pixels.size >= 256 and _levels(pixels[:: max(1, pixels.shape[0] // 64)]) < _LEVELS and _levels(pixels) < _LEVELS:
        return FEW_LEVELS
    if _empty_end(pixels) >= _EMPTY or _empty_end(pixels.T) >= _EMPTY:
        return HALF_EMPTY
    return None


def _levels(pixels: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(pixels.ravel(), minlength=256)))


def _empty_end(pixels: np.ndarray) -> float:
    """The share of rows from the last one up (or the first one down) that are of its one grey level throughout."""
    longest = 0
    for lines in (pixels, pixels[::-1]):
        level, count = lines[0, 0], 0
        step = max(1, len(lines) // 64)
        while count < len(lines) and (lines[count] == level).all():
            count += step
        longest = max(longest, count)
    return min(1.0, longest / len(pixels))
