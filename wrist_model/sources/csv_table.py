"""CSV files as people make them: with a byte-order mark (Excel's Unicode text is UTF-16), CRLF, semicolons or tabs,
duplicated or missing columns."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from wrist_model import regular_file
from wrist_model.errors import DataError, Refused, UsageError

csv.field_size_limit(regular_file.MOST_TEXT)
"""One long cell is its row's fault, not its list's."""


def rows(path: Path, required: Iterable[str]) -> list[dict[str, str]]:
    """The rows under lower-case, stripped column names; short rows are filled with empty text.

    Raises UsageError when there is no such file, and DataError that names the file and the column.
    """
    return list(each(path, required))


def each(path: Path, required: Iterable[str], data: bytes | None = None) -> Iterator[dict[str, str]]:
    """The same, one at a time: a million rows at once take a hundred times what the file has. data: its bytes, where
    they have been read already."""
    return (row for _, row in numbered(path, required, data))


def numbered(path: Path, required: Iterable[str], data: bytes | None = None) -> Iterator[tuple[int, dict[str, str]]]:
    """The same with their numbers as a spreadsheet shows them: from 1, with the header and empty rows."""
    number = 0
    try:
        data = regular_file.read(path) if data is None else data
        said = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
        del data
        between, begun = separator(said)
        lines = io.StringIO(said[begun:], newline="")
        del said
        names: list[str] = []
        found = csv.reader(lines, delimiter=between, strict=True, skipinitialspace=True)
        for number, row in enumerate(found, start=2 if begun else 1):
            if not any(map(str.strip, row)):
                continue
            if names:
                yield number, dict(zip(names, row + [""] * (len(names) - len(row)), strict=False))
            else:
                names = _names(path, row, required)
        if not names:
            raise DataError(f"{path}: the file is empty; expected a header line and rows.")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file. Give the path of a CSV file.") from None
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}.") from None
    except Refused as refused:
        raise DataError(f"{path}: {refused.reason}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save the table as CSV UTF-8.") from None
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file, in the row after row {number}: {error}.") from None


def _names(path: Path, first: list[str], required: Iterable[str]) -> list[str]:
    """The columns' names; the same objects in each row."""
    names = [sys.intern(name.strip().lower()) for name in first]
    twice = [number for number, name in enumerate(names, start=1) if name and name in names[: number - 1]]
    if twice:
        raise DataError(f"{path}: column {twice[0]} has the name of an earlier one; keep one.")
    missing = [name for name in required if name not in names]
    if missing:  # what is there isn't told: it may be no table at all, but somebody's secret
        raise DataError(f"{path}: no column {missing[0]!r} among the {len(names)} of its first line.")
    return names


def separator(said: str) -> tuple[str, int]:
    """What parts the columns, by the first line that isn't empty, and where the table begins.

    Excel writes semicolons where the comma is the decimal point, and says so in a line `sep=;` of its own.
    """
    stated = re.match(r'\s*"?sep=([,;\t|])"?\s*?(?:\r\n|\r|\n)', said, re.IGNORECASE)
    if stated:
        return stated[1], stated.end()
    first = re.sub(r'"[^"]*"', "", said.lstrip().split("\n", 1)[0])
    return max(",;\t|", key=first.count), 0
