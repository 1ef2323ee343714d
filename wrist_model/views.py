"""Does one picture show several views side by side? Seen on a thumbnail.

Two limbs with an empty lane, a bright divider or a seam between them look otherwise than one limb, one trunk, or an
arm across a trunk. A logistic rule weighs nine figures; it was fitted to the even-numbered images of FracAtlas's upper
limbs (column `multiscan` of its table) and to pairs put together from them; `python -m benchmarks multi_view` measures
it on the others. Views one above the other are found by the same rule on the turned picture.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LOG_ODDS = 0.0
_WEIGHTS = np.array([-1.68, 8.96, 6.56, -4.28, 3.64, 3.43, 8.35, 1.64, 4.06])
_BIAS = -9.67
_BRIGHT = 225  # unexposed edges, lead dividers


def is_multi_view(small: np.ndarray) -> bool:
    """Whether a thumbnail, uint8 (h, w), bone bright, shows two views or more."""
    if min(small.shape) < 16 or int(small.max()) - int(small.min()) < 16:
        return False
    bodies = _bodies(small)
    sides = ((small, bodies), (small.T, bodies.T))
    return any(float(features(picture, body) @ _WEIGHTS + _BIAS) > LOG_ODDS for picture, body in sides)


def features(small: np.ndarray, body: np.ndarray | None = None) -> np.ndarray:
    """float64 (9,): sizes of the two largest bodies, how they lie, the lane between the sides, their balance,
    a divider, a seam, and the share of the picture that is no air."""
    height, width = small.shape
    bright = small > _BRIGHT
    body = _bodies(small) if body is None else body
    places, count = ndimage.label(body)
    sizes = np.bincount(places.ravel(), minlength=count + 1)[1:] / small.size
    order = np.argsort(-sizes, kind="stable")[:2]
    first, second = (float(sizes[order[n]]) if n < count else 0.0 for n in (0, 1))
    apart = shared = 0.0
    if count > 1:
        boxes = ndimage.find_objects(places)
        (top1, left1), (top2, left2) = (boxes[int(order[n])] for n in (0, 1))
        apart = abs((left1.start + left1.stop) - (left2.start + left2.stop)) / (2 * width)
        shared = max(0, min(top1.stop, top2.stop) - max(top1.start, top2.start)) / height
    columns = body.mean(axis=0)
    start = int(0.3 * width)
    middle = slice(start, int(0.7 * width) + 1)
    lane = start + int(np.argmin(columns[middle]))
    left, right = float(columns[:lane].sum()), float(columns[lane + 1 :].sum())
    balance = min(left, right) / max(1.0, left, right)
    wide = ndimage.binary_opening(bright, np.ones((1, max(3, width // 7)), bool))
    divider = float((bright & ~wide)[:, middle].any(axis=1).mean())
    step = np.abs(small[:, 2:].astype(np.int16) - small[:, :-2])
    seam = min(30.0, float(np.median(step, axis=0)[middle].max())) / 30.0
    return np.array(
        [
            first,
            np.sqrt(second),
            apart * shared * np.sqrt(second / max(first, 1e-6)),
            float(columns[lane]),
            np.sqrt(balance),
            np.sqrt(balance) * float(columns[lane] < 0.08),
            divider * np.sqrt(balance),
            seam,
            float(body.mean()),
        ]
    )


def _bodies(small: np.ndarray) -> np.ndarray:
    """bool (h, w): what is neither air nor a bright block at the edge."""
    places, _ = ndimage.label(small > _BRIGHT)
    edge = np.unique(np.concatenate([places[0], places[-1], places[:, 0], places[:, -1]]))
    blocks = ndimage.binary_dilation(np.isin(places, edge[edge > 0]), iterations=2)
    seen = small[~blocks]
    if len(seen) < small.size // 10:
        seen = small.ravel()
    middle, low = min(_otsu(seen), 110), float(np.percentile(seen, 10))
    limit = (low + middle) / 2 if middle > low + 20 else middle
    return ndimage.binary_opening((small > limit) & ~blocks)


def _otsu(values: np.ndarray) -> int:
    """The grey level that parts uint8 values best into two classes (Otsu 1979)."""
    counts = np.bincount(values, minlength=256).astype(np.float64)
    below, moment = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    parts = below * (below[-1] - below)
    apart = np.divide((moment[-1] * below - moment * below[-1]) ** 2, parts, out=np.zeros_like(parts), where=parts > 0)
    return int(np.argmax(apart))
