"""GRAZPEDWRI-DX (Nagy et al. 2022, Scientific Data 9, 222, doi 10.6084/m9.figshare.14825193) as it is published.

`dataset.csv` lies beside the pictures or above them; any of its parts will do. A flag is `1` or blank, which is 0.
The table says of an *image* whether a fracture shows. A study is (patient, study number, side), positive when any of
its images in the table shows one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wrist_model import regular_file
from wrist_model.errors import Refused
from wrist_model.sources import csv_table, walk
from wrist_model.sources.source import BoxFile, Place, Source
from wrist_model.sources.source_item import SIDE_SUFFIXES, Item, is_junk, passes

TABLE = "dataset.csv"
_FIRST_LINE = 4096
_COLUMNS = ("filestem", "patient_id", "study_number", "laterality", "fracture_visible", "diagnosis_uncertain")
_PICTURES = frozenset({".png", ".jpg", ".jpeg"})
_PROJECTIONS = {"1": "AP/PA", "2": "LATERAL", "3": "OBLIQUE"}
_ANNOTATED = ("yolo", "supervisely", "pascal", "folder_structure")
"""Folders of the data set that hold 8-bit copies of the pictures beside annotations."""

CLASSES = (
    *("boneanomaly", "bonelesion", "foreignbody", "fracture", "metal"),
    *("periostealreaction", "pronatorsign", "softtissue", "text"),
)
"""Of its boxes, in the order of their YOLO numbers."""

Study = tuple[str, str, str]


@dataclass(frozen=True)
class _Stated:
    """What the table says of a study. doubt: why its label is not to be believed, None where it is."""

    label: int
    doubt: str | None


def items(root: Path, start: Path, body_part: str, follow_links: bool = False) -> Iterator[Item]:
    """Every file below start, in a stable order, and each row without a picture of a study that has others."""
    table = {row["filestem"]: row for row in csv_table.rows(root / TABLE, _COLUMNS) if row["filestem"]}
    studies = _studies(table.values())
    if regular_file.is_folder(start):
        found = list(walk.files(root, start, follow_links=follow_links))
    else:
        found = [(str(start), start.relative_to(root).as_posix())]
    chosen: dict[str, str] = {}
    pictures = [relative for _, relative in found if PurePosixPath(relative).suffix.lower() in _PICTURES]
    for relative in sorted(pictures, key=lambda name: (_is_copy(name), name)):
        chosen.setdefault(_stem(relative), relative)
    met: set[Study] = set()
    for path, relative in found:
        name, stem = PurePosixPath(relative).name, _stem(relative)
        suffix = PurePosixPath(name).suffix.lower()
        if is_junk(name) or suffix in SIDE_SUFFIXES or (suffix in _PICTURES and chosen[stem] != relative):
            yield Item(path, relative, ignored=True)
        elif suffix in _PICTURES and stem not in table:
            yield Item(path, relative, refused=("not_listed", f"{TABLE} has no row for this picture."))
        elif suffix in _PICTURES and not all(_study(table[stem])):
            reason = f"The picture's row in {TABLE} lacks patient_id, study_number or laterality."
            yield Item(path, relative, refused=("incomplete_row", reason))
        elif suffix in _PICTURES:
            met.add(_study(table[stem]))
            yield _item(path, relative, table[stem], studies[_study(table[stem])], body_part)
        else:
            yield Item(path, relative)
    if start != root:
        return
    for stem in sorted(table.keys() - chosen.keys()):
        if _study(table[stem]) in met:
            reason = f"{TABLE} lists the picture, but it is not there, though others of its study are."
            yield Item(str(root / f"{stem}.png"), f"{stem}.png", refused=("missing_file", reason))


def boxes(root: Path, start: Path, follow_links: bool = False) -> Iterator[BoxFile]:
    """The file of boxes of each picture below start that has one, by its stem; Pascal VOC before YOLO, which are the
    same boxes: it names classes, and states the picture's size."""
    found = list(walk.files(root, follow_links=follow_links))
    below = "" if start == root else start.relative_to(root).as_posix()
    stems = {
        _stem(relative)
        for _, relative in found
        if PurePosixPath(relative).suffix.lower() in _PICTURES
        and (relative == below or relative.startswith(below + "/") or not below)
    }
    bounds = walk.Bounds(root, start)
    chosen: dict[str, BoxFile] = {}
    for folder, suffix in (("pascal", ".xml"), ("yolo", ".txt")):
        for path, relative in found:
            name, stem = PurePosixPath(relative), _stem(relative)
            inside = any(part.lower().startswith(folder) for part in name.parts[:-1])
            if name.suffix.lower() == suffix and inside and stem in stems and stem not in chosen:
                refused = None if follow_links or bounds.hold(path) else ("outside_folder", walk.LEADS_OUT)
                chosen[stem] = BoxFile(path, stem, stem, CLASSES, "grazpedwri", refused)
    yield from (chosen[stem] for stem in sorted(chosen))


def _item(path: str, relative: str, row: dict[str, str], study: _Stated, body_part: str) -> Item:
    sex = row.get("gender", "").strip().upper()
    return Item(
        path,
        relative,
        patient=row["patient_id"],
        study="/".join(_study(row)),
        label=study.label,
        body_part="WRIST",
        view=_PROJECTIONS.get(row.get("projection", "").strip()),
        hardware=_flag(row, "metal"),
        sex=sex if sex in ("F", "M", "O") else None,
        age=_years(row.get("age", "")),
        image_label=int(_flag(row, "fracture_visible")),
        doubt=study.doubt,
        extra=tuple(
            (name, value)
            for name, value in (
                *((name, str(int(_flag(row, name)))) for name in ("cast", "osteopenia", "initial_exam")),
                ("laterality", row["laterality"]),
                ("device", row.get("device_manufacturer", "").strip()),
                ("ao_classification", row.get("ao_classification", "").strip()),
            )
            if value
        ),
        filtered=not passes("WRIST", body_part),
    )


def _studies(rows: Iterable[dict[str, str]]) -> dict[Study, _Stated]:
    by_study: dict[Study, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_study[_study(row)].append(row)
    return {study: _stated(group) for study, group in by_study.items()}


def _stated(rows: list[dict[str, str]]) -> _Stated:
    positive = any(_flag(row, "fracture_visible") for row in rows)
    if any(_flag(row, "diagnosis_uncertain") for row in rows):
        return _Stated(int(positive), "uncertain_diagnosis")
    if not positive and any(row.get("ao_classification", "").strip() for row in rows):
        return _Stated(0, "fracture_code_without_visible_fracture")
    return _Stated(int(positive), None)


def _study(row: dict[str, str]) -> Study:
    return row["patient_id"].strip(), row["study_number"].strip(), row["laterality"].strip()


def _flag(row: dict[str, str], name: str) -> bool:
    return row.get(name, "").strip() in ("1", "1.0")


def _years(text: str) -> int | None:
    try:
        return min(90, int(float(text)))
    except (ValueError, OverflowError):
        return None


def _stem(relative: str) -> str:
    return PurePosixPath(relative).stem


def _is_copy(relative: str) -> bool:
    return any(folder.lower().startswith(_ANNOTATED) for folder in PurePosixPath(relative).parts[:-1])


def _is_table(path: Path) -> bool:
    """Whether it is this data set's table, by its first line."""
    try:
        first = regular_file.read(path, first=_FIRST_LINE).decode("utf-8-sig", "replace").splitlines()[:1]
    except (OSError, Refused):
        return False
    return bool(first) and set(_COLUMNS) <= {name.strip().strip('"').lower() for name in first[0].split(",")}


def _recognise(path: Path) -> Place | None:
    if path.name == TABLE and _is_table(path):
        return Place(path.parent, path.parent, "grazpedwri")
    if regular_file.is_file(path) and path.suffix.lower() == ".csv":
        return None
    folders = [path, *path.parents][:3] if regular_file.is_folder(path) else [*path.parents][:2]
    root = next((folder for folder in folders if _is_table(folder / TABLE)), None)
    return Place(root, path, "grazpedwri") if root is not None else None


SOURCE = Source("grazpedwri", 15, _recognise, items, label_meaning="fracture", boxes=boxes)
