"""A MURA tree (Rajpurkar et al. 2018, arXiv 1712.06957), or any subtree of one.

Layout: {train,valid}/XR_WRIST/patientNNNNN/studyN_{positive,negative}/imageN.png below the folder of the four CSV
files. A study's identity leaves the label out, so that a corrected folder name doesn't make another study.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from wrist_model import regular_file
from wrist_model.errors import Refused, UsageError
from wrist_model.sources import walk
from wrist_model.sources.source import ABNORMAL, Place, Source
from wrist_model.sources.source_item import SIDE_SUFFIXES, Item, Official, is_junk, passes

_PART = re.compile(r"XR_[A-Z]+")
_PLACE = re.compile(r"(?:(train|valid)/)?XR_([A-Z]+)/(patient[^/]+)/(study[^/_]+)(?:_(positive|negative))?/([^/]+)")
_OFFICIAL: dict[str, Official] = {"valid": "test", "train": "train"}
_LABELS = {"positive": 1, "negative": 0, None: None}
Study = tuple[str, str, str, str]


def base(path: Path) -> Path | None:
    """The folder that holds train/ and valid/ (or XR_… itself), when path is in, or is, a MURA tree; else None.

    Raises UsageError for a folder that holds a MURA tree beside other things: which is meant?
    """
    parts = path.parts
    for index in range(len(parts) - 1, 0, -1):
        if _PART.fullmatch(parts[index]):
            above = index - 1 if parts[index - 1] in _OFFICIAL else index
            return Path(*parts[:above])
    if not regular_file.is_folder(path):
        return None
    if path.name in _OFFICIAL and _holds_parts(path):
        return path.parent
    if _holds_parts(path) or any(_holds_parts(path / name) for name in _OFFICIAL):
        return path
    for child in sorted(path.glob("MURA*")):
        if any(_holds_parts(child / name) for name in _OFFICIAL):
            others = [one.name for one in _entries(path) if one != child and _matters(one)]
            if others:
                raise UsageError(
                    f"{path}: holds a MURA tree, {child.name}, and other things; name each by its own path."
                )
            return child
    return None


def _matters(entry: Path) -> bool:
    return not is_junk(entry.name) and entry.suffix.lower() not in SIDE_SUFFIXES


def is_inside(relative: str) -> bool:
    """Whether a path looks like a place in a MURA tree."""
    return _INSIDE.search(relative) is not None


_INSIDE = re.compile(r"(?:^|/)XR_[A-Z]+/patient[^/]+/study[^/]+/")


def _holds_parts(folder: Path) -> bool:
    return any(_PART.fullmatch(entry.name) for entry in _entries(folder) if regular_file.is_folder(entry))


def _entries(folder: Path) -> list[Path]:
    """What a folder holds; nothing where it can't be listed."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def items(root: Path, start: Path, body_part: str, follow_links: bool = False) -> Iterator[Item]:
    """Every file below start, with what its path and the CSV files beside root say of it."""
    bad: dict[str, str] = {}
    listed = _listed(root, bad)
    stated = _stated(root, listed, bad)
    twins: dict[str, bool] = {}
    missing = {(*study, name) for study, name, _ in listed}
    met: set[Study] = set()
    for path, relative in (
        walk.files(root, start, follow_links=follow_links)
        if regular_file.is_folder(start)
        else [(str(start), start.relative_to(root).as_posix())]
    ):
        name = relative.rsplit("/", 1)[-1]
        place = _PLACE.fullmatch(relative)
        if relative in bad:
            yield Item(path, relative, refused=("unreadable", bad[relative]))
        elif is_junk(name) or (place is None and PurePosixPath(name).suffix.lower() in SIDE_SUFFIXES):
            yield Item(path, relative, ignored=True)
        elif place is None:
            yield Item(path, relative, refused=("unexpected_place", _EXPECTED))
        else:
            study = (place[1] or "", place[2], place[3], place[4])
            met.add(study)
            missing.discard((*study, place[6]))
            folder = path.rsplit("/", 1)[0]
            if folder not in twins:
                twins[folder] = place[5] is not None and _has_twin(root, Path(folder), place[1])
            item = _item(path, relative, place, study, stated, body_part)
            yield replace(item, refused=("conflicting_label", _TWINS)) if twins[folder] else item
    for *study_parts, name in sorted(missing):
        study = (study_parts[0], study_parts[1], study_parts[2], study_parts[3])
        if study in met and passes(study[1], body_part) and start == root:
            relative = "/".join((*filter(None, study[:1]), f"XR_{study[1]}", study[2], study[3], name))
            yield Item(
                str(root / relative),
                relative,
                refused=(
                    "missing_file",
                    "*_image_paths.csv lists the image, but its study folder lacks it.",
                ),
            )


_EXPECTED = "The file lies outside MURA's layout, XR_PART/patientN/studyN_label/imageN.png."


def _item(path: str, relative: str, place: re.Match[str], study: Study, stated: dict, body_part: str) -> Item:
    split, part, patient, number = study
    label = _LABELS[place[5]]
    csv_labels = stated.get(study, set())
    conflict = len(csv_labels | ({label} - {None})) > 1
    return Item(
        path,
        relative,
        patient=patient,
        study=f"XR_{part}/{patient}/{number}",
        official=_OFFICIAL.get(split),
        label=label if label is not None else next(iter(csv_labels), None),
        body_part=part,
        filtered=not passes(part, body_part),
        refused=("conflicting_label", _CONFLICT) if conflict else None,
    )


def _has_twin(root: Path, folder: Path, split: str | None) -> bool:
    """Whether the same study lies beside it, or in the other part, under the other label, with anything in it."""
    number, _, said = folder.name.rpartition("_")
    other = folder.with_name(f"{number}_{'negative' if said == 'positive' else 'positive'}")
    places = [root / part / other.relative_to(root / split) for part in _OFFICIAL] if split else [other]
    return any(not is_junk(entry.name) for place in places for entry in _entries(place))


_TWINS = "The patient has this study as positive and as negative; remove the folder whose label is wrong."
_CONFLICT = "The study's folder name and MURA's CSV files beside it state different labels; mend one of them."


def _table(root: Path, name: str, bad: dict[str, str]) -> list[list[str]]:
    """The rows of one of MURA's CSV files; one that can't be read is noted, and costs itself alone."""
    if not regular_file.is_file(root / name):
        return []
    try:
        said = regular_file.read(root / name).decode("utf-8-sig")
        return [row for row in csv.reader(io.StringIO(said, newline="")) if row and row[0].strip()]
    except (OSError, Refused, UnicodeDecodeError, csv.Error):
        bad[name] = "It is no readable CSV file; put MURA's own file back or remove it."
        return []


def _below(text: str) -> str | None:
    """`train/XR_…` of a CSV's path, which begins with the data set's own folder."""
    found = re.search(r"(?:^|/)((?:train|valid)/XR_[A-Z]+/.*)$", text.strip())
    return found[1] if found else None


def _stated(root: Path, listed: list[tuple[Study, str, int | None]], bad: dict[str, str]) -> dict[Study, set[int]]:
    """Study → the labels that *_labeled_studies.csv and the paths in *_image_paths.csv give it."""
    labels: dict[Study, set[int]] = {}
    for study, _, label in listed:
        if label is not None:
            labels.setdefault(study, set()).add(label)
    for split in _OFFICIAL:
        for row in _table(root, f"{split}_labeled_studies.csv", bad):
            below = _below(row[0])
            place = _PLACE.fullmatch(below.rstrip("/") + "/x") if below else None
            if place and len(row) > 1 and row[1].strip() in ("0", "1"):
                labels.setdefault((place[1] or "", place[2], place[3], place[4]), set()).add(int(row[1]))
    return labels


def _listed(root: Path, bad: dict[str, str]) -> list[tuple[Study, str, int | None]]:
    """Study, image name and the label in the path, of each line of *_image_paths.csv."""
    listed = []
    for split in _OFFICIAL:
        for row in _table(root, f"{split}_image_paths.csv", bad):
            place = _PLACE.fullmatch(_below(row[0]) or "")
            if place:
                listed.append(((place[1] or "", place[2], place[3], place[4]), place[6], _LABELS[place[5]]))
    return listed


def _recognise(path: Path) -> Place | None:
    tree = base(path)
    if tree is None or path.suffix.lower() == ".csv":
        return None
    return Place(tree, tree if path in tree.parents else path, "mura")


SOURCE = Source("mura", 10, _recognise, items, label_meaning=ABNORMAL)
