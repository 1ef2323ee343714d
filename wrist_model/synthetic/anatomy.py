"""Where the bones of a wrist lie: outlines in a frame of its own, for a right hand seen from the front or the side.

The origin is the middle of the radiocarpal joint, y grows towards the elbow, x towards the thumb (in the side view:
towards the palm); the unit is about the width of the distal radius (30 mm). Outlines are float64 (n, 2), closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Points = np.ndarray


@dataclass(frozen=True)
class Bone:
    """One bone: its outline, the depth at which it is as thick as it gets, and its cortex at shaft and end (units)."""

    name: str
    outline: Points
    half_width: float
    cortex: float
    density: float = 1.0
    group: str = "hand"  # "radius", "ulna" or "hand": what moves together


RADIUS_FRONT = (
    (0.10, 5.2), (0.08, 3.0), (0.06, 2.0), (0.01, 1.2), (-0.07, 0.65), (-0.17, 0.28), (-0.17, 0.04), (-0.08, -0.01),
    (0.08, 0.02), (0.25, -0.03), (0.40, -0.14), (0.49, -0.29), (0.57, -0.33), (0.64, -0.22), (0.67, 0.02),
    (0.66, 0.22), (0.59, 0.55), (0.53, 1.0), (0.49, 2.0), (0.48, 3.0), (0.47, 5.2),
)  # fmt: skip
ULNA_FRONT = (
    (-0.66, 5.2), (-0.67, 2.0), (-0.68, 1.0), (-0.70, 0.5), (-0.74, 0.28), (-0.75, 0.08), (-0.74, -0.08),
    (-0.69, -0.16), (-0.64, -0.08), (-0.58, 0.07), (-0.44, 0.05), (-0.32, 0.11), (-0.27, 0.26), (-0.32, 0.46),
    (-0.38, 0.9), (-0.39, 2.0), (-0.38, 5.2),
)  # fmt: skip
RADIUS_SIDE = (
    (-0.20, 5.2), (-0.20, 2.5), (-0.21, 1.3), (-0.26, 0.7), (-0.32, 0.3), (-0.33, 0.02), (-0.24, -0.05), (-0.06, 0.06),
    (0.12, 0.07), (0.25, -0.02), (0.31, 0.04), (0.32, 0.25), (0.27, 0.6), (0.22, 1.3), (0.19, 2.5), (0.18, 5.2),
)  # fmt: skip
ULNA_SIDE = (
    (-0.30, 5.2), (-0.30, 2.5), (-0.27, 1.2), (-0.25, 0.5), (-0.25, 0.12), (-0.17, -0.10), (-0.08, 0.02), (0.03, 0.10),
    (0.06, 0.3), (0.02, 0.6), (-0.01, 1.2), (-0.04, 2.5), (-0.04, 5.2),
)  # fmt: skip

# name, centre x, y, half axes, degrees
CARPALS_FRONT = (
    ("scaphoid", 0.37, -0.44, 0.25, 0.155, -42), ("lunate", 0.03, -0.24, 0.19, 0.175, 10),
    ("triquetrum", -0.32, -0.36, 0.19, 0.145, 40), ("pisiform", -0.37, -0.42, 0.10, 0.12, 0),
    ("trapezium", 0.66, -0.78, 0.17, 0.15, 30), ("trapezoid", 0.40, -0.86, 0.125, 0.145, 0),
    ("capitate", 0.09, -0.70, 0.16, 0.29, 5), ("hamate", -0.23, -0.74, 0.19, 0.21, -20),
)  # fmt: skip
CARPALS_SIDE = (
    ("lunate", 0.00, -0.19, 0.20, 0.19, 10), ("scaphoid", 0.12, -0.34, 0.16, 0.30, 35),
    ("triquetrum", -0.12, -0.36, 0.16, 0.20, 0), ("capitate", -0.02, -0.62, 0.17, 0.27, 0),
    ("trapezium", 0.25, -0.76, 0.17, 0.16, 0), ("hamate", -0.07, -0.80, 0.18, 0.19, 0),
)  # fmt: skip

# name, base x, y, head x, y, half width of the shaft
METACARPALS_FRONT = (
    ("metacarpal 1", 0.86, -0.92, 1.28, -1.95, 0.105), ("metacarpal 2", 0.43, -1.04, 0.62, -2.85, 0.100),
    ("metacarpal 3", 0.12, -1.03, 0.16, -2.85, 0.100), ("metacarpal 4", -0.15, -0.98, -0.27, -2.65, 0.085),
    ("metacarpal 5", -0.36, -0.93, -0.64, -2.40, 0.090),
)  # fmt: skip
METACARPALS_SIDE = (
    ("metacarpal 1", 0.42, -0.90, 0.95, -1.95, 0.105), ("metacarpal 2", 0.05, -1.00, 0.04, -2.85, 0.105),
    ("metacarpal 3", -0.02, -1.02, -0.06, -2.85, 0.105), ("metacarpal 4", -0.04, -0.98, 0.02, -2.65, 0.090),
    ("metacarpal 5", 0.00, -0.95, 0.10, -2.40, 0.090),
)  # fmt: skip


def smooth(outline: Points, rounds: int = 2) -> Points:
    """Cut the corners of a closed outline (Chaikin 1974)."""
    for _ in range(rounds):
        following = np.roll(outline, -1, axis=0)
        outline = np.stack((0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following), axis=1)
        outline = outline.reshape(-1, 2)
    return outline


def _pebble(rng: np.random.Generator, x: float, y: float, a: float, b: float, degrees: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    bumps = sum(rng.normal(0, 0.05) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4))
    radius = (np.abs(np.cos(angle)) ** 2.6 + np.abs(np.sin(angle)) ** 2.6) ** (-1 / 2.6) * (1 + bumps)
    return _turned(np.stack((a * radius * np.cos(angle), b * radius * np.sin(angle)), axis=1), degrees) + (x, y)


def _rod(base: tuple[float, float], head: tuple[float, float], half: float) -> Points:
    (x0, y0), (x1, y1) = base, head
    length = float(np.hypot(x1 - x0, y1 - y0))
    t = np.array((0.0, 0.02, 0.10, 0.22, 0.45, 0.70, 0.84, 0.93, 0.98, 1.0))
    width = half * np.array((0.9, 1.45, 1.5, 1.12, 0.92, 1.0, 1.35, 1.5, 1.2, 0.5))
    along = np.concatenate((t, t[::-1])) * length
    across = np.concatenate((width, -width[::-1]))
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    return np.stack((x0 + along * ux - across * uy, y0 + along * uy + across * ux), axis=1)


def _turned(points: Points, degrees: float) -> Points:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array(((c, s), (-s, c)))


def wrist(rng: np.random.Generator, view: str) -> tuple[Bone, ...]:
    """The bones of one wrist; `rng` draws the person (call it with the patient's own stream), view "PA" or "LAT"."""
    front = view != "LAT"
    slim, cortex = rng.normal(1.0, 0.06), rng.uniform(0.055, 0.085)
    ulnar_variance = rng.normal(0, 0.07)

    def forearm(name: str, points: tuple[tuple[float, float], ...], half: float, shift: float) -> Bone:
        outline = np.array(points) + (0.0, shift)
        middle = outline[:, 0].mean()
        bow = rng.normal(0, 0.05) * np.clip(outline[:, 1] - 0.5, 0, None) ** 1.5
        outline[:, 0] = middle + (outline[:, 0] - middle) * slim + bow
        outline += rng.normal(0, 0.008, outline.shape)
        return Bone(name, smooth(outline), half * slim, cortex, group=name)

    bones = [
        forearm("ulna", ULNA_FRONT if front else ULNA_SIDE, 0.15, ulnar_variance),
        forearm("radius", RADIUS_FRONT if front else RADIUS_SIDE, 0.21, 0.0),
    ]
    for name, x, y, a, b, degrees in CARPALS_FRONT if front else CARPALS_SIDE:
        place = (x + rng.normal(0, 0.015), y + rng.normal(0, 0.015))
        outline = _pebble(rng, *place, 1.10 * a * slim, 1.08 * b, degrees + rng.normal(0, 6))
        bones.append(Bone(name, smooth(outline, 1), min(a, b), 0.035, density=0.88 if front else 0.45))
    for name, x0, y0, x1, y1, half in METACARPALS_FRONT if front else METACARPALS_SIDE:
        outline = _rod((x0, y0), (x1, y1), half * slim) + rng.normal(0, 0.006, (20, 2))
        bones.append(Bone(name, smooth(outline), half * slim, 0.05, density=0.80 if front else 0.32))
    return tuple(bones)


def flesh(rng: np.random.Generator, view: str) -> tuple[Points, Points]:
    """Outlines of the soft tissue: the forearm, and the hand (which bends at the wrist)."""
    stout = rng.normal(1.0, 0.07)
    arm: tuple[tuple[float, float], ...]
    hand: tuple[tuple[float, float], ...]
    if view != "LAT":
        arm = ((-1.30, 5.4), (-1.22, 3.2), (-1.10, 1.6), (-1.00, 0.5), (-0.96, -0.5), (0.92, -0.5), (0.96, 0.4),
               (1.06, 1.6), (1.20, 3.2), (1.28, 5.4))  # fmt: skip
        hand = ((-0.92, 0.4), (-0.98, -0.6), (-1.05, -1.5), (-1.08, -3.6), (0.98, -3.6), (1.00, -2.4), (1.35, -2.6),
                (1.75, -2.4), (1.55, -1.5), (1.15, -0.7), (0.92, 0.3))  # fmt: skip
    else:
        arm = ((-0.92, 5.4), (-0.85, 3.2), (-0.74, 1.6), (-0.62, 0.5), (-0.60, -0.5), (0.62, -0.5), (0.66, 0.4),
               (0.86, 1.6), (1.05, 3.2), (1.12, 5.4))  # fmt: skip
        hand = ((-0.58, 0.4), (-0.56, -0.8), (-0.55, -3.6), (0.62, -3.6), (0.70, -2.2), (1.15, -2.6), (1.35, -2.2),
                (0.95, -1.0), (0.66, 0.3))  # fmt: skip
    scale = np.array((stout, 1.0))
    return smooth(np.array(arm) * scale), smooth(np.array(hand) * scale)


def about(points: Points, degrees: float, centre: tuple[float, float], shift: tuple[float, float] = (0, 0)) -> Points:
    """Turn points around a centre, then shift them."""
    return _turned(points - centre, degrees) + centre + shift
