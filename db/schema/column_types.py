"""The column types that the tables share, and what every audited table begins with.

Truth values are 0 or 1, times are UTC in ISO 8601 text, lists are JSON text: the same on SQLite and PostgreSQL.
Table names are singular; the public views' names are plural.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, MetaData, SmallInteger, Table
from sqlalchemy.schema import SchemaItem

METADATA = MetaData()
Number = BigInteger().with_variant(Integer(), "sqlite")  # INTEGER PRIMARY KEY is SQLite's own row number
Flag = SmallInteger()  # 0 or 1
Real: Double[float] = Double()

SPLIT = "split IN ('train', 'validation', 'test')"
LEVEL = "level IN ('image', 'study')"
EARLIER = "corrects_id < id"
EXTERNAL_IS_TEST = "hold_out IS NULL OR split = 'test'"

required = partial(Column, nullable=False)
optional = partial(Column, nullable=True)


def link(name: str, target: str, *, index: bool = False, optional: bool = False) -> Column[Any]:
    """A foreign key to `target`.id."""
    return Column(name, Number, ForeignKey(f"{target}.id"), index=index, nullable=optional)


def audited_table(name: str, *parts: SchemaItem) -> Table:
    """An append-only table: `id` counts its rows 1, 2, 3 …; `entry` is the link of the hash chain that covers the row.

    Who wrote a row, when and in which flow run stands in that link.
    """
    return Table(
        name,
        METADATA,
        Column("id", Number, primary_key=True, autoincrement=False),
        required("entry", Number, ForeignKey("audit_entry.seq")),
        *parts,
        info={"audited": True},
    )
