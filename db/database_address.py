"""The address of a PostgreSQL server, read in one way by all that connect, and never quoted: it may hold a password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from sqlalchemy import URL

UNREADABLE = (
    "WRIST_DATABASE_URL can't be read as a database address, postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE. "
    "In USER and PASSWORD write what is neither letter nor digit as %XX: @ as %40, : as %3A, / as %2F, % as %25."
)
GONE_SECONDS = 60
"""After so long without a sign of the other machine a connection is over, for its user and (`SERVER_SETTINGS`) for the
server. As TCP is set up by default it takes hours, in which a machine that lost its power inside a transaction holds up
all writers."""
_SIGNS = {"keepalives_idle": GONE_SECONDS // 2, "keepalives_interval": GONE_SECONDS // 6, "keepalives_count": 3}
_PATIENCE = {"connect_timeout": 10, **_SIGNS, "tcp_user_timeout": 1000 * GONE_SECONDS}
SERVER_SETTINGS = {f"tcp_{name}": value for name, value in _SIGNS.items()} | {"tcp_user_timeout": 1000 * GONE_SECONDS}
"""A session's settings, which the server passes over where it is reached by a socket file."""
_ADDRESS = re.compile(  # as SQLAlchemy's make_url reads it, which takes a fifth of a second to import
    r"[\w+]+://(?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?"
    r"(?:\[(?P<host6>[^/?\]]+)\]|(?P<host>[^/:?@ #\[\]]*))(?::(?P<port>\d*))?"
    r"(?:/(?P<dbname>[^?@:]*))?(?:\?(?P<query>.*))?"
)


def connect_arguments(url: str) -> dict[str, Any]:
    """What `psycopg.connect` takes, part by part: libpq quotes a whole address that it can't read.

    Raises CatalogueError, without a word of it, for what is no address, or where a character of the password would pass
    for its end.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise CatalogueError(UNREADABLE)
    parts = {"host": found["host6"] or found["host"], "port": int(found["port"]) if found["port"] else None}
    names = {name: unquote(found[name]) if found[name] is not None else None for name in ("user", "password")}
    known = {**names, **parts, "dbname": found["dbname"]}
    return {**{name: value for name, value in known.items() if value}, **dict(parse_qsl(found["query"] or ""))}


def patience(url: str) -> dict[str, int]:
    """How long its user waits for the server, as far as the address itself doesn't say so. Raises as above."""
    told = connect_arguments(url)
    return {name: value for name, value in _PATIENCE.items() if name not in told}


def read(url: str) -> URL:
    """The same for SQLAlchemy."""
    from sqlalchemy import URL

    told = connect_arguments(url)
    first = _ADDRESS.fullmatch(url)
    query = dict(parse_qsl(first["query"] or "")) if first else {}
    named = {name: value for name, value in told.items() if name not in query}
    return URL.create(
        url.partition("://")[0],
        username=named.get("user"),
        password=named.get("password"),
        host=named.get("host"),
        port=named.get("port"),
        database=named.get("dbname"),
        query=query,
    )
