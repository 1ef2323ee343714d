"""A box as a file states it, and where it lies on the picture as it is catalogued."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wrist_model.errors import Refused
from wrist_model.evidence_records import RefusedRegion

Edges = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max: x to the right, y down, from the picture's upper left corner; 0 to its columns, rows."""

ROUNDING = 1.0
"""Pixels by which an edge may stand over the picture's: tools round, and count from 1. It is cut off."""
LONGEST_WORD = 100


@dataclass(frozen=True)
class Drawn:
    """A box. place: where in its file, such as `line 3`. picture: as the file names it, or where `by_file` the file's
    own path among the boxes, without ending, of which the end is the picture's, too.

    name: its class. shares: the edges are shares of the picture's width and height, else pixels. size: columns and rows
    of the picture that it was drawn on, where the file states them. image_uid: the catalogue's own name of the picture.
    """

    place: str
    picture: str | None
    name: str
    edges: Edges
    shares: bool
    size: tuple[float, float] | None = None
    drawn_by: str = ""
    image_uid: str | None = None
    by_file: bool = False


Stated = Drawn | RefusedRegion
"""What a file says in one place: a box, or why what stands there is none."""


def from_centre(x: float, y: float, width: float, height: float) -> Edges:
    """Edges of a box that is stated by its centre and size."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def number(text: str) -> float:
    """A number with a point or a comma. Raises Refused `unparsable`; infinite ones and NaN are `placed`'s to refuse."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise Refused("unparsable", "A coordinate is no number.") from None


def word(text: str) -> str:
    """A class or a reader as it is stored: in one line, at most LONGEST_WORD characters. Raises Refused."""
    said = " ".join(text.split())
    if not said or len(said) > LONGEST_WORD or not said.isprintable():
        raise Refused("unusable_text", f"Its class or reader is empty, unprintable or over {LONGEST_WORD} characters.")
    return said


def placed(box: Drawn, columns: int, rows: int) -> Edges:
    """The box in pixels of a picture of that size.

    Raises Refused: `not_a_number`, `other_size` (drawn on a picture of another size), `no_area`, `outside_picture`,
    `shares_for_pixels` (all within the first pixel: tools and their settings take the one for the other).
    """
    if not all(map(math.isfinite, box.edges)):
        raise Refused("not_a_number", "A coordinate is infinite or not a number.")
    if box.size is not None and box.size != (columns, rows):
        stated = " × ".join(f"{side:g}" for side in box.size)
        reason = f"It was drawn on a picture of {stated} pixels; the catalogued one has {columns} × {rows}."
        raise Refused("other_size", reason)
    x_min, y_min, x_max, y_max = box.edges
    if box.shares:
        x_min, y_min, x_max, y_max = x_min * columns, y_min * rows, x_max * columns, y_max * rows
    if not (x_min < x_max and y_min < y_max):
        raise Refused("no_area", "The box has no area: its far edges must lie right of and below its near ones.")
    if not box.shares and max(x_max, y_max) <= 1:
        reason = "The box lies within the first pixel: its edges seem to be shares of the picture, not pixels."
        raise Refused("shares_for_pixels", reason)
    if min(x_min, y_min, columns - x_max, rows - y_max) < -ROUNDING:
        raise Refused("outside_picture", f"The box stands out of its picture of {columns} × {rows} pixels.")
    edges = max(0.0, x_min), max(0.0, y_min), min(float(columns), x_max), min(float(rows), y_max)
    if not (edges[0] < edges[2] and edges[1] < edges[3]):
        raise Refused("outside_picture", f"The box lies beside its picture of {columns} × {rows} pixels.")
    return edges
