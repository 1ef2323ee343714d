"""GRAZPEDWRI-DX (Nagy et al. 2022, Scientific Data 9, 222, doi 10.6084/m9.figshare.14825193) as it is published.

`dataset.csv` lies beside the pictures or above them; any of its parts will do. A flag is `1` or blank, which is 0; what
is neither labels nothing. The table says of an *image* whether a fracture shows. A study is (patient, study number,
side), positive when any of its images in the table shows one. Tables that a spreadsheet or pandas saved anew are read
as the published one, numbers with zeros or `.0` too: else one patient would become two.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from wrist_model import regular_file
from wrist_model.errors import Refused
from wrist_model.radiograph import decode
from wrist_model.sources import csv_table, walk
from wrist_model.sources.source import BoxFile, Place, Source
from wrist_model.sources.source_item import SIDE_SUFFIXES, Item, is_junk, passes

TABLE = "dataset.csv"
_TABLES = (TABLE, "Dataset.csv", "DATASET.CSV", "dataset.CSV")
_FIRST_LINE = 4096
_PARTS = 3
"""Folders in which the table of a path is looked for: its own and two above. Copies with annotations lie deeper."""
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
_YES, _NO = ("1", "1.0", "true"), ("", "0", "0.0", "false", "nan")


@dataclass(frozen=True)
class _Stated:
    """What the table says of a study. doubt: why its label is not to be believed, None where it is."""

    label: int
    doubt: str | None


@dataclass
class _Table:
    """The rows by file stem, the studies that can be labelled, and the others with a reason code and a sentence."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    studies: dict[Study, _Stated] = field(default_factory=dict)
    unlabelled: dict[Study, tuple[str, str]] = field(default_factory=dict)

    def refused(self, stem: str) -> tuple[str, str] | None:
        """Why a picture can't be taken, None where it can."""
        if stem not in self.rows:
            return "not_listed", f"{TABLE} has no row for this picture."
        study = _study(self.rows[stem])
        if not all(study) or study[2] not in ("L", "R"):
            reason = f"The picture's row in {TABLE} lacks patient_id, study_number, or a laterality of L or R."
            return "incomplete_row", reason
        return self.unlabelled.get(study)


def items(root: Path, start: Path, body_part: str, follow_links: bool = False) -> Iterator[Item]:
    """Every file below start, in a stable order, and each row without a picture of a study that has others."""
    table = _read(_table_in(root) or root / TABLE)
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
        elif suffix not in _PICTURES:
            said = f"A picture under a name that {TABLE} has not: is its download over?"
            yield Item(path, relative, refused=("not_listed", said) if _is_picture(path) else None)
        elif refused := table.refused(stem):
            yield Item(path, relative, refused=refused)
        else:
            study = _study(table.rows[stem])
            met.add(study)
            yield _item(path, relative, table.rows[stem], table.studies[study], body_part)
    if start != root:
        return
    for stem in sorted(table.rows.keys() - chosen.keys()):
        if _study(table.rows[stem]) in met:
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
    flags = ((name, _flag(row, name)) for name in ("cast", "osteopenia", "initial_exam"))
    return Item(
        path,
        relative,
        patient=row["patient_id"],
        study="/".join(_study(row)),
        label=study.label,
        body_part="WRIST",
        view=_PROJECTIONS.get(_number(row.get("projection", ""))),
        hardware=_flag(row, "metal"),
        sex=sex if sex in ("F", "M", "O") else None,
        age=_years(row.get("age", "")),
        image_label=int(_flag(row, "fracture_visible") or 0),
        doubt=study.doubt,
        extra=tuple(
            (name, value)
            for name, value in (
                *((name, str(int(said))) for name, said in flags if said is not None),
                ("laterality", row["laterality"]),
                ("device", row.get("device_manufacturer", "").strip()),
                ("ao_classification", row.get("ao_classification", "").strip()),
            )
            if value
        ),
        filtered=not passes("WRIST", body_part),
    )


def _read(path: Path) -> _Table:
    """The table, gone through as a whole. A study is unlabelled where a row of it says nothing that can be read, or
    where two rows of one picture say two things."""
    found = _Table()
    by_study: dict[Study, list[dict[str, str]]] = defaultdict(list)
    for row in csv_table.each(path, _COLUMNS):
        stem = re.sub(r"\.(png|jpe?g)$", "", row["filestem"].strip(), flags=re.IGNORECASE)
        if not stem:
            continue
        row |= {name: _number(row[name]) for name in ("patient_id", "study_number")}
        row["laterality"] = row["laterality"].strip().upper()
        by_study[_study(row)].append(row)
        other = found.rows.setdefault(stem, row)
        if {**other, "filestem": ""} != {**row, "filestem": ""}:
            reason = f"{TABLE} has two rows for a picture of this study, which say two things."
            found.unlabelled |= dict.fromkeys((_study(other), _study(row)), ("conflicting_rows", reason))
    for study, group in by_study.items():
        if any(_flag(row, name) is None for row in group for name in ("fracture_visible", "diagnosis_uncertain")):
            reason = f"fracture_visible or diagnosis_uncertain of its study is neither 1 nor blank in {TABLE}."
            found.unlabelled.setdefault(study, ("unknown_label", reason))
        found.studies[study] = _stated(group)
    return found


def _stated(rows: Iterable[dict[str, str]]) -> _Stated:
    rows = list(rows)
    positive = any(_flag(row, "fracture_visible") for row in rows)
    if any(_flag(row, "diagnosis_uncertain") for row in rows):
        return _Stated(int(positive), "uncertain_diagnosis")
    if not positive and any(row.get("ao_classification", "").strip() for row in rows):
        return _Stated(0, "fracture_code_without_visible_fracture")
    return _Stated(int(positive), None)


def _study(row: dict[str, str]) -> Study:
    return row["patient_id"], row["study_number"], row["laterality"]


def _number(text: str) -> str:
    """A whole number as the published table writes it: without zeros before it or `.0` behind it."""
    said = re.fullmatch(r"0*(\d+)(?:[.,]0*)?", text.strip())
    return said[1] if said else text.strip()


def _flag(row: dict[str, str], name: str) -> bool | None:
    """None where it is neither 1 nor blank, nor another program's word for one of them."""
    said = row.get(name, "").strip().lower()
    return True if said in _YES else False if said in _NO else None


def _years(text: str) -> int | None:
    try:
        years = float(text.strip().replace(",", "."))
        return min(90, int(years)) if years >= 0 else None
    except (ValueError, OverflowError):
        return None


def _is_picture(path: str) -> bool:
    try:
        return decode.sniff(regular_file.read(path, first=decode.SNIFF_BYTES)) is not None
    except (OSError, Refused):
        return False


def _stem(relative: str) -> str:
    return PurePosixPath(relative).stem


def _is_copy(relative: str) -> bool:
    return any(folder.lower().startswith(_ANNOTATED) for folder in PurePosixPath(relative).parts[:-1])


def _table_in(folder: Path) -> Path | None:
    """This data set's table in a folder, told by its first line; also one that then can't be read for want of a column
    or in another encoding, which is an error and no folder of unlabelled pictures."""
    return next((folder / name for name in _TABLES if _is_table(folder / name)), None)


def _is_table(path: Path) -> bool:
    try:
        first = regular_file.read(path, first=_FIRST_LINE).decode("utf-8-sig", "replace")
    except (OSError, Refused):
        return False
    first = first.replace("\0", "").lstrip("\ufffd")
    between, begun = csv_table.separator(first)
    names = {name.strip().strip('"').lower() for name in first[begun:].strip().split("\n", 1)[0].split(between)}
    return "filestem" in names and len(names & set(_COLUMNS)) > 2


def _recognise(path: Path) -> Place | None:
    if path.name in _TABLES and _is_table(path):
        return Place(path.parent, path.parent, "grazpedwri")
    is_folder = regular_file.is_folder(path)
    if not is_folder and path.suffix.lower() == ".csv":
        return None
    own = path if is_folder else path.parent
    for above, folder in enumerate((own, *own.parents)):
        near = above < _PARTS or _is_copy((path.relative_to(folder) / "any").as_posix())
        if near and _table_in(folder) is not None:
            return Place(folder, path, "grazpedwri")
    return None


SOURCE = Source("grazpedwri", 15, _recognise, items, label_meaning="fracture", boxes=boxes)
