"""Is bone dark on a light ground? Seen on a thumbnail, and said only when it is plain.

A radiograph has dark air around and behind the limb, and few very bright places (dense bone, metal, the unexposed
edge). Five figures tell the two polarities apart; a logistic rule weighs them. A false inversion ruins a good picture,
a missed one leaves it as it came: the rule speaks at odds of 12 to 1 only. It was fitted to the even-numbered images
of FracAtlas's upper limbs (Abedeen et al., Scientific Data 2023), their negatives and crops, and generated wrists;
`python -m benchmarks polarity` measures it on others.
"""

from __future__ import annotations

import numpy as np

EDGE = 64
ODDS = 2.5  # log odds from which a picture is called a negative
_WEIGHTS = np.array([5.46, -0.29, 5.78, 4.00, 3.15])
_BIAS = -0.02


def thumbnail(pixels: np.ndarray, edge: int = EDGE) -> np.ndarray:
    """uint8 (h, w), the shorter side edge to 2 × edge − 1: means over whole blocks."""
    step = max(1, min(pixels.shape) // edge)
    if step == 1:
        return pixels
    height, width = (size // step * step for size in pixels.shape)
    columns = pixels[:height, :width].reshape(height // step, step, width).sum(axis=1, dtype=np.uint32)
    blocks = columns.reshape(height // step, width // step, step).sum(axis=2)
    return (blocks // (step * step)).astype(np.uint8)


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
    """float64 (5,): the border's middle, skewness, the border's bright minus dark, the middle, bright minus dark."""
    low, high = np.percentile(small, (1, 99))
    shares = np.clip((small - low) / max(high - low, 8.0), 0.0, 1.0)
    margin = max(2, min(small.shape) // 16)
    border = np.concatenate(
        [
            shares[:margin].ravel(),
            shares[-margin:].ravel(),
            shares[:, :margin].ravel(),
            shares[:, -margin:].ravel(),
        ]
    )
    apart = shares - shares.mean()
    spread = float(np.sqrt(np.mean(apart * apart)))
    return np.array(
        [
            np.median(border) - 0.5,
            np.mean(apart * apart * apart) / (spread**3 + 1e-6),
            np.mean(border > 0.8) - np.mean(border < 0.2),
            np.median(shares) - 0.5,
            np.mean(shares > 0.85) - np.mean(shares < 0.15),
        ]
    )


def _without_frame(small: np.ndarray) -> np.ndarray:
    """The picture without even, black or white rows and columns around it: collimation and padding tell nothing."""
    rows, columns = (_uneven(small, axis) for axis in (1, 0))
    if len(rows) < 16 or len(columns) < 16:
        return small
    return small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _uneven(small: np.ndarray, axis: int) -> np.ndarray:
    middle, spread = small.mean(axis=axis), small.std(axis=axis)
    return np.flatnonzero((spread > 2.5) | ((middle >= 12) & (middle <= 243)))
