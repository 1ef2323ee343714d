"""Is bone dark on a light ground? Seen on a thumbnail, and said only when it is plain.

A false inversion ruins a good picture, a missed one leaves it as it came: the rule asks for several signs at once.
"""

from __future__ import annotations

import numpy as np

EDGE = 96


def thumbnail(pixels: np.ndarray, edge: int = EDGE) -> np.ndarray:
    """uint8 (h, w), at most about 2 × edge a side: means over whole blocks."""
    step = max(1, min(pixels.shape) // edge)
    if step == 1:
        return pixels
    height, width = (size // step * step for size in pixels.shape)
    blocks = pixels[:height, :width].reshape(height // step, step, width // step, step)
    return blocks.mean(axis=(1, 3), dtype=np.float32).astype(np.uint8)


def is_inverted(small: np.ndarray) -> bool:
    """Whether the thumbnail shows a negative: air around the limb bright, bone darker than soft tissue."""
    if min(small.shape) < 8:
        return False
    return score(small) > 0.5


def score(small: np.ndarray) -> float:
    """0 to 1: how plainly the picture is a negative."""
    height, width = small.shape
    margin_y, margin_x = max(1, height // 20), max(1, width // 20)
    border = np.concatenate(
        [small[:margin_y].ravel(), small[-margin_y:].ravel(), small[:, :margin_x].ravel(), small[:, -margin_x:].ravel()]
    )
    inner = small[height // 4 : height - height // 4, width // 4 : width - width // 4]
    border_bright = float(np.mean(border > 200))
    darker_inside = float(np.median(border)) - float(np.median(inner))
    whole_bright = float(np.median(small))
    return float(border_bright > 0.6 and darker_inside > 40 and whole_bright > 110)
