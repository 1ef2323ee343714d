"""Near-duplicates: re-compressed, resized, brightened, cropped or slightly turned copies of one radiograph.

A perceptual hash (imagehash's DCT hash, stored with each image) proposes pairs; it alone would merge strangers, since
all hands look alike to it. Registration then lays one picture over the other (affine Lucas–Kanade, inverse
compositional: Baker and Matthews, IJCV 2004), and the correlation of fine detail confirms: trabeculae, cortices and
markers agree in copies of one exposure and in nothing else. Only confirmed pairs count; chains of them merge nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

DISTANCE = 10
"""Bits of 64 in which the hashes of a proposed pair may differ."""
NEAREST = 6
"""How many of the nearest hashes are looked at for each image: keeps the work linear where many look alike."""
CORRELATION = 0.85
"""Correlation of detail from which a pair is confirmed; `python -m benchmarks near_duplicates` shows both sides."""
EDGE = 128
_COARSE = 0.7  # correlation of the whole pictures, from which registration is tried at all
_ALIKE = 0.95  # correlation after registration at an eighth of the size, from which the finer scales are tried


@dataclass(frozen=True)
class Link:
    """A pair that was looked at. distance: bits; correlation of detail after registration, −1 to 1."""

    image_a: str
    image_b: str
    distance: int
    correlation: float

    @property
    def confirmed(self) -> bool:
        return self.correlation >= CORRELATION


def propose(hashes: Sequence[tuple[str, str]], groups: Mapping[str, str] | None = None) -> list[tuple[str, str, int]]:
    """(image, image, distance) of hashes within DISTANCE bits, for each image its NEAREST; each pair once, sorted.

    hashes: (image_uid, 16 hexadecimal digits). groups: where given, only pairs from two groups, such as two splits.
    """
    names = [name for name, _ in hashes]
    values = np.array([int(text, 16) for _, text in hashes], dtype=np.uint64)
    labels = sorted({groups[name] for name in names}) if groups is not None else []
    group = np.array([labels.index(groups[name]) for name in names]) if groups is not None else np.arange(len(names))
    pairs: dict[tuple[str, str], int] = {}
    for at in range(len(names)):
        distances = np.bitwise_count(values ^ values[at])
        near = np.flatnonzero(distances <= DISTANCE)
        near = near[group[near] != group[at]]
        if len(near) > NEAREST:
            near = near[np.argsort(distances[near], kind="stable")[:NEAREST]]
        for other in near:
            first, second = sorted((names[at], names[int(other)]))
            pairs[first, second] = int(distances[other])
    return sorted((first, second, distance) for (first, second), distance in pairs.items())


def links(pairs: Sequence[tuple[str, str, int]], load: Callable[[str], np.ndarray], keep: int = 1024) -> Iterator[Link]:
    """Look at proposed pairs. load gives an image's uint8 pixels; `keep` reduced pictures stay in memory."""
    views: dict[str, Reduced] = {}

    def view(name: str) -> Reduced:
        if name not in views:
            if len(views) >= keep:
                del views[next(iter(views))]
            views[name] = reduce(load(name))
        return views[name]

    for first, second, distance in pairs:
        yield Link(first, second, distance, correlation(view(first), view(second)))


@dataclass(frozen=True, eq=False)
class Reduced:
    """A picture as registration sees it. grey, detail: float32 (EDGE, EDGE); tiny: float64 (16, 16), normalised."""

    grey: np.ndarray
    detail: np.ndarray
    tiny: np.ndarray


def reduce(pixels: np.ndarray) -> Reduced:
    """From uint8 (height, width) of any shape: copies of another size or cut are stretched to the same square."""
    small = Image.fromarray(pixels).resize((EDGE, EDGE), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.float32)
    return Reduced(grey, _detail(grey), _normal(ndimage.gaussian_filter(grey, 4.0)[::8, ::8].astype(np.float64)))


_INSIDE = (slice(4, -4), slice(4, -4))


def correlation(first: Reduced, second: Reduced) -> float:
    """Correlation of the detail of two pictures, the better of as they lie and registered; −1 to 1."""
    as_they_lie = _correlation(first.detail[_INSIDE], second.detail[_INSIDE])
    if as_they_lie >= CORRELATION or _correlation(first.tiny, second.tiny) < _COARSE:
        return as_they_lie
    start = _start(first.tiny, second.tiny)
    if start is None:
        return as_they_lie
    moved, seen = register(first.grey, second.grey, *start)
    if seen.mean() < 0.6:
        return as_they_lie
    inside = ndimage.binary_erosion(seen, iterations=4, border_value=0)
    return max(as_they_lie, _correlation(first.detail[inside], _detail(moved)[inside]))


def _detail(picture: np.ndarray) -> np.ndarray:
    """What is finer than some 4 pixels and coarser than noise, evened out so that no bright edge outweighs the rest."""
    band = ndimage.gaussian_filter(picture, 0.8) - ndimage.gaussian_filter(picture, 2.5)
    energy = np.sqrt(ndimage.gaussian_filter(band * band, 6.0))
    return np.asarray(band / (energy + 1.0), dtype=np.float32)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    a, b = first.ravel() - first.mean(), second.ravel() - second.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0


def register(
    first: np.ndarray, second: np.ndarray, matrix: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The second picture laid over the first, and where it covers it (bool), from a coarse start.

    Brightness may differ: both are normalised at each scale.
    """
    for scale in (4, 2, 1):
        sigma = 0.5 * scale + 0.5
        a, b = (_normal(ndimage.gaussian_filter(picture, sigma)[::scale, ::scale]) for picture in (first, second))
        matrix, shift = _align(a, b, matrix, shift / scale, 12 if scale > 1 else 6)
        shift = shift * scale
    moved = ndimage.affine_transform(second, matrix, shift, order=1, mode="constant", cval=-1.0)
    return moved, moved >= 0


def _start(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The first of some turns and zooms about the middle from which an eighth of the size aligns well, if any."""
    best, found = _ALIKE, None
    middle = np.full(2, (a.shape[0] - 1) / 2)
    for turn, zoom in _STARTS:
        c, s = zoom * np.cos(turn), zoom * np.sin(turn)
        matrix = np.array([[c, -s], [s, c]])
        moved, shift = _align(a, b, matrix, middle - matrix @ middle, rounds=6)
        score = _correlation(a, ndimage.affine_transform(b, moved, shift, order=1, mode="nearest"))
        if score > best:
            best, found = score, (moved, shift * 8.0)
            if score > 0.98:
                break
    return found


_STARTS = [(np.radians(turn), zoom) for turn, zoom in ((0, 1.0), (-4, 1.0), (4, 1.0), (0, 0.92), (0, 1.08))]


def _normal(picture: np.ndarray) -> np.ndarray:
    return (picture - picture.mean()) / (picture.std() + 1e-3)


def _align(
    a: np.ndarray, b: np.ndarray, matrix: np.ndarray, shift: np.ndarray, rounds: int = 12
) -> tuple[np.ndarray, np.ndarray]:
    """Inverse compositional Lucas–Kanade: position y in a shows matrix @ y + shift of b."""
    y, x = np.mgrid[: a.shape[0], : a.shape[1]].astype(np.float64)
    slope_y, slope_x = np.gradient(a)
    steepest = np.stack([slope_y * y, slope_y * x, slope_x * y, slope_x * x, slope_y, slope_x], axis=-1).reshape(-1, 6)
    for _ in range(rounds):
        moved = ndimage.affine_transform(b, matrix, shift, order=1, mode="constant", cval=np.nan).ravel()
        seen = np.isfinite(moved)
        if seen.mean() < 0.5:
            break
        there, here = moved[seen], a.ravel()[seen]
        error = (there - there.mean()) / (there.std() + 1e-3) - (here - here.mean()) / (here.std() + 1e-3)
        used = steepest[seen]
        try:
            step = np.linalg.solve(used.T @ used + 1e-6 * np.eye(6), used.T @ error)
        except np.linalg.LinAlgError:
            break
        change = np.eye(3)
        change[:2, :2] += step[:4].reshape(2, 2)
        change[:2, 2] = step[4:]
        whole = np.eye(3)
        whole[:2, :2], whole[:2, 2] = matrix, shift
        whole = whole @ np.linalg.inv(change)
        matrix, shift = whole[:2, :2], whole[:2, 2]
        if np.abs(step[:4]).max() * a.shape[0] + np.abs(step[4:]).max() < 0.02:
            break
    return matrix, shift
