"""Fractures of radius and ulna: where the bone is cut, and how the far piece has moved.

A broken bone is the whole bone's picture, cut along a jagged line, its far piece turned and shifted: cortices end and
start again beside themselves (a step), a gap stays dark, overlapping ends are doubly bright.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage


class Frame(Protocol):
    scale: float

    def to_pixels(self, points: np.ndarray) -> np.ndarray: ...

    def to_units(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True)
class Break:
    """One bone's fracture in one view, in anatomy's frame.

    level: y of the cut at the bone's middle (`middle`, x); slope: rise of the cut across the bone; turn: degrees that
    the far piece turned about that point; shift: how far it moved, (across, along): along > 0 is towards the elbow.
    """

    bone: str
    middle: float
    level: float
    slope: float
    turn: float
    shift: tuple[float, float]
    jag: int
    extent: float


@dataclass(frozen=True)
class Fracture:
    """A study's fracture; each view shows it in its own way. `seed` draws all of it."""

    seed: int

    def breaks(self, view: str) -> tuple[Break, ...]:
        """The breaks as this view shows them; the kind and the level are the same in all views of a study."""
        study = np.random.default_rng((self.seed, 0))
        own = np.random.default_rng((self.seed, 1 + ("PA", "LAT", "OBL").index(view)))
        distal = study.random() < 0.75
        both = study.random() < (0.35 if distal else 0.7)
        level = study.uniform(0.42, 0.75) if distal else study.uniform(1.1, 1.9)
        side = 1 if own.random() < 0.5 else -1
        across = side * own.uniform(0.17, 0.27)
        along = own.uniform(-0.10, -0.05) if own.random() < 0.5 else own.uniform(0.06, 0.12)
        turn = side * own.uniform(9, 20)
        front = view != "LAT"
        radius = Break(
            "radius", _middle(level) if front else 0.0, level, own.uniform(-0.4, 0.4), turn, (across, along),
            self.seed, 0.45 if distal else 0.36,
        )  # fmt: skip
        if not both:
            return (radius,)
        ulna = Break(
            "ulna", -0.53 if front else -0.13, level + study.uniform(-0.15, 0.15), own.uniform(-0.4, 0.4),
            turn * 0.8, (across * 0.9, along), self.seed + 1, 0.30,
        )  # fmt: skip
        return radius, ulna


def _middle(level: float) -> float:
    return 0.25 if level < 0.9 else 0.28


def displaced(layer: np.ndarray, crack: Break, frame: Frame) -> tuple[np.ndarray, tuple[float, float]]:
    """Break a bone's picture: float32 (rows, columns) → the same, and the middle of the break in anatomy's frame."""
    rows, columns = np.indices(layer.shape, np.float32)
    x, y = frame.to_units(columns, rows)
    near = layer * _beside(_height(x, y, crack), frame.scale)
    c, s = np.cos(np.radians(crack.turn)), np.sin(np.radians(crack.turn))
    dx, dy = x - crack.middle - crack.shift[0], y - crack.level - crack.shift[1]
    fx, fy = c * dx + s * dy + crack.middle, -s * dx + c * dy + crack.level
    source = frame.to_pixels(np.stack((fx.ravel(), fy.ravel()), axis=1)).T[::-1].reshape(2, *layer.shape)
    far = ndimage.map_coordinates(layer, source, order=1, mode="nearest")
    far = far * _beside(-_height(fx, fy, crack), frame.scale)
    centre = (crack.middle + crack.shift[0] / 2, crack.level + crack.shift[1] / 2)
    return (near + far).astype(np.float32), centre


def _height(x: np.ndarray, y: np.ndarray, crack: Break) -> np.ndarray:
    """How far a point lies on the elbow's side of the jagged cut, in units."""
    rng = np.random.default_rng(crack.jag)
    across = x - crack.middle
    line = crack.level + crack.slope * across
    for waves, size in ((8, 0.035), (19, 0.02), (37, 0.01)):
        line = line + size * np.sin(waves * across + rng.uniform(0, 2 * np.pi))
    return y - line


def _beside(height: np.ndarray, scale: float) -> np.ndarray:
    return np.clip(height * scale + 0.5, 0, 1)
