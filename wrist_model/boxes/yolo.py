"""YOLO: a text beside a picture, one box a line: class number, centre and size as shares of the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from wrist_model import regular_file
from wrist_model.boxes.drawn import Drawn, Stated, from_centre, number, word
from wrist_model.errors import Refused
from wrist_model.evidence_records import RefusedRegion

NAME_LISTS = ("classes.txt", "labels.txt", "obj.names", "classes.names")
PICTURE_LISTS = ("train.txt", "val.txt", "valid.txt", "validation.txt", "test.txt", "trainval.txt")
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
    if int(text) >= len(classes) or not classes[int(text)]:
        raise Refused("unknown_class", f"The class is {int(text)}; the list of classes has no name for it.")
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


_FLOW = re.compile(r"^names:\s*[\[{](.*?)[\]}]", re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(r"^names:[^\S\n]*(?:#[^\n]*)?\n((?:[ \t]*(?:-|\d+:)[^\n]*\n?)+)", re.MULTILINE)
_IN_FLOW = re.compile(r"""(?:(\d{1,6})\s*:\s*)?('[^']*'|"[^"]*"|[^,\s][^,\n]*)""")
_IN_BLOCK = re.compile(r"""^[ \t]*(?:-|(\d{1,6}):)[ \t]*('[^']*'|"[^"]*"|[^#\n]*)""", re.MULTILINE)


def _names(text: str) -> tuple[str, ...]:
    """`names:` of YOLO's settings by number: [a, b], {0: a, 1: b}, lines `- a`, or lines `0: a`; '' for a number that
    has none."""
    flow, block = _FLOW.search(text), _BLOCK.search(text)
    if flow:
        found = _IN_FLOW.findall(re.sub(r"(^|\s)#[^\n]*", "", flow[1]))
    else:
        found = _IN_BLOCK.findall(block[1]) if block else []
    names = {int(number or place): said.strip().strip("'\"") for place, (number, said) in enumerate(found)}
    return tuple(names.get(number, "") for number in range(max(names, default=-1) + 1))
