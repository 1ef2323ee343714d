"""A manifest CSV: `path,label`, optionally `patient,study,body_part,view,hardware,sex,age,split` and others."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from wrist_model import regular_file
from wrist_model.records import SPLIT_RANK, SPLITS, Split
from wrist_model.sources import csv_table
from wrist_model.sources.label_words import label
from wrist_model.sources.source import Place, Source
from wrist_model.sources.source_item import Item, passes, slug

_KNOWN = ("path", "label", "patient", "study", "body_part", "view", "hardware", "sex", "age", "split")
_FIRST_SPLITS = (*sorted(SPLITS, key=SPLIT_RANK.__getitem__), None)
"""The order in which rows are gone through: a patient of whom the rows say different splits stands in the first."""
_SPLIT_WORDS: dict[str, Split | None] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("", "nan", "none", "null"), None),  # the rule decides
}
"""The words that published lists use (CheXpert's valid, Hugging Face's validation), in any case. MURA's folder `valid`,
which is test, is no list's word: `sources/mura.py` reads it."""
_UNKNOWN_SPLIT = (
    "The row's split is none of train, training; val, valid, validation, dev; test, testing; or empty (then the rule "
    "decides)."
)
_PERSONAL = re.compile("name|birth|dob|address|phone|mail|accession|mrn|ssn|physician|doctor|comment|note|report")
"""Further columns are kept, but none whose title says that it tells who somebody is, or that it is free text."""


def items(manifest: Path, root: Path, body_part: str) -> Iterator[Item]:
    """One item for each row, those of a stated split first. A row that can't be taken is an item with a reason, not an
    error."""
    conflicting, twice, splits = _looked_through(manifest, root, body_part)
    met: set[bytes] = set()
    for item in (
        item
        for split in _FIRST_SPLITS
        if split in splits
        for item in _rows(manifest, root, body_part)
        if item.split == split
    ):
        name = _short(item.relative)
        if item.refused is None and _short(str(item.study)) in conflicting:
            yield _refuse(item, "conflicting_label", "Rows of one study state different labels.")
        elif name in twice and name not in met:
            yield _refuse(item, "conflicting_rows", "Rows of the list say different things of this picture.")
        elif name in met:
            yield Item(item.path, item.relative, ignored=True, split=item.split)
        else:
            yield item
        met.add(name)


def _looked_through(manifest: Path, root: Path, body_part: str) -> tuple[set[bytes], set[bytes], set[Split | None]]:
    """The studies that the list labels in two ways, the pictures of which it says two labels, patients or studies, and
    the splits that it states: it is read several times, since all its rows at once take gigabytes."""
    labels: dict[bytes, int] = {}
    said: dict[bytes, bytes] = {}
    found: set[bytes] = set()
    twice: set[bytes] = set()
    splits: set[Split | None] = set()
    for item in _rows(manifest, root, body_part):
        splits.add(item.split)
        name, says = _short(item.relative), _short(repr((item.patient, item.study, item.label)))
        if said.setdefault(name, says) != says:
            twice.add(name)
        if item.refused is None and item.label is not None:
            study = _short(str(item.study))
            if labels.setdefault(study, item.label) != item.label:
                found.add(study)
    return found, twice, splits


def _rows(manifest: Path, root: Path, body_part: str) -> Iterator[Item]:
    for number, row in csv_table.numbered(manifest, ("path", "label")):
        yield _item(row, number, root, body_part)


def _short(text: str) -> bytes:
    """What stands for a name in memory, whatever its length: 16 bytes of SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:16]


def _refuse(item: Item, code: str, reason: str) -> Item:
    return Item(item.path, item.relative, refused=(code, reason), filtered=item.filtered, split=item.split)


def _item(row: dict[str, str], number: int, root: Path, body_part: str) -> Item:
    said = row["path"].strip()
    if "\\" in said and not os.path.lexists(root / said):  # written on Windows
        said = said.replace("\\", "/")
        said = said if not re.match(r"[A-Za-z]:", said) else "/" + said
    relative = posixpath.normpath(said) if said else ""
    if relative.startswith("/"):
        below = os.path.relpath(relative, root)
        relative = below if not below.startswith("..") else relative
    if not relative or relative == ".":
        return Item(str(root), f"row {number}", refused=("missing_file", f"Row {number} names no file."))
    if relative.startswith(("../", "/")) or relative == ".." or "\0" in relative:
        reason = "The row's path leads out of the manifest's folder; move the file into it."
        return Item(str(root), f"row {number}", refused=("outside_folder", reason))
    path = str(root / relative)
    try:
        stated = label(row["label"])
    except ValueError:
        reason = "The row's label is not one of positive, negative, 1, 0 or empty."
        return Item(path, relative, refused=("unknown_label", reason))
    if (split := row.get("split", "").strip().lower()) not in _SPLIT_WORDS:
        return Item(path, relative, refused=("unknown_split", _UNKNOWN_SPLIT))
    patient, study = row.get("patient", "").strip() or None, row.get("study", "").strip() or None
    part = row.get("body_part", "").strip().upper().removeprefix("XR_") or None
    age = re.fullmatch(r"(\d{1,3})(?:\.\d+)?Y?", row.get("age", "").strip())
    sex = row.get("sex", "").strip().upper()[:1]
    return Item(
        path,
        relative,
        patient=patient,
        study=(f"{patient}/{study}" if patient else study) if study else relative,
        label=stated,
        body_part=part,
        view=row.get("view", "").strip() or None,
        hardware={"1": True, "0": False}.get(row.get("hardware", "").strip()),
        sex=sex if sex in ("F", "M", "O") else None,
        age=min(90, int(age[1])) if age else None,
        extra=tuple(
            (name, value.strip())
            for name, value in row.items()
            if name and name not in _KNOWN and not _PERSONAL.search(name)
        ),
        filtered=not passes(part, body_part),
        split=_SPLIT_WORDS[split],
    )


def _recognise(path: Path) -> Place | None:
    is_table = regular_file.is_file(path) and path.suffix.lower() == ".csv"
    return Place(path.parent, path, slug(path.parent.name)) if is_table else None


SOURCE = Source(
    "manifest", 20, _recognise, lambda root, start, body_part, _: items(start, root, body_part), lists_patients=True
)
