"""CSV files as people make them: with a byte-order mark, CRLF, duplicated or missing columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from wrist_model.errors import DataError, UsageError


def rows(path: Path, required: Iterable[str]) -> list[dict[str, str]]:
    """The rows under lower-case, stripped column names; short rows are filled with empty text.

    Raises UsageError when there is no such file, and DataError that names the file and the column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = [row for row in csv.reader(file, strict=True) if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file. Give the path of a CSV file.") from None
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save the table as CSV UTF-8.") from None
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file: {error}.") from None
    if not table:
        raise DataError(f"{path}: the file is empty; expected a header line and rows.")
    names = [name.strip().lower() for name in table[0]]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: the column {twice[0]!r} stands twice; keep one.")
    missing = [name for name in required if name not in names]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}; found {', '.join(filter(None, names))[:200]}.")
    return [dict(zip(names, row + [""] * (len(names) - len(row)), strict=False)) for row in table[1:]]
