"""A heat map drawn over its radiograph."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wrist_model.training.image_batches import Place

OPACITY = 0.55
"""Of the hottest place: the bone below can still be read."""


def upsampled(heat: Maps, shape: tuple[int, int], at: Place | None = None, most: float = 1.0) -> Maps:
    """float32 (h, w) → (height, width) in [0, 1]: bicubic, over the largest value; all 0 where there is no heat.

    The map covers the square that the network sees, and `at` is where the picture lies in it (None: all of it): what
    lies beside the picture is left out, and the rest is stretched over the whole picture. most: what bicubic values
    above 1, as they come between hot cells, are cut to; 1 makes a plateau, on which no point is the hottest.
    """
    peak = float((heat if at is None else touched(heat, at)).max(initial=0.0))
    if not np.isfinite(peak) or peak <= 0:
        return np.zeros(shape, dtype=np.float32)
    box = None
    if at is not None:
        high, wide = heat.shape
        box = tuple(each / at.size for each in (at.left * wide, at.top * high, at.right * wide, at.bottom * high))
    picture = Image.fromarray((heat / peak).astype(np.float32)).resize(shape[::-1], Image.Resampling.BICUBIC, box)
    return np.clip(np.asarray(picture, dtype=np.float32), 0, most)


def touched(heat: Maps, at: Place) -> Maps:
    """The cells of a map (h, w) that hold a part of the picture."""
    high, wide = heat.shape
    rows = slice(at.top * high // at.size, -(-at.bottom * high // at.size))
    return heat[rows, at.left * wide // at.size : -(-at.right * wide // at.size)]


@cache
def _colours() -> tuple[bytes, bytes]:
    """For each of 256 heats: its colour in `inferno` (768 bytes), and its opacity (256 bytes)."""
    from matplotlib import colormaps

    heat = np.linspace(0, 1, 256)
    colours = (colormaps["inferno"](heat)[:, :3] * 255).astype(np.uint8)
    return colours.tobytes(), (255 * OPACITY * np.clip(heat * 1.6, 0, 1)).astype(np.uint8).tobytes()


def overlay(pixels: Grey, heat: Maps) -> bytes:
    """PNG: the radiograph uint8 (height, width) under the heat (height, width) in [0, 1], matplotlib's `inferno`.

    Opacity grows with the heat, so that cold bone stays as it was and hot bone can still be read.
    """
    colours, opacity = _colours()
    level = Image.fromarray((heat * 255).astype(np.uint8))
    mask = level.point(list(opacity))
    painted = level.copy()
    painted.putpalette(colours)
    blended = Image.composite(painted.convert("RGB"), Image.fromarray(pixels).convert("RGB"), mask)
    stream = io.BytesIO()
    blended.save(stream, "PNG", compress_level=1, compress_type=3)  # run lengths: smaller and faster here
    return stream.getvalue()


Maps = NDArray[np.float32]

Grey = NDArray[np.uint8]
