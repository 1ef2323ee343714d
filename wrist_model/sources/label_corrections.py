"""Lists of corrected labels: study or image paths whose label is to be turned over, or a CSV with labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from wrist_model import regular_file
from wrist_model.errors import DataError, Refused, UsageError
from wrist_model.sources import csv_table
from wrist_model.sources.label_words import label

_MURA = re.compile(r"(XR_[A-Z]+/patient[^/,\s]+/study[^/_,\s]+)(?:_(positive|negative))?(?:/[^/,\s]*)?/?$")
_COLUMNS = ("study_uid", "study", "image_uid", "path")


@dataclass(frozen=True)
class Correction:
    """A study's label as it should be. name: as listed; studies: raw identifiers it may have (never shown)."""

    where: str
    label: int | None
    name: str = field(repr=False)
    studies: tuple[str, ...] = field(repr=False, default=())


def read(file: Path) -> tuple[Correction, ...]:
    """A CSV with `label` and one of study_uid, study, image_uid or path; or a list of MURA paths, one a line.

    A path on such a list is a study's (or one of its images') old name, as in Better-MURA's changed_studies.txt: the
    label in the name is wrong, so the other one is right. Raises UsageError when there is no such file, DataError
    that names the row otherwise.
    """
    try:
        said = regular_file.read(file).decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{file}: no such file. Give a list of study paths, or a CSV with labels.") from None
    except Refused as refused:
        raise DataError(f"{file}: {refused.reason}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: can't be read as UTF-8 text: {error.__class__.__name__}.") from None
    lines = said.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if "label" in [name.strip().lower() for name in first.split(csv_table.separator(first)[0])]:
        return tuple(_from_table(file))
    return tuple(_from_list(file, lines))


def _from_list(file: Path, lines: list[str]) -> list[Correction]:
    found: dict[tuple[str, int], Correction] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        place = _MURA.search(line.strip())
        if place is None or place[2] is None:
            raise DataError(
                f"{file}: line {number} is not the path of a MURA study such as "
                "train/XR_WRIST/patient00001/study1_negative; for other sources give a CSV with a column label."
            )
        right = 1 if place[2] == "negative" else 0
        found.setdefault((place[1], right), Correction(f"line {number}", right, line.strip(), (place[1],)))
    if not found:
        raise DataError(f"{file}: the list is empty.")
    return list(found.values())


def _from_table(file: Path) -> list[Correction]:
    rows = csv_table.rows(file, ("label",))
    column = next((name for name in _COLUMNS if rows and name in rows[0]), None)
    if column is None:
        raise DataError(f"{file}: expected rows, and a column named {', '.join(_COLUMNS[:-1])} or {_COLUMNS[-1]}.")
    found = []
    for number, row in enumerate(rows, start=2):
        name = row[column].strip()
        try:
            right = label(row["label"])
        except ValueError:
            raise DataError(f"{file}: row {number}: the label is not positive, negative, 1, 0 or empty.") from None
        if not name:
            raise DataError(f"{file}: row {number}: {column} is empty.")
        place = _MURA.search(name)
        patient = row.get("patient", "").strip()
        raw = place[1] if place else f"{patient}/{name}" if patient and column == "study" else name
        found.append(Correction(f"row {number}", right, name, (raw,)))
    return found
