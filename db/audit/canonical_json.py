"""The canonical form of rows, version 1, and the hashes and check sums that are of it.

A row is the JSON object of its columns that are not NULL (without `entry`), keys sorted, no spaces, UTF-8, numbers as
Python's repr writes them, ended by a line feed. NULL columns are left out, so that a later schema's further columns
don't change what was hashed before. A batch's hash is SHA-256 of the table's name, a line feed, and the rows in order
of `id`. Written column by column, a few thousand rows at a time, for speed: it is what JSONEncoder makes of each row.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

STEP = 5_000  # rows at a time: their texts stay in the processor's cache
encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_quoted = json.encoder.encode_basestring
Columns = Mapping[str, Sequence[Any]]
"""Column → its values, row by row; all of one length. Names are plain identifiers, the table's own."""


@dataclass(frozen=True)
class Summed:
    """sha256: of the batch. rows: CRC-32 of each row. columns: CRC-32 of each column's values as a JSON list, but not
    of one that is NULL throughout."""

    sha256: str
    rows: array[int]
    columns: dict[str, int]


def batch_sha256(table: str, columns: Columns) -> str:
    """The hash of a batch, `id` and all columns but `entry`. Raises TypeError or ValueError for what has no JSON."""
    digest = hashlib.sha256(table.encode() + b"\n")
    for texts in _steps(columns):
        digest.update("".join(_lines(texts)).encode())
    return digest.hexdigest()


def summed(table: str, columns: Columns) -> Summed:
    """The hash of a batch with the check sums of its rows and columns. Raises as batch_sha256."""
    digest, rows = hashlib.sha256(table.encode() + b"\n"), array("I")
    sums = dict.fromkeys(columns, zlib.crc32(b"["))
    given, comma = set(), ""
    for texts in _steps(columns):
        lines = [line.encode() for line in _lines(texts)]
        digest.update(b"".join(lines))
        rows.extend(map(zlib.crc32, lines))
        for name, values in texts.items():
            sums[name] = zlib.crc32(f"{comma}{','.join(values)}".encode(), sums[name])
            if name not in given and values.count("null") < len(values):
                given.add(name)
        comma = ","
    return Summed(digest.hexdigest(), rows, {name: zlib.crc32(b"]", sums[name]) for name in columns if name in given})


def _steps(columns: Columns) -> Iterator[dict[str, list[str]]]:
    """Column → JSON texts of a few thousand values at a time; keys sorted."""
    names = sorted(columns)
    total = len(columns[names[0]]) if names else 0
    for start in range(0, total, STEP):
        yield {name: _texts(columns[name][start : start + STEP]) for name in names}


def _texts(values: Sequence[Any]) -> list[str]:
    """Each value's JSON; `null` for None and for nothing else (text has its quotes)."""
    kinds = set(map(type, values))
    bare = kinds - {NoneType}
    if not bare:
        return ["null"] * len(values)
    if len(bare) > 1:
        return [encode(value) for value in values]
    kind = bare.pop()
    if kind is int:
        write: Any = int.__repr__
    elif kind is str:
        write = _quoted
    elif kind is float and all(math.isfinite(value) for value in values if value is not None):
        write = float.__repr__
    else:
        write = encode
    if NoneType in kinds:
        return ["null" if value is None else write(value) for value in values]
    return list(map(write, values))


def _lines(texts: Mapping[str, list[str]]) -> list[str]:
    """The rows whose columns' texts these are, keys sorted as given."""
    template, filled = "", []
    for name, values in texts.items():
        nulls = values.count("null")
        if nulls == len(values):
            continue
        if nulls:
            template += "%s"
            filled.append(["" if value == "null" else f',"{name}":{value}' for value in values])
        elif values.count(values[0]) == len(values):
            template += f',"{name}":' + values[0].replace("%", "%%")
        else:
            template += f',"{name}":%s'
            filled.append(values)
    if not filled:
        return ["{" + template[1:].replace("%%", "%") + "}\n"] * len(next(iter(texts.values()), ()))
    return [f"{{{(template % row)[1:]}}}\n" for row in zip(*filled, strict=True)]
