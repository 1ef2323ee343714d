"""A query's answer as CSV, JSON or Parquet: names of columns, types, and what each format can't hold."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import Any, Literal, TextIO

from db.query.json_text import json_text
from db.query.read_only_sql import Answer, Rows


def write_text(answer: Answer | Rows, format: Literal["csv", "json"], to: TextIO, spreadsheet: bool = False) -> int:
    """Write the rows as CSV or JSON, each as it comes; returns how many there were.

    In JSON each column has a name of its own: a second `x` is `x_2`. spreadsheet: no text of a CSV is taken for a
    formula (`guarded`).
    """
    count = 0
    if format == "json":
        names = _distinct(answer.columns)
        for count, row in enumerate(answer.rows, 1):
            to.write("[\n" if count == 1 else ",\n")
            to.write(indent(json_text(dict(zip(names, row, strict=True)), indent=1), " "))
        to.write("\n]\n" if count else "[]\n")
        return count
    writer = csv.writer(to, lineterminator="\n")
    each = guarded if spreadsheet else lambda value: value
    writer.writerow(map(each, answer.columns))
    for row in answer.rows:
        writer.writerow(map(each, row))
        count += 1
    return count


def write_parquet(rows: Rows, path: Path) -> None:
    """Write the rows as a Parquet file. Names of columns as in JSON; a column of mixed types is text."""
    import pyarrow
    import pyarrow.parquet

    columns = [_parquet_column([row[n] for row in rows.rows]) for n in range(len(rows.columns))]
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=_distinct(rows.columns)), path)


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
