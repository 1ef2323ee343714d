"""Does one picture show several views side by side? Seen on a thumbnail.

Two limbs with an empty lane, a bright divider or a seam between them look otherwise than one limb, one trunk, or an
arm across a trunk. A logistic rule weighs nine figures; it was fitted to the even-numbered images of FracAtlas's upper
limbs (column `multiscan` of its table) and to pairs put together from them; `python -m benchmarks multi_view` measures
it on the others. Views one above the other are found by the same rule on the turned picture.
"""

from __future__ import annotations

import numpy as np

LOG_ODDS = 0.0
_WEIGHTS = np.array([-1.25, 9.35, 5.87, -4.46, 3.76, 3.38, 8.23, 1.68, 4.04])
_BIAS = -9.90
_VALLEY = 0.7  # the emptiest column of the middle by the fuller ones to either side: no real pair of views has more
_BALANCE = 0.5  # square root of the smaller side's content by the larger's: below, there is no second view
_BRIGHT = 225  # unexposed edges, lead dividers


def is_multi_view(small: np.ndarray) -> bool:
    """Whether a thumbnail, uint8 (h, w), bone bright, shows two views or more."""
    if min(small.shape) < 16 or int(small.max()) - int(small.min()) < 16:
        return False
    across, down = _has_valley(small), _has_valley(small.T)
    if not across and not down:
        return False
    bodies = _bodies(small)
    return any(
        _balance(body)[1] > _BALANCE and float(features(picture, body) @ _WEIGHTS + _BIAS) > LOG_ODDS
        for picture, body, parted in ((small, bodies, across), (small.T, bodies.T, down))
        if parted
    )


def _has_valley(small: np.ndarray) -> bool:
    """Whether the columns of the middle fall below those to either side: most pictures don't, and are done with."""
    profile = small.sum(axis=0, dtype=np.uint32)
    middle = _middle(small)
    at = middle.start + int(profile[middle].argmin())
    return bool(profile[at] < _VALLEY * min(profile[:at].max(), profile[at + 1 :].max()))


def features(small: np.ndarray, body: np.ndarray | None = None) -> np.ndarray:
    """float64 (9,): sizes of the two largest bodies, how they lie, the lane between the sides, their balance,
    a divider, a seam, and the share of the picture that is no air."""
    body = _bodies(small) if body is None else body
    lane, balance = _balance(body)
    middle = _middle(body)
    first, second, how = _two_largest(body)
    bright = small > _BRIGHT
    step = np.abs(small[:, middle.start + 2 : middle.stop + 2].astype(np.int16) - small[:, middle])
    seam = min(30.0, float(np.sort(step, axis=0)[len(step) // 2].max())) / 30.0
    divider = _divider(bright, middle) if bright.any() else 0.0
    return np.array(
        [
            first,
            np.sqrt(second),
            how * np.sqrt(second / max(first, 1e-6)),
            lane,
            balance,
            balance * float(lane < 0.08),
            divider * balance,
            seam,
            float(body.mean()),
        ]
    )


def _balance(body: np.ndarray) -> tuple[float, float]:
    """How full the emptiest column of the middle is, and the root of the ratio of what lies to either side of it."""
    columns = body.sum(axis=0) / len(body)
    middle = _middle(body)
    at = middle.start + int(columns[middle].argmin())
    left, right = float(columns[:at].sum()), float(columns[at + 1 :].sum())
    return float(columns[at]), float(np.sqrt(min(left, right) / max(1.0, left, right)))


def _middle(small: np.ndarray) -> slice:
    width = small.shape[1]
    return slice(int(0.3 * width), int(0.7 * width) + 1)


def _two_largest(body: np.ndarray) -> tuple[float, float, float]:
    """Shares of the picture of the two largest bodies, and how far apart they stand side by side (0 to 1)."""
    from scipy import ndimage  # not at the top: most pictures have no valley, and this takes as long as forty of them

    places, count = ndimage.label(body)
    sizes = np.bincount(places.ravel(), minlength=count + 1)[1:] / body.size
    order = np.argsort(-sizes, kind="stable")[:2]
    first, second = (float(sizes[order[n]]) if n < count else 0.0 for n in (0, 1))
    if count < 2:
        return first, second, 0.0
    boxes = ndimage.find_objects(places)
    (top1, left1), (top2, left2) = (boxes[int(order[n])] for n in (0, 1))
    apart = abs((left1.start + left1.stop) - (left2.start + left2.stop)) / (2 * body.shape[1])
    shared = max(0, min(top1.stop, top2.stop) - max(top1.start, top2.start)) / body.shape[0]
    return first, second, apart * shared


def _divider(bright: np.ndarray, middle: slice) -> float:
    """The share of rows with a narrow bright stretch in the middle: lead between two exposures."""
    width = max(3, bright.shape[1] // 7)
    runs = np.zeros((bright.shape[0], bright.shape[1] + 1), np.int32)
    np.cumsum(bright, axis=1, out=runs[:, 1:])
    full = (runs[:, width:] - runs[:, :-width]) == width  # a wide stretch starts here
    starts = np.zeros((bright.shape[0], bright.shape[1] + 1), np.int32)
    np.cumsum(np.pad(full, ((0, 0), (0, width - 1))), axis=1, out=starts[:, 1:])
    ends = np.arange(1, bright.shape[1] + 1)
    wide = (starts[:, ends] - starts[:, np.maximum(ends - width, 0)]) > 0
    return float((bright & ~wide)[:, middle].any(axis=1).mean())


def _bodies(small: np.ndarray) -> np.ndarray:
    """bool (h, w): what is neither air nor a bright block at the edge."""
    bright = small > _BRIGHT
    blocks = np.zeros_like(bright)
    if bright.any():
        from scipy import ndimage

        places, _ = ndimage.label(bright)
        at_edge = np.zeros(int(places.max()) + 1, bool)
        for line in (places[0], places[-1], places[:, 0], places[:, -1]):
            at_edge[line] = True
        at_edge[0] = False
        blocks = _grown(_grown(at_edge[places]))
    counts = np.bincount(small[~blocks], minlength=256)
    if counts.sum() < small.size // 10:
        counts = np.bincount(small.ravel(), minlength=256)
    middle = min(_otsu(counts), 110)
    low = float(np.searchsorted(np.cumsum(counts), counts.sum() / 10))
    limit = (low + middle) / 2 if middle > low + 20 else middle
    return _grown(~_grown(~((small > limit) & ~blocks)))


def _grown(mask: np.ndarray) -> np.ndarray:
    """The mask and its four neighbours."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _otsu(counts: np.ndarray) -> int:
    """The grey level that parts a histogram of 256 levels best into two classes (Otsu 1979)."""
    below, moment = np.cumsum(counts, dtype=np.float64), np.cumsum(counts * np.arange(256.0))
    parts = below * (below[-1] - below)
    apart = np.divide((moment[-1] * below - moment * below[-1]) ** 2, parts, out=np.zeros_like(parts), where=parts > 0)
    return int(np.argmax(apart))
