"""Appending audited rows: a batch of rows and its link of the hash chain are one transaction.

A row's canonical form and a batch's hash are db.canonical's. A link's hash is SHA-256 of the previous link's hash, a
line feed, and the link's own columns (without chain_sha256) in that form. Its `marks` are check sums that say which
rows and columns of a batch were changed once the hash has said that one was. The first link follows `GENESIS`.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import repeat
from types import NoneType
from typing import Any

from sqlalchemy import Connection, text

from db.audit.canonical_json import encode, summed
from db.schema.all_tables import METADATA
from wrist_model.errors import CatalogueError
from wrist_model.records import Provenance

GENESIS = "wrist audit chain, version 1"
OFTEN = 1_000  # rows in a batch, or links, after which SQLite counts anew
ADVISORY_LOCK = 0x57524953  # "WRIS": one appender at a time on PostgreSQL; SQLite has BEGIN IMMEDIATE


def now() -> str:
    """UTC, ISO 8601, microseconds, always the same length."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def link_sha256(previous: str, link: Mapping[str, Any]) -> str:
    """The hash of a link; `link` without chain_sha256."""
    content = {name: value for name, value in link.items() if value is not None}
    return hashlib.sha256(previous.encode() + b"\n" + encode(content).encode()).hexdigest()


def append(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]], by: Provenance) -> int:
    """Add rows and their link; returns the first row's id (the others follow). The caller's transaction holds it all.

    rows: column → value, all with the same columns, without id and entry. NaN and infinity become NULL.
    """
    if not rows:
        raise ValueError("append needs at least one row")
    names = tuple(rows[0])
    columns = ([row[name] for row in rows] for name in names)
    plain = [column if set(map(type, column)) <= _PLAIN else [*map(_plain, column)] for column in columns]
    return append_rows(connection, table, names, list(zip(*plain, strict=True)), by)


def append_rows(
    connection: Connection, table: str, names: Sequence[str], values: Sequence[tuple[Any, ...]], by: Provenance
) -> int:
    """The same for many rows as plain tuples (int, float, str or None; floats finite)."""
    known = columns_of(table)
    if unknown := set(names) - set(known):
        raise ValueError(f"{table} has no column {sorted(unknown)[0]}")
    last = connection.execute(text("SELECT seq, chain_sha256, at FROM audit_entry ORDER BY seq DESC LIMIT 1")).first()
    first = (connection.execute(text(f"SELECT max(id) FROM {table}")).scalar() or 0) + 1
    seq = (last.seq if last else 0) + 1
    at = now()
    if last and at < last.at:  # the clock was set back: time in the trail never runs backwards
        at = last.at
    try:
        kept: dict[str, Sequence[Any]] = {"id": range(first, first + len(values))}
        for name, column in zip(names, zip(*values, strict=True), strict=True):
            kept[name] = _kept(table, name, column)
        sums = summed(table, kept)
    except (TypeError, ValueError) as error:
        raise CatalogueError(
            f"A row for {table} can't be stored: {error}. Expected text, numbers or nothing."
        ) from None
    link = {
        "seq": seq,
        "table_name": table,
        "first_row": first,
        "last_row": first + len(values) - 1,
        "n_rows": len(values),
        "batch_sha256": sums.sha256,
        "marks": encode({"rows": base64.b64encode(sums.rows.tobytes()).decode(), "columns": sums.columns}),
        "actor": by.actor,
        "at": at,
        "prefect_flow_run_id": by.prefect_flow_run_id,
    }
    link["chain_sha256"] = link_sha256(last.chain_sha256 if last else GENESIS, link)
    many(connection, "audit_entry", tuple(link), [tuple(link.values())])
    many(connection, table, (*kept, "entry"), list(zip(*kept.values(), repeat(seq, len(values)), strict=True)))
    if len(values) >= OFTEN or seq % OFTEN == 0:
        count(connection)
    return first


def count(connection: Connection) -> None:
    """Tell SQLite's planner from samples (milliseconds at any size) how many rows there are: without that it reads all
    predictions where a month's would do. PostgreSQL does so by itself."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA analysis_limit = 400")
        connection.exec_driver_sql("ANALYZE")


def many(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert plain tuples as fast as the driver can: executemany on SQLite, COPY on PostgreSQL."""
    listed = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite" or len(rows) < 50:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        marks = ", ".join([mark] * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table} ({listed}) VALUES ({marks})", list(rows))
        return
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table} ({listed}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.close()


@cache
def columns_of(table: str) -> tuple[str, ...]:
    """The table's columns that are hashed: all but `entry`."""
    return tuple(column.name for column in METADATA.tables[table].columns if column.name != "entry")


@cache
def _kinds(table: str) -> dict[str, type]:
    """column → the one Python type that it reads back as."""
    return {column.name: column.type.python_type for column in METADATA.tables[table].columns}


def _kept(table: str, name: str, column: tuple[Any, ...]) -> list[Any]:
    """A column's values in the type and with the very value that they read back as (no −0.0, no 1 for 1.0)."""
    kind = _kinds(table)[name]
    if kind is float:
        return [None if value is None else float(value) + 0.0 for value in column]
    for value in column:
        if value is not None and type(value) is not kind:
            raise TypeError(f"{name} is {value!r}")
    return list(column)


_PLAIN = {int, str, NoneType}


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (int, float, str)) or value is None:
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        return _plain(value.item())
    raise CatalogueError(f"A {type(value).__name__} can't be stored; expected text, a number or nothing.")
