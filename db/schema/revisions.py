"""The schema's revisions: which one this code writes, which ones it can migrate, which one a database is at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from sqlalchemy import Connection, Engine

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""The revisions of db/migrations, oldest first."""

VERSIONS, OURS = "alembic_version", "audit_entry"
"""Alembic's table, which every application that uses Alembic has, and one that only Wrist's revisions make."""

HEAD = REVISIONS[-1]
"""The revision that this code reads and writes."""


TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}
"""A database's tables; on PostgreSQL those of the schema that is first in the search_path, where ours are."""


def stored_revision(engine: Engine, at_head: Callable[[Connection], None] = lambda _: None) -> str | None:
    """The revision that the database is at, None for an empty one. at_head: called where it is this code's, in the same
    transaction.

    Raises CatalogueError for a database (PostgreSQL: a schema of one) that is another application's.
    """
    from sqlalchemy import text

    with engine.connect() as connection:
        tables = set(connection.execute(text(TABLES[connection.dialect.name])).scalars())
        if VERSIONS not in tables:
            _refuse_foreign(tables)
            return None
        found = connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar()
        if found == HEAD and OURS in tables:
            at_head(connection)
    if found is not None and OURS not in tables:
        _refuse_foreign(tables, f"its {VERSIONS} says {found}")
    return None if found is None else str(found)


def _refuse_foreign(tables: Set[str], said: str = "") -> None:
    """Raises CatalogueError for tables that Wrist would collide with, or whose revisions aren't Wrist's."""
    from db.schema.all_tables import METADATA

    if said or not tables.isdisjoint(METADATA.tables):
        shown = sorted(tables - {VERSIONS})
        listed = ", ".join(shown[:5]) + (" …" if len(shown) > 5 else "") or "nothing else"
        raise CatalogueError(
            f"This database is another application's: {said + '; ' if said else ''}it holds {listed}. Nothing was "
            "changed. Give Wrist a database of its own (on PostgreSQL a schema, first in the search_path, will do)."
        )


def refuse_newer(revision: str | None) -> None:
    """Raises CatalogueError when the database was written by a newer Wrist than this."""
    if revision is not None and revision not in REVISIONS:
        raise CatalogueError(
            f"The catalogue's schema {revision} is newer than this Wrist knows ({HEAD}). "
            "Use the Wrist that wrote it, or restore a backup made before the upgrade."
        )
