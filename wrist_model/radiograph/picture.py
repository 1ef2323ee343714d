"""A decoded picture, and what bounds its size before it is decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from wrist_model.errors import Refused


@dataclass(frozen=True, eq=False)
class Decoded:
    """One picture, or one frame of a DICOM object.

    pixels: uint8 (height, width), bone bright. photometric: what the file says of its greys (MONOCHROME1, RGB, …).
    inverted: whether dark and bright were swapped on the way. steps: what was applied, in order.
    """

    pixels: np.ndarray
    format: str
    frame: int
    photometric: str
    inverted: bool
    steps: tuple[str, ...]
    small: np.ndarray | None = None  # its thumbnail, wrist_model.polarity.thumbnail
    doubt: str | None = None  # what looks wrong about it, in wrist_model.radiograph.suspicious's words

    @property
    def pixel_sha256(self) -> str:
        return pixel_sha256(self.pixels)


def pixel_sha256(pixels: np.ndarray) -> str:
    """SHA-256 of the shape and the uint8 pixels in row order."""
    digest = hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]}:".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


DEFAULT_MAX_FRAMES = 256
"""The most frames of one object that are decoded: a radiograph has one, a long series of exposures some dozens."""


def check_frames(frames: int, max_frames: int) -> None:
    """Raises Refused `decompression_bomb` before anything is decoded: each frame becomes a row and a file."""
    if frames > max_frames:
        raise Refused(
            "decompression_bomb", f"The object claims {frames} frames; the limit is {max_frames} (--max-frames)."
        )


def check_size(width: int, height: int, max_pixels: int, frames: int = 1) -> None:
    """Raises Refused `decompression_bomb` before anything is decoded."""
    if width * height * frames > max_pixels:
        size = f"{width} × {height}" + (f" × {frames} frames" if frames > 1 else "")
        raise Refused(
            "decompression_bomb",
            f"The picture claims {size} pixels; the limit is {max_pixels / 1e6:g} megapixels (--max-megapixels).",
        )
