"""The column kinds that the tables share, and what every audited table begins with.

Truth values are 0 or 1, times are UTC in ISO 8601 text, lists are JSON text: the same on SQLite and PostgreSQL.
"""

from __future__ import annotations

from typing import Annotated, Any

from sqlalchemy import BigInteger, Double, ForeignKey, Integer, SmallInteger, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Big = BigInteger().with_variant(Integer(), "sqlite")  # INTEGER PRIMARY KEY is SQLite's own row number
Number = Annotated[int, mapped_column(Big)]
Flag = Annotated[int, mapped_column(SmallInteger)]  # 0 or 1
Real = Annotated[float, mapped_column(Double)]
Word = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    """All tables. Names are singular; the public views' names are plural."""


class Audited(Base):
    """An append-only table: `id` counts its rows 1, 2, 3 …; `entry` is the link of the hash chain that covers it.

    Who wrote a row, when and in which flow run stands in that entry.
    """

    __abstract__ = True
    id: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    entry: Mapped[int] = mapped_column(Big, ForeignKey("audit_entry.seq"))


def link(target: str, *, index: bool = False, optional: bool = False) -> Any:
    """A foreign key to `target`.id."""
    return mapped_column(Big, ForeignKey(f"{target}.id"), index=index, nullable=optional)
