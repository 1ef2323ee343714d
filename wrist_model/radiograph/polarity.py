"""Is bone dark on a light ground? Seen on a thumbnail, and said only when it is plain.

A radiograph has dark air around and behind the limb, and few very bright places (dense bone, metal, the unexposed
edge). Five figures tell the two polarities apart; a logistic rule weighs them. A false inversion ruins a good picture,
a missed one leaves it as it came: the rule speaks at odds of 12 to 1 only. It was fitted to the even-numbered images
of FracAtlas's upper limbs (Abedeen et al., Scientific Data 2023), their negatives and crops, and generated wrists;
`python -m benchmarks polarity` measures it on others.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

EDGE = 64
ODDS = 2.5  # log odds from which a picture is called a negative
_WEIGHTS = np.array([5.99, -0.35, 5.75, 3.76, 3.08])
_BIAS = 0.0


def thumbnail(pixels: np.ndarray, edge: int = EDGE) -> np.ndarray:
    """uint8 (h, w), the shorter side edge to 2 × edge − 1: means over whole blocks."""
    step = max(1, min(pixels.shape) // edge)
    if step == 1:
        return pixels
    height, width = (size // step * step for size in pixels.shape)
    whole = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(whole.reduce(step, box=(0, 0, width, height)))


def is_inverted(small: np.ndarray) -> bool:
    """Whether a thumbnail, uint8 (h, w), shows a negative. One that is all but empty never does."""
    return log_odds(small) > ODDS


def log_odds(small: np.ndarray) -> float:
    """Log odds that the picture is a negative; 0 where there is too little to see."""
    inner = _without_frame(small)
    if min(inner.shape) < 16 or int(inner.max()) - int(inner.min()) < 16:
        return 0.0
    return float(features(inner) @ _WEIGHTS + _BIAS)


def features(small: np.ndarray) -> np.ndarray:
    """float64 (5,): the border's middle, skewness, the border's bright minus dark, the middle, bright minus dark.

    All are read off two histograms, of the picture and of its border, in shares of the range of its greys.
    """
    margin = max(2, min(small.shape) // 16)
    counts = np.bincount(small.ravel(), minlength=256)
    inside = np.bincount(small[margin:-margin, margin:-margin].ravel(), minlength=256)
    reached, border = np.cumsum(counts), np.cumsum(counts - inside)
    low, high = (int(np.searchsorted(reached, share * small.size)) for share in (0.01, 0.99))
    shares = np.clip((_LEVELS - low) / max(high - low, 8), 0.0, 1.0)
    mean = float(counts @ shares) / small.size
    apart = shares - mean
    spread = float(np.sqrt(counts @ (apart * apart) / small.size))
    return np.array(
        [
            shares[_middle(border)] - 0.5,
            float(counts @ (apart * apart * apart)) / small.size / (spread**3 + 1e-6),
            _bright_minus_dark(border, shares, 0.2),
            shares[_middle(reached)] - 0.5,
            _bright_minus_dark(reached, shares, 0.15),
        ]
    )


_LEVELS = np.arange(256)


def _middle(reached: np.ndarray) -> int:
    """The median level, from a histogram's sums."""
    return int(np.searchsorted(reached, reached[-1] / 2))


def _bright_minus_dark(reached: np.ndarray, shares: np.ndarray, end: float) -> float:
    """Pixels within `end` of the brightest less those within it of the darkest, by all; from a histogram's sums."""
    bright, dark = np.searchsorted(shares, 1 - end, side="right"), np.searchsorted(shares, end)
    return float(reached[-1] - reached[bright - 1] - reached[dark - 1]) / float(reached[-1])


def _without_frame(small: np.ndarray) -> np.ndarray:
    """The picture without even, black or white rows and columns around it: collimation and padding tell nothing."""
    rows, columns = _uneven(small), _uneven(small.T)
    if rows.stop - rows.start < 16 or columns.stop - columns.start < 16:
        return small
    return small[rows, columns]


def _uneven(small: np.ndarray) -> slice:
    """From the first to the last row that isn't both even and black or white."""
    first, last = 0, len(small)
    while first < last and _is_frame(small[first]):
        first += 1
    while last > first and _is_frame(small[last - 1]):
        last -= 1
    return slice(first, last)


def _is_frame(line: np.ndarray) -> bool:
    if abs(int(line[0]) - int(line[len(line) // 2])) >= 8:
        return False
    low, high = int(line.min()), int(line.max())
    return high - low < 8 and (high < 16 or low > 239)
