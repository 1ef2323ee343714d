"""Files of boxes: which ones lie at a path, and what each says, told by its ending. Each costs itself alone."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wrist_model import regular_file
from wrist_model.boxes import coco, pascal_voc, table, yolo
from wrist_model.boxes.drawn import Stated
from wrist_model.errors import Refused, UsageError
from wrist_model.sources import walk
from wrist_model.sources.recognise_source import absolute
from wrist_model.sources.source import BoxFile
from wrist_model.sources.source_item import is_junk

KINDS = {".txt": "yolo", ".xml": "pascal_voc", ".json": "coco", ".csv": "csv", ".tsv": "csv"}
MOST_OF_A_PICTURE = (1 << 20, 10_000)
MOST_OF_MANY = (coco.MOST_BYTES, 1_000_000)
"""Bytes and boxes of a file of one picture's boxes, and of one of many pictures'."""
MOST = {"yolo": MOST_OF_A_PICTURE, "pascal_voc": MOST_OF_A_PICTURE, "coco": MOST_OF_MANY, "csv": MOST_OF_MANY}
_BESIDE = ("readme", "licen", "notes")
"""How texts begin that lie beside boxes."""
_ABOVE = 2
"""Folders above the named one in which YOLO's classes are looked for: data/data.yaml is of data/train/labels."""


@dataclass(frozen=True)
class Contents:
    """What a file says. refused: why it says nothing, as reason code and sentence."""

    kind: str
    sha256: str | None
    stated: tuple[Stated, ...] = ()
    refused: tuple[str, str] | None = None


def find(path: Path | str, follow_links: bool = False) -> Iterator[BoxFile]:
    """The files of boxes at a path, or in it and below, in a stable order. Raises UsageError where there are none."""
    start = absolute(path)
    if not regular_file.is_folder(start):
        if start.suffix.lower() not in KINDS:
            known = ", ".join(KINDS)
            raise UsageError(f"--boxes {path}: expected a folder, or a file that ends in one of {known}.")
        if not regular_file.is_there(start):
            raise UsageError(f"--boxes {path}: no such file or folder.")
        yield BoxFile(str(start), start.name, start.stem, classes=_classes(start.parent, start.parent))
        return
    bounds = walk.Bounds(start)
    names: dict[Path, tuple[str, ...]] = {}
    found = 0
    for file, relative in walk.files(start, follow_links=follow_links):
        name = PurePosixPath(relative)
        if name.suffix.lower() not in KINDS or _is_beside(name.name):
            continue
        folder = Path(file).parent
        if folder not in names:
            names[folder] = _classes(folder, start)
        found += 1
        refused = None if follow_links or bounds.hold(file) else ("outside_folder", walk.LEADS_OUT)
        yield BoxFile(file, relative, str(name.with_suffix("")), classes=names[folder], refused=refused)
    if not found:
        raise UsageError(f"--boxes {path}: no file there that ends in one of {', '.join(KINDS)}.")


def _classes(folder: Path, start: Path) -> tuple[str, ...]:
    """The classes by number from the nearest list: beside the boxes, or above, up to _ABOVE the named folder."""
    within = [each for each in folder.parents if each == start or start in each.parents]
    above = [folder, *within, *start.parents[:_ABOVE]]
    return next((held for each in above if (held := yolo.classes_in(each))), ())


def _is_beside(name: str) -> bool:
    low = name.lower()
    return is_junk(name) or low in (*yolo.NAME_LISTS, *yolo.SETTINGS, *yolo.PICTURE_LISTS) or low.startswith(_BESIDE)


def read(file: BoxFile) -> Contents:
    """What a file says; raises nothing."""
    kind, sha256 = _kind(file), None
    try:
        if file.refused is not None:
            raise Refused(*file.refused)
        if not regular_file.is_file(file.path):
            regular_file.refuse(file.path)
        most_bytes, most_boxes = MOST[kind]
        data = regular_file.read(file.path, most_bytes)
        sha256 = hashlib.sha256(data).hexdigest()
        found = tuple(itertools.islice(_stated(kind, data, file), most_boxes + 1))
        if len(found) > most_boxes:
            raise Refused("too_large", f"The file has more than {most_boxes} boxes.")
        return Contents(kind, sha256, found)
    except Refused as refused:
        return Contents(kind, sha256, refused=(refused.reason_code, refused.reason))
    except OSError as error:
        said = f"The file can't be read: {error.strerror or 'input/output error'}."
        return Contents(kind, sha256, refused=("unreadable", said))
    except (Exception, MemoryError) as error:  # whatever a file does, it costs itself alone
        said = f"The file can't be read ({type(error).__name__}): its content is damaged."
        return Contents(kind, sha256, refused=("damaged", said))


def says(file: BoxFile, sha256: str | None) -> bool:
    """Whether a file is still what was read (None: nothing could be)."""
    try:
        if file.refused is not None:
            return sha256 is None
        return hashlib.sha256(regular_file.read(file.path, MOST[_kind(file)][0])).hexdigest() == sha256
    except (Refused, OSError):
        return sha256 is None


def _kind(file: BoxFile) -> str:
    return KINDS.get(PurePosixPath(file.path).suffix.lower(), "csv")


def _stated(kind: str, data: bytes, file: BoxFile) -> Iterator[Stated]:
    if kind == "pascal_voc":
        return pascal_voc.stated(data, file.picture)
    if kind == "coco":
        return coco.stated(data)
    if kind == "csv":
        return table.stated(data, file.path)
    try:
        return yolo.stated(data.decode("utf-8-sig"), file.picture, file.classes)
    except UnicodeDecodeError:
        raise Refused("unparsable", "The file is no UTF-8 text.") from None
