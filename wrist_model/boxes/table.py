"""A CSV of boxes: `path` (or `image_uid`), `class`, and the box as shares or in pixels; optionally `drawn_by`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wrist_model.boxes.drawn import Drawn, Stated, from_centre, number, word
from wrist_model.errors import DataError, Refused
from wrist_model.evidence_records import RefusedRegion
from wrist_model.sources import csv_table

SHARES = ("x_center", "y_center", "w", "h")
PIXELS = ("x_min", "y_min", "x_max", "y_max")
_SIZE = ("width", "height")
"""Of the picture beside a box in pixels, as TensorFlow's tables have it; else of the box."""
_PATHS = ("path", "filename", "file_name")
_OTHER_WORDS = {"width": "w", "height": "h", "xmin": "x_min", "ymin": "y_min", "xmax": "x_max", "ymax": "y_max"}


def stated(data: bytes, path: str) -> Iterator[Stated]:
    """The boxes of all pictures. path: where the table lies. Raises Refused `unparsable` for the whole file."""
    try:
        for count, row in csv_table.numbered(Path(path), ("class",), data):
            try:
                yield _box(f"row {count}", row)
            except Refused as refused:
                yield RefusedRegion(f"row {count}", refused.reason_code, refused.reason)
    except DataError as error:
        raise Refused("unparsable", f"The table can't be read: {str(error).removeprefix(f'{path}: ')}") from None


def _box(place: str, row: dict[str, str]) -> Drawn:
    picture = next((row[name].strip() for name in _PATHS if row.get(name, "").strip()), "")
    image_uid = row.get("image_uid", "").strip()
    size = _size(row)
    row = {_OTHER_WORDS.get(name, name): value for name, value in row.items()}
    if not picture and not image_uid:
        raise Refused("unknown_picture", "The row names no picture: expected a path or an image_uid.")
    for names, shares in ((SHARES, True), (PIXELS, False)):
        if all(row.get(name, "").strip() for name in names):
            found = [number(row[name]) for name in names]
            edges = from_centre(*found) if shares else (found[0], found[1], found[2], found[3])
            own = found[2] - found[0], found[3] - found[1]
            by = row.get("drawn_by", "").strip()
            return Drawn(
                place,
                picture or None,
                word(row["class"]),
                edges,
                shares,
                None if shares or size == own else size,
                drawn_by=word(by) if by else "",
                image_uid=image_uid or None,
            )
    raise Refused("unparsable", f"The row lacks a box: expected {', '.join(SHARES)}, or {', '.join(PIXELS)}.")


def _size(row: dict[str, str]) -> tuple[float, float] | None:
    """Columns and rows of the picture that a box in pixels was drawn on, where the row states them."""
    stated = [row.get(name, "").strip() for name in _SIZE]
    return (number(stated[0]), number(stated[1])) if all(stated) else None
