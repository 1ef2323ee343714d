"""Boxes of an ingest: read files of them, find each box's picture among those of the place, write regions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from sqlalchemy import Engine

from db import regions
from tasks.ingest_writer import Ledger
from wrist_model import regular_file
from wrist_model.boxes import box_files
from wrist_model.boxes.drawn import Drawn, placed
from wrist_model.boxes.pictures import Pictures
from wrist_model.errors import Refused
from wrist_model.evidence_records import RefusedRegion, Region, RegionList
from wrist_model.intake.examine_file import Context
from wrist_model.intake.storable_text import printable
from wrist_model.sources.recognise_source import Plan, absolute
from wrist_model.sources.source import BoxFile
from wrist_model.sources.source_item import SIDE_SUFFIXES

FILES = 200
"""Files of boxes that are read before they are written."""
NOT_THERE = "The picture is not catalogued: it was refused, is of another body part, or is no picture."
FRAMES = "The file has several frames: name one by its image_uid in a CSV."


def catalogue_boxes(ledger: Ledger, plan: Plan, context: Context, given: str | None) -> None:
    """Write the boxes that lie with a place's pictures, and those of a file or folder that somebody names (given).

    Each box that can't be taken is a row with a reason; nothing that a file holds ends the ingest.
    """
    files = [*plan.boxes(), *(box_files.find(given, plan.follow_links) if given else ())]
    if not files:
        return
    names = Pictures(item.relative for item in plan.items() if not item.ignored and not _is_beside(item.relative))
    below = _below(plan.root, given)
    for start in range(0, len(files), FILES):
        found = [(file, box_files.read(file)) for file in files[start : start + FILES]]
        boxes = [box for _, contents in found for box in contents.stated if isinstance(box, Drawn)]
        finder = _Finder(ledger.engine, boxes, names, below, context)
        lists = {_list(file, contents, finder, context): file for file, contents in found}
        added = regions.add_region_lists(ledger.engine, ledger.run_id, [*lists], still=partial(_is_as_read, lists))
        ledger.done.regions.update(new=added.new, unchanged=added.unchanged)
        ledger.done.box_reasons.update(added.reasons)


def _is_as_read(lists: Mapping[RegionList, BoxFile], one: RegionList) -> bool:
    return box_files.says(lists[one], one.file_sha256)


def _is_beside(relative: str) -> bool:
    """Whether a file only goes along with pictures, as a.txt does with a.png."""
    return PurePosixPath(relative).suffix.lower() in SIDE_SUFFIXES


def _below(root: Path, given: str | None) -> str | None:
    """The folder of the named boxes, where it lies in the place: paths in them may begin there."""
    if given is None:
        return None
    start = absolute(given)
    folder = os.path.relpath(start if regular_file.is_folder(start) else start.parent, root).replace(os.sep, "/")
    return None if folder.startswith("..") else folder


class _Finder:
    """The catalogued picture of each box."""

    def __init__(
        self, engine: Engine, boxes: Sequence[Drawn], names: Pictures, below: str | None, context: Context
    ) -> None:
        self._context = context
        said = {(box.picture, box.by_file) for box in boxes if box.picture and not box.image_uid}
        self._paths = {one: _path(*one, names, below) for one in said}
        paths = [path for path in self._paths.values() if isinstance(path, str)]
        self._at = regions.pictures_at(engine, context.root, _stored(paths, context)) if paths else {}
        uids = {box.image_uid for box in boxes if box.image_uid}
        self._named = regions.pictures_named(engine, uids, context.source) if uids else {}

    def picture(self, box: Drawn) -> regions.Picture:
        """Raises Refused (`unknown_picture`, `ambiguous_picture`)."""
        if box.image_uid:
            if box.image_uid not in self._named:
                raise Refused("unknown_picture", "The source has no picture of this image_uid.")
            return self._named[box.image_uid]
        path = self._paths[box.picture or "", box.by_file]
        if isinstance(path, Refused):
            raise path
        held = next((self._at[name] for name in _stored([path], self._context) if name in self._at), [])
        if len(held) != 1:
            raise Refused("ambiguous_picture", FRAMES) if held else Refused("unknown_picture", NOT_THERE)
        return held[0]


def _list(file: BoxFile, contents: box_files.Contents, finder: _Finder, context: Context) -> RegionList:
    taken: list[Region] = []
    refused = [RefusedRegion("file", *contents.refused)] if contents.refused else []
    for box in contents.stated:
        if isinstance(box, RefusedRegion):
            refused.append(box)
            continue
        try:
            at = finder.picture(box)
            edges = placed(box, at.columns, at.rows)
            taken.append(Region(at.image_uid, box.name, *edges, drawn_by=box.drawn_by or file.drawn_by))
        except Refused as error:
            refused.append(RefusedRegion(box.place, error.reason_code, error.reason))
    name = context.key.path(file.name) if context.private else printable(file.name)
    whole = contents.refused is None
    return RegionList(
        context.source, context.root, name, contents.kind, contents.sha256, whole, tuple(taken), tuple(refused)
    )


def _path(said: str, by_file: bool, names: Pictures, below: str | None) -> str | Refused:
    try:
        return names.find(said, below, by_file)
    except Refused as refused:
        return refused


def _stored(paths: Iterable[str], context: Context) -> list[str]:
    """The names under which files may be catalogued: their paths, or where they are private their pseudonyms."""
    return [name for path in paths for name in (printable(path), context.key.path(path))]
