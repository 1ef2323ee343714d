"""YOLO: a text beside a picture, one box a line: class number, centre and size as shares of the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from wrist_model import regular_file
from wrist_model.boxes.drawn import Drawn, Stated, from_centre, number, word
from wrist_model.errors import Refused
from wrist_model.evidence_records import RefusedRegion

NAME_LISTS = ("classes.txt", "obj.names", "classes.names")
SETTINGS = ("data.yaml", "data.yml", "dataset.yaml", "meta.yaml")
MOST_BYTES = 1 << 20


def stated(text: str, picture: str, classes: Sequence[str]) -> Iterator[Stated]:
    """The boxes of one picture. classes: their names by number; without any the number is the name."""
    for count, line in enumerate(text.splitlines(), start=1):
        parts = line.split()
        if not parts:
            continue
        try:
            if len(parts) != 5:
                raise Refused("unparsable", "Expected five numbers: class, x and y of the centre, width, height.")
            edges = from_centre(*map(number, parts[1:]))
            yield Drawn(f"line {count}", picture, _name(parts[0], classes), edges, shares=True, by_file=True)
        except Refused as refused:
            yield RefusedRegion(f"line {count}", refused.reason_code, refused.reason)


def _name(text: str, classes: Sequence[str]) -> str:
    if not re.fullmatch(r"\d{1,6}", text):
        raise Refused("unparsable", "The class is no number.")
    if not classes:
        return str(int(text))
    if int(text) >= len(classes):
        raise Refused("unknown_class", f"The class is {int(text)}; the list of classes has {len(classes)}.")
    return word(classes[int(text)])


def classes_in(folder: Path) -> tuple[str, ...]:
    """The classes' names by number, from a list or YOLO's settings in a folder; none where there are neither."""
    for name in (*NAME_LISTS, *SETTINGS):
        try:
            text = regular_file.read(folder / name, MOST_BYTES).decode("utf-8-sig")
        except (OSError, Refused, UnicodeDecodeError):
            continue
        found = tuple(line.strip() for line in text.splitlines()) if name in NAME_LISTS else _names(text)
        while found and not found[-1]:
            found = found[:-1]
        if found:
            return found
    return ()


def _names(text: str) -> tuple[str, ...]:
    """`names:` of YOLO's settings: [a, b], lines `- a`, or lines `0: a`."""
    flow = re.search(r"^names:\s*\[(.*?)\]", text, re.DOTALL | re.MULTILINE)
    if flow:
        return tuple(part.strip().strip("'\"") for part in flow[1].split(",") if part.strip())
    block = re.search(r"^names:[^\S\n]*\n((?:[ \t]*(?:-|\d+:)[^\n]*\n?)+)", text, re.MULTILINE)
    lines = block[1].splitlines() if block else []
    return tuple(re.sub(r"^\s*(?:-|\d+:)\s*", "", line).strip().strip("'\"") for line in lines)
