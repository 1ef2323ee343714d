"""Where a point of the anatomy lies in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """From units to pixels of the reduced picture. matrix: float64 (2, 2); origin: (x, y); scale: pixels a unit."""

    matrix: np.ndarray
    origin: np.ndarray
    scale: float

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        return points @ self.matrix.T + self.origin

    def grid(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """x and y, in units, of every pixel of a picture of that shape (rows, columns): float64."""
        dx = np.arange(shape[1])[None, :] - self.origin[0]
        dy = np.arange(shape[0])[:, None] - self.origin[1]
        inverse = np.linalg.inv(self.matrix)
        return inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy
