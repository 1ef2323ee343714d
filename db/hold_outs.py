"""External sets and the internal test split: which rows are of which, in one place.

A row of an external set has split `test` and the set's name in `hold_out`. Internal test means `hold_out IS NULL`.
"""

from __future__ import annotations

from collections.abc import Iterable

from db.engine import Catalogue, reading
from db.lookups import every, row_id
from wrist_model.records import Member, Split


def internal(row: str) -> str:
    """SQL: whether a row is of no external set. row: its alias."""
    return f"{row}.hold_out IS NULL"


def internal_test(row: str) -> str:
    """SQL: whether a row (of patient or dataset_member, or of a view with both columns) is of internal test."""
    return f"{row}.split = 'test' AND {internal(row)}"


def of_set(row: str) -> str:
    """SQL: whether a row is of the set `:hold_out`; '' there (see `named`): of none."""
    return f"coalesce({row}.hold_out, '') = :hold_out"


def named(hold_out: str | None) -> str:
    """The value of `:hold_out` in `of_set`."""
    return hold_out or ""


def internal_members(members: Iterable[Member], split: Split) -> list[Member]:
    """The included members of a split that are of no external set."""
    return [one for one in members if one.included and one.split == split and one.hold_out is None]


def sets_in(engine: Catalogue, dataset_id: str) -> tuple[str, ...]:
    """The external sets of which a frozen version includes images, sorted."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT DISTINCT m.hold_out FROM dataset_member m WHERE m.dataset_version_id = :version "
            "AND m.included = 1 AND m.hold_out IS NOT NULL ORDER BY m.hold_out",
            version=row_id(connection, "dataset_version", "dataset_id", dataset_id),
        )
    return tuple(row.hold_out for row in rows)
