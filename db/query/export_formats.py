"""A query's answer as CSV, JSON or Parquet: names of columns, types, and what each format can't hold."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from db.query.json_text import json_text
from db.query.read_only_sql import Rows
from wrist_model.errors import UsageError


def write(
    rows: Rows, format: Literal["csv", "json", "parquet"], path: Path | None = None, spreadsheet: bool = False
) -> str:
    """The rows as CSV or JSON text (also written to `path`, when given), or as a Parquet file at `path`.

    In JSON and Parquet each column has a name of its own: a second `x` is `x_2`. A Parquet column of
    mixed types is text. spreadsheet: no text of a CSV is taken for a formula (`guarded`).
    """
    if format == "parquet":
        if path is None:
            raise UsageError("Parquet is not text: say where to write it, --output FILE.parquet.")
        import pyarrow
        import pyarrow.parquet

        columns = [_parquet_column([row[n] for row in rows.rows]) for n in range(len(rows.columns))]
        pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=_distinct(rows.columns)), path)
        return str(path)
    if format == "json":
        names = _distinct(rows.columns)
        made = json_text([dict(zip(names, row, strict=True)) for row in rows.rows], indent=1) + "\n"
    else:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        each = guarded if spreadsheet else lambda value: value
        writer.writerow(map(each, rows.columns))
        writer.writerows(map(each, row) for row in rows.rows)
        made = stream.getvalue()
    if path is not None:
        path.write_text(made, encoding="utf-8")
    return made


def guarded(value: object) -> object:
    """Text that a spreadsheet would run as a formula, `=cmd|…`, behind an apostrophe, as spreadsheets write text."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" \"'")[:1] in _FORMULA else value


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def _distinct(names: Sequence[str]) -> list[str]:
    """The names in their order; one that occurred before gets the first number that makes it new."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        found.append(name if name not in found else next(one for one in numbered if one not in (*found, *names)))
    return found


def _parquet_column(values: list[Any]) -> Any:
    """One Arrow type, or text where the values have several."""
    import pyarrow

    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowException, OverflowError):
        return pyarrow.array([None if value is None else str(value) for value in values])
