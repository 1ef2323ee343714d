"""Read-only SQL for people: what `wrist sql` runs. Needs neither SQLAlchemy nor Alembic when the schema is current.

SQLite: a connection opened read-only and an authorizer that allows reading alone. PostgreSQL: one query, as the reader
role where there is one, in a read-only transaction that is always rolled back.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.database_address import connect_arguments, patience
from db.database_errors import explain, state
from db.engine import open_catalogue
from db.home import database_url, sqlite_file
from db.home import home as default_home
from db.query.postgresql_reader import become_reader, one_query
from db.read_only_file import connect
from db.schema.revisions import HEAD
from wrist_model.errors import CatalogueError, UsageError

_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}

PART_ROWS = 50
MOST_BYTES, LONGEST_VALUE = 512 << 20, 32 << 20
"""Bytes of an answer held as a whole, and of one value: a single function of SQLite can make a value of a gigabyte."""
_LIMITS = ((sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE), (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200))

_LOOKS = ("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list")


@dataclass(frozen=True)
class Answer:
    """A query's answer as it comes, each row once, while its connection is open; note: as in Rows."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]
    note: str = ""


@dataclass(frozen=True)
class Rows:
    """A query's answer; truncated says that max_rows cut it. note: what the one who asked has to know besides."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool = False
    note: str = ""


def query(sql: str, *, home: Path | None = None, limit_seconds: float = 30.0, max_rows: int | None = None) -> Rows:
    """Run one reading statement and hold all its rows (at most max_rows), up to MOST_BYTES.

    Raises as `answer` does, and UsageError for more.
    """
    with answer(sql, home=home, limit_seconds=limit_seconds) as found:
        rows: list[tuple[Any, ...]] = []
        held = 0
        for row in found.rows:
            if len(rows) == max_rows:
                return Rows(found.columns, rows, True, found.note)
            rows.append(row)
            held += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
            if held > MOST_BYTES:
                raise UsageError(
                    f"The answer has more than {MOST_BYTES >> 20} MiB: ask for fewer rows or columns, or take CSV or "
                    "JSON, which are written as they come."
                )
        return Rows(found.columns, rows, False, found.note)


@contextmanager
def answer(sql: str, *, home: Path | None = None, limit_seconds: float = 30.0) -> Iterator[Answer]:
    """Run one reading statement; its rows come while the block runs, and never lie in memory together.

    Raises UsageError (exit status 2) for SQL with an error, a write or more than one statement, CatalogueError for a
    database that can't be read or when limit_seconds pass, among the rows too.
    """
    if not sql.strip().rstrip(";").strip():
        raise UsageError('Nothing to run: give a query, such as wrist sql "select count(*) from studies".')
    home = (home or default_home()).absolute()
    url = database_url(home)
    file = sqlite_file(url)
    if file is None:
        with _postgresql(sql, url, home, limit_seconds) as found:
            yield found
        return
    if not file.exists() or _sqlite_revision(file) != HEAD:
        open_catalogue(home)
    with _sqlite(sql, file, limit_seconds) as found:
        yield found


def _sqlite_revision(file: Path) -> str | None:
    try:
        connection = connect(file)
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return None
        raise explain(str(error), str(file)) from None
    return found[0] if found else None


@contextmanager
def _sqlite(sql: str, file: Path, limit_seconds: float) -> Iterator[Answer]:
    connection = connect(file)
    deadline = time.monotonic() + limit_seconds
    try:
        connection.execute("PRAGMA query_only = ON").close()
        connection.set_authorizer(_allow)
        for limit, most in _LIMITS:
            connection.setlimit(limit, most)
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        cursor = connection.execute(sql)
        if cursor.description is None:
            raise UsageError("wrist sql reads only: that statement has no rows to show.")
        yield Answer(tuple(column[0] for column in cursor.description), cursor)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _plain(str(error), str(file), limit_seconds) from None
    finally:
        connection.close()


def _allow(action: int, first: str | None, second: str | None, _database: str | None, _source: str | None) -> int:
    """SQLite's authorizer: reading alone, and those pragmas that describe the schema."""
    if action in _READS and second not in ("load_extension", "fts3_tokenizer"):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first in _LOOKS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


@contextmanager
def _postgresql(sql: str, url: str, home: Path, limit_seconds: float) -> Iterator[Answer]:
    import psycopg

    place = "PostgreSQL"
    try:
        with psycopg.connect(**{**patience(url), **connect_arguments(url)}) as connection:
            try:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            except psycopg.errors.UndefinedTable:
                row = None
            except psycopg.errors.InsufficientPrivilege:  # a reader, who may look at the views alone
                row = (HEAD,)
            connection.rollback()
            if row is None or row[0] != HEAD:
                open_catalogue(home)
            connection.read_only = True
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            note = become_reader(connection)
            connection.adapters.register_loader("numeric", _number_loader())
            connection.execute(f"SET LOCAL statement_timeout = {int(limit_seconds * 1000)}")
            try:
                asked, by_itself = one_query(connection, sql.strip().rstrip(";"))
                if by_itself:
                    shown = connection.execute(asked, prepare=True)
                    yield Answer(tuple(column.name for column in shown.description or ()), shown, note)
                    return
                with connection.cursor(name="wrist_sql") as cursor:
                    cursor.itersize = PART_ROWS
                    cursor.execute(asked)
                    yield Answer(tuple(column.name for column in cursor.description or ()), cursor, note)
            finally:
                connection.rollback()
    except psycopg.Error as error:
        raise _plain(str(error), place, limit_seconds, state(error)) from None


def _number_loader() -> Any:
    """PostgreSQL's numeric (what avg and sum give) as the int or float that SQLite would give."""
    from psycopg.adapt import Loader

    class Number(Loader):
        def load(self, data: Any) -> float:
            text = bytes(data).decode()
            return int(text) if text.lstrip("-").isdigit() else float(text)

    return Number


def _plain(message: str, place: str, limit_seconds: float, sqlstate: str | None = None) -> Exception:
    first = message.strip().splitlines()[0] if message.strip() else "no message"
    low = first.lower()
    if low == "string or blob too big":
        return UsageError(f"A value of more than {LONGEST_VALUE >> 20} MiB comes up in it. Narrow the query.")
    if low == "interrupted" or sqlstate == "57014":  # query_canceled
        return CatalogueError(f"Stopped after {limit_seconds:g} s. Narrow the query, or raise the limit (--seconds).")
    refusals = ("not authorized", "prohibited", "cannot modify", "readonly", "read-only")
    if sqlstate == "25006" or any(sign in low for sign in refusals):
        return UsageError(
            f"wrist sql reads only: {first}. Corrections are made with `wrist relabel` and `wrist exclude`."
        )
    if "one statement" in low or "multiple commands" in low:
        return UsageError("One statement at a time, please.")
    if sqlstate is not None and sqlstate[:2] in ("08", "28", "3D", "53", "57"):
        return explain(first, place, sqlstate)
    for sign in ("malformed", "not a database", "unable to open", "locked", "disk i/o", "connection", "resolve host"):
        if sign in low:
            return explain(first, place)
    return UsageError(f"SQL: {first}. The views and their columns are in docs/sql.md.")
