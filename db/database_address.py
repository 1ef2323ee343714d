"""The address of a PostgreSQL server, read in one way by all that connect, and never quoted: it may hold a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from sqlalchemy import URL

UNREADABLE = (
    "WRIST_DATABASE_URL can't be read as a database address, postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE. "
    "In USER and PASSWORD write what is neither letter nor digit as %XX: @ as %40, : as %3A, / as %2F, % as %25."
)


def read(url: str) -> URL:
    """The parts of an address. Raises CatalogueError, without a word of it, where it has none, or where a character of
    the password would pass for the end of it."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise CatalogueError(UNREADABLE) from None
    if any(sign in (found.host or "") for sign in "@ ?#") or any(sign in (found.database or "") for sign in "@:"):
        raise CatalogueError(UNREADABLE)
    return found


def connect_arguments(url: str) -> dict[str, Any]:
    """What `psycopg.connect` takes, part by part: libpq quotes a whole address that it can't read."""
    found = read(url)
    return {**found.translate_connect_args(username="user", database="dbname"), **found.query}
