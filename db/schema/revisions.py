"""The schema's revisions: which one this code writes, which ones it can migrate, which one a database is at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from sqlalchemy import Engine

REVISIONS = ("0001", "0002", "0003", "0004")
"""The revisions of db/migrations, oldest first."""

HEAD = REVISIONS[-1]
"""The revision that this code reads and writes."""


def stored_revision(engine: Engine) -> str | None:
    """The revision that the database is at, None for an empty one."""
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError, ProgrammingError

    with engine.connect() as connection:
        try:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except (OperationalError, ProgrammingError) as error:
            if "no such table" in str(error.orig) or "does not exist" in str(error.orig):
                return None
            raise
    return None if found is None else str(found)


def refuse_newer(revision: str | None) -> None:
    """Raises CatalogueError when the database was written by a newer Wrist than this."""
    if revision is not None and revision not in REVISIONS:
        raise CatalogueError(
            f"The catalogue's schema {revision} is newer than this Wrist knows ({HEAD}). "
            "Use the Wrist that wrote it, or restore a backup made before the upgrade."
        )
