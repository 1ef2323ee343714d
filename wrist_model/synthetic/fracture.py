"""Fractures of radius and ulna: where the bone is cut, and how the far piece has moved.

A broken bone is the whole bone's picture, cut along a jagged line, its far piece turned and shifted: cortices end and
start again beside themselves (a step), a gap stays dark, overlapping ends are doubly bright.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from wrist_model.synthetic.coordinates import Frame


@dataclass(frozen=True)
class Break:
    """One bone's fracture in one view, in anatomy's frame.

    level: y of the cut at the bone's middle (`middle`, x); slope: rise of the cut across the bone; turn: degrees that
    the far piece turned about that point; shift: how far it moved against the near one, (across, along): along > 0 is
    towards the elbow.
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
        both = study.random() < (0.5 if distal else 0.8)
        level = study.uniform(0.42, 0.75) if distal else study.uniform(0.95, 1.5)
        side = 1 if own.random() < 0.5 else -1
        across = side * own.uniform(0.10, 0.18)
        along = own.uniform(-0.22, -0.14) if own.random() < 0.8 else own.uniform(0.06, 0.14)
        turn = -side * own.uniform(5, 12)
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
    x, y = frame.grid(layer.shape)
    # Across, each piece moves by half; along, only the shaft, which looks the same all along: the place tells nothing.
    half = crack.shift[0] / 2
    nx, ny = x + half, y + crack.shift[1]
    c, s = np.cos(np.radians(crack.turn)), np.sin(np.radians(crack.turn))
    dx, dy = x - crack.middle - half, y - crack.level
    fx, fy = c * dx + s * dy + crack.middle, -s * dx + c * dy + crack.level
    near, far = (
        _moved(layer, frame, px, py) * _beside(height, frame.scale) * _dense(height)
        for px, py, height in ((nx, ny, _height(nx, ny, crack)), (fx, fy, -_height(fx, fy, crack)))
    )
    bright, dark = (_pieces(x, y, crack, which) for which in (5, 6))
    broken = (near + far) * (1 - 0.9 * dark) + 0.65 * float(layer.max()) * bright
    return broken.astype(np.float32), (crack.middle, crack.level - crack.shift[1] / 2)


def _dense(height: np.ndarray) -> np.ndarray:
    """The crushed margin: bone pressed together next to the cut, which makes up for what the gap lacks."""
    return 1 + 1.05 * np.exp(-((height / 0.085) ** 2))


def _pieces(x: np.ndarray, y: np.ndarray, crack: Break, which: int) -> np.ndarray:
    """Splinters (or the holes they left) along the break: sharp, four-sided at most, thickest in the middle; 0–1."""
    rng = np.random.default_rng((crack.jag, which))
    pieces = np.zeros(x.shape, np.float32)
    for _ in range(int(rng.integers(4, 7))):
        cx = crack.middle + rng.uniform(-0.75, 0.75) * crack.extent
        cy = crack.level - crack.shift[1] / 2 + crack.slope * (cx - crack.middle) + rng.uniform(-0.11, 0.11)
        size, turn = rng.uniform(0.06, 0.12), rng.uniform(0, 2 * np.pi)
        corners = turn + np.cumsum(rng.uniform(1.2, 2.2, 4))
        edges = [(x - cx) * np.cos(k) + (y - cy) * np.sin(k) - size * rng.uniform(0.4, 1.0) for k in corners]
        pieces = np.maximum(pieces, np.sqrt(np.clip(-np.maximum.reduce(edges) / size, 0, 1)))
    return pieces


def _moved(layer: np.ndarray, frame: Frame, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The picture as seen at other places: sampled at x, y (units), linearly."""
    source = frame.to_pixels(np.stack((x.ravel(), y.ravel()), axis=1)).T[::-1].reshape(2, *layer.shape)
    return ndimage.map_coordinates(layer, source, order=1, mode="nearest")


def _height(x: np.ndarray, y: np.ndarray, crack: Break) -> np.ndarray:
    """How far a point lies on the elbow's side of the jagged cut, in units."""
    rng = np.random.default_rng(crack.jag)
    across = x - crack.middle
    line = crack.level + crack.slope * across
    for waves, size in ((8, 0.05), (17, 0.045), (37, 0.015)):
        line = line + size * np.sin(waves * across + rng.uniform(0, 2 * np.pi))
    return y - line


def _beside(height: np.ndarray, scale: float) -> np.ndarray:
    return np.clip(height * scale + 0.5, 0, 1)
