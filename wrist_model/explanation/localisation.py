"""Where one heat map lies on its radiograph: its hottest point, its centre and its heat, inside a marked part or not.

The pointing game (Zhang et al. 2018, IJCV 126:1084) without their tolerance: the point must lie in the part itself. The
part of whatever is drawn (boxes here, circles in the tests of synthetic fractures) is a mask of the picture's pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wrist_model.evidence_records import Localised, Region
from wrist_model.records import ImageRef

Heat = NDArray[np.float32]
Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]

DARKEST = 25
"""Pixels up to this of 255 are empty ground: a point there is no fair rival of the hottest one."""
_WORDS = {"fractured": "fracture", "fractures": "fracture"}


def class_of(name: str) -> str:
    """A class as it is measured: in lower case, and `fracture` for `fractured`."""
    return _WORDS.get(name.lower(), name.lower())


def inside(shape: tuple[int, int], regions: Iterable[Region]) -> Mask:
    """bool (height, width): the pixels that these boxes touch."""
    mask = np.zeros(shape, dtype=bool)
    for box in regions:
        rows = slice(math.floor(box.y_min), math.ceil(box.y_max))
        mask[rows, math.floor(box.x_min) : math.ceil(box.x_max)] = True
    return mask


def content(pixels: Grey, darkest: int = DARKEST) -> Mask:
    """bool (height, width): what isn't empty ground; all of it where nothing is."""
    mask: Mask = pixels > darkest
    return mask if mask.any() else np.ones(pixels.shape, dtype=bool)


def hottest_inside(heat: Heat, part: Mask) -> float:
    """1 or 0: whether the hottest point lies in the part, both (height, width); the share of them where several are
    equally hot; 0 without heat."""
    peak = float(heat.max(initial=0.0))
    return float(part[heat == peak].mean()) if peak > 0 else 0.0


def centre_inside(heat: Heat, part: Mask) -> float:
    """1 or 0: whether the heat's centre of mass lies in the part; 0 without heat."""
    if float(heat.sum()) <= 0:
        return 0.0
    row, column = (math.floor(place + 0.5) for place in ndimage.center_of_mass(heat))
    return float(part[row, column])


def random_inside(part: Mask, ground: Mask) -> float:
    """How often a uniformly random point of the ground lies in the part: its share, in [0, 1]."""
    return float(part[ground].mean())


def share_inside(heat: Heat, part: Mask) -> float:
    """The share of heat, in [0, 1], in the part; 0 without heat."""
    total = float(heat.sum())
    return float(heat[part].sum()) / total if total > 0 else 0.0


def localised(ref: ImageRef, pixels: Grey, heat: Heat, regions: Sequence[Region]) -> list[Localised]:
    """How a map lies to the boxes of each class on its radiograph; heat float (height, width), at least 0."""
    ground, found = content(pixels), []
    for name in sorted({class_of(one.name) for one in regions}):
        part = inside(pixels.shape, (one for one in regions if class_of(one.name) == name))
        found.append(
            Localised(
                ref.image_uid,
                ref.patient_key,
                name,
                hottest_inside(heat, part),
                centre_inside(heat, part),
                random_inside(part, ground),
                share_inside(heat, part),
                bool(heat.max(initial=0.0) <= 0),
            )
        )
    return found
