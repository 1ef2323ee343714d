"""Augmentation of training images: rotation, shear, brightness, flip.

What is drawn depends on the picture's content, the recipe's seed and the view's number alone: never on the order,
the batch or the worker. The geometry is that of Keras's `ImageDataGenerator` (rotation · shear about the centre,
nearest edge, bilinear); brightness multiplies and clips.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from wrist_model.recipe import AugmentationRecipe


@dataclass(frozen=True)
class Draw:
    """One drawn change: angles in degrees, as Keras counts them, brightness as a factor."""

    rotation: float
    shear: float
    brightness: float
    flip: bool


def draw(recipe: AugmentationRecipe, seed: int, pixel_sha256: str, view: int) -> Draw:
    """What view number `view` of a picture looks like: uniform within the recipe's ranges, from a hash."""
    digest = hashlib.sha256(f"{seed}:{view}:{pixel_sha256}".encode()).digest()
    a, b, c, d = (int.from_bytes(digest[i : i + 8], "big") / 2**64 for i in (0, 8, 16, 24))
    low, high = recipe.brightness
    return Draw(
        rotation=(2 * a - 1) * recipe.rotation_degrees,
        shear=(2 * b - 1) * recipe.shear_degrees,
        brightness=low + (high - low) * c,
        flip=recipe.horizontal_flip and d < 0.5,
    )


def apply(pixels: np.ndarray, change: Draw) -> np.ndarray:
    """uint8 (size, size, 1) → a changed copy, uint8 (size, size, 1)."""
    size = pixels.shape[0]
    grey = pixels[..., 0]
    theta, shear = math.radians(change.rotation), math.radians(change.shear)
    margin = math.ceil(size * (abs(math.sin(theta)) + abs(math.sin(shear))) / 2) + 2
    padded = np.pad(grey, margin, mode="edge")
    # Output → input for (x, y), as Keras has it: rotation · shear.
    sin, cos = math.sin(theta), math.cos(theta)
    xy, yy = -math.sin(shear), math.cos(shear)
    a, b = cos, cos * xy - sin * yy
    d, e = sin, sin * xy + cos * yy
    if change.flip:
        a, d = -a, -d
    centre = size / 2
    c = centre + margin - (a + b) * centre
    f = centre + margin - (d + e) * centre
    picture = Image.fromarray(padded).transform(
        (size, size), Image.Transform.AFFINE, (a, b, c, d, e, f), resample=Image.Resampling.BILINEAR
    )
    table = np.clip(np.arange(256) * change.brightness + 0.5, 0, 255).astype(np.uint8)
    return table[np.asarray(picture)][..., None]
