"""COCO: one JSON file of many pictures, boxes as x, y of the upper left corner, width and height in pixels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from wrist_model.boxes.drawn import Drawn, Stated, word
from wrist_model.errors import Refused
from wrist_model.evidence_records import RefusedRegion

MOST_BYTES = 64 << 20
"""Parsed, JSON takes ten times its bytes."""


def stated(data: bytes) -> Iterator[Stated]:
    """The boxes of all pictures. Raises Refused `unparsable` for the whole file."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):  # also numbers of thousands of digits, and text that is not UTF-8
        raise Refused("unparsable", "The file is no JSON.") from None
    lists: list[Any] = []
    if isinstance(said, dict):
        lists = [said.get(name) for name in ("images", "categories", "annotations")]
    if not lists or not all(isinstance(one, list) for one in lists):
        raise Refused("unparsable", "The JSON lacks the lists images, categories and annotations: no COCO.")
    pictures, classes = _by_id(lists[0], "file_name"), _by_id(lists[1], "name")
    for count, found in enumerate(lists[2], start=1):
        place = f"annotation {count}"
        try:
            yield _box(place, found, pictures, classes)
        except Refused as refused:
            yield RefusedRegion(place, refused.reason_code, refused.reason)


def _by_id(part: list[Any], name: str) -> dict[str, Any]:
    """Id → its picture or class; None where two that are called otherwise have it, as in files put together by hand."""
    found: dict[str, Any] = {}
    for one in part:
        if isinstance(one, dict) and one.get("id") is not None:
            other = found.setdefault(_id(one["id"]), one)
            if other is not None and other.get(name) != one.get(name):
                found[_id(one["id"])] = None
    return found


def _id(value: Any) -> str:
    """An id as text: 1, 1.0 and "1" are one."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _box(place: str, found: Any, pictures: dict[str, Any], classes: dict[str, Any]) -> Drawn:
    if not isinstance(found, dict):
        raise Refused("unparsable", "The annotation is no object.")
    image_id, category_id = _id(found.get("image_id")), _id(found.get("category_id"))
    picture, kind = pictures.get(image_id), classes.get(category_id)
    if picture is None and image_id in pictures:
        raise Refused("ambiguous_picture", "Two images of the file have its image_id.")
    if kind is None and category_id in classes:
        raise Refused("unknown_class", "Two categories of the file have its category_id.")
    if picture is None or not isinstance(picture.get("file_name"), str):
        raise Refused("unknown_picture", "Its image_id is in no images of the file, or of one without a file_name.")
    if kind is None or not isinstance(kind.get("name"), str):
        raise Refused("unknown_class", "Its category_id is in no categories of the file.")
    box = found.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise Refused("unparsable", "Its bbox is no list of four numbers.")
    x, y, width, height = map(_number, box)
    size = picture.get("width"), picture.get("height")
    drawn_on = (_number(size[0]), _number(size[1])) if all(size) else None
    return Drawn(
        place, picture["file_name"], word(kind["name"]), (x, y, x + width, y + height), shares=False, size=drawn_on
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("unparsable", "A coordinate or size is no number.")
    try:
        return float(value)
    except OverflowError:
        return float("inf")
