"""Whether a heat map can be shown: does it depend on what the network learned, and does it lie on the patient.

A map that fails is stored and marked, and the report's gallery leaves it out. By the first rules a map is compared with
that of one shuffled network, by the second with several (`sanity_null`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from wrist_model.explanation.localisation import share_inside
from wrist_model.explanation.sanity_null import Sanity

LEAST_SANITY = 0.15
"""By the first rules maps with a lower sanity score are withheld. docs/evidence.md, "Can the maps be trusted"."""
MOST_BORDER = 0.6
"""Maps with a larger share of their heat on the border and on burned-in text are withheld."""
BORDER = 0.08
"""The border's width as a share of the picture's; the frame then covers 29% of it."""

MEANING = "A map that hardly changes when the weights are shuffled, or that lies on the border, is withheld."
"""What it means, by the first rules, that a map is shown."""

Heat = NDArray[np.float32]


def sanity_score(heat: Heat, randomised: Heat) -> float:
    """1 − max(0, Spearman's ρ) of a map and the same map from the network with shuffled weights, in [0, 1].

    Adebayo et al. 2018 (arXiv 1810.03292): a map that stays alike when the weights are randomised, as an edge
    detector's does, explains the picture and not the network. Both float (h, w). A flat map agrees with nothing.
    """
    if np.ptp(heat) <= 0 or np.ptp(randomised) <= 0:
        return 1.0 if np.ptp(heat) > 0 else 0.0
    rho = stats.spearmanr(heat.ravel(), randomised.ravel()).statistic
    return float(1 - max(0.0, float(rho)))


def burned_in(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """bool (height, width): where side markers and text are burned in.

    Text is nearly saturated, small, and sharp-edged against a dark ground: components of pixels >= 250 that are 1 to
    12% of the picture high and wide, and around which the median is at most 60.
    """
    bright, _ = ndimage.label(pixels >= 250)
    found = np.zeros(pixels.shape, dtype=bool)
    height, width = pixels.shape
    for place in ndimage.find_objects(bright)[:200]:
        high, wide = place[0].stop - place[0].start, place[1].stop - place[1].start
        if not (0.01 * height <= high <= 0.12 * height and 2 <= wide <= 0.12 * width):
            continue
        around = tuple(slice(max(0, side.start - 3), side.stop + 3) for side in place)
        patch = pixels[around]
        if np.median(patch[patch < 250]) <= 60 if (patch < 250).any() else False:
            found[around] = True
    return found


def border_share(heat: Heat, pixels: NDArray[np.uint8]) -> float:
    """The share of heat, in [0, 1], on the outer BORDER of the picture or on burned-in text; both (height, width)."""
    outside = burned_in(pixels)
    high, wide = (max(1, round(BORDER * side)) for side in heat.shape)
    outside[:high], outside[-high:], outside[:, :wide], outside[:, -wide:] = True, True, True, True
    return share_inside(heat, outside)


def verdict(heat: Heat, sanity: float | Sanity, border: float) -> str:
    """Why a map is withheld, or an empty text. sanity: the score of one shuffle, or what several say."""
    if not np.isfinite(heat).all() or float(heat.max(initial=0.0)) <= 0:
        return "the map holds no heat"
    if isinstance(sanity, Sanity):
        if not sanity.passes:
            return (
                f"is like the maps of shuffled networks (mean correlation {sanity.similarity:.2f}, p = "
                f"{sanity.p_value:.2f})"
            )
    elif sanity < LEAST_SANITY:
        return f"hardly changes when the weights are shuffled (sanity score {sanity:.2f})"
    if border > MOST_BORDER:
        return f"{border:.0%} of the heat lies on the border or on burned-in text"
    return ""
