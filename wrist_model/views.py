"""Does one picture show several views side by side? Seen on a thumbnail."""

from __future__ import annotations

import numpy as np


def is_multi_view(small: np.ndarray) -> bool:
    """Whether an empty lane parts the picture into sides that both hold something. small: uint8 (h, w), bone bright."""
    if min(small.shape) < 16:
        return False
    return _parted(small) or _parted(small.T)


def _parted(small: np.ndarray) -> bool:
    content = small.astype(np.float32)
    width = content.shape[1]
    lit = np.percentile(content, 90, axis=0)
    low = lit < max(24.0, 0.25 * float(lit.max(initial=0.0)))
    middle = slice(width // 4, width - width // 4)
    if not low[middle].any():
        return False
    at = width // 4 + int(np.argmin(lit[middle]))
    left, right = lit[:at], lit[at + 1 :]
    share = 0.5 * float(lit.max())
    return bool((left > share).mean() > 0.3 and (right > share).mean() > 0.3)
