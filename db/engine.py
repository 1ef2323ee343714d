"""Where the catalogue is, and how it is opened: the only place that reads WRIST_HOME and WRIST_DATABASE_URL.

SQLAlchemy and Alembic are imported only where they are used, so that `wrist sql` starts at once.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrist_model.errors import CatalogueError, WristError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
from db.home import _default_home, database_url, sqlite_file

HEAD = "0004"
"""The schema's revision that this code writes: the head of db/migrations."""

REVISIONS = ("0001", "0002", "0004")

BUSY_SECONDS = 60

_opening = threading.Lock()


def open_catalogue(home: Path | None = None, *, existing: bool = False) -> Engine:
    """The catalogue, made or migrated to this code's schema where needed, under a lock.

    existing: it has to be there already, for what only looks: in the wrong folder all would seem well.
    Raises CatalogueError: unwritable home, unreachable or unsuitable database, a schema newer than this code.
    """
    home = (home or _default_home()).absolute()
    url = database_url(home)
    if existing and not is_there(home):
        raise CatalogueError(
            f"{home}: no catalogue there. Set WRIST_HOME, or go to the folder that holds its wrist-home; "
            "`wrist ingest PATH` makes a new one."
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogueError(
            f"{home}: can't make the home folder ({error.strerror}). Set WRIST_HOME to a folder that can be written."
        ) from None
    engine = make_engine(url).execution_options(wrist_home=str(home))
    with _opening, plain_errors(engine):
        revision = stored_revision(engine)
        if revision != HEAD:
            from db.maintenance.migrate import upgrade

            upgrade(engine, home)
    return engine


def is_there(home: Path | None = None) -> bool:
    """Whether the catalogue's file is there. A database on a server counts as there."""
    file = sqlite_file(database_url(home))
    return file is None or file.exists()


def make_engine(url: str) -> Engine:
    """An engine without looking at the schema. SQLite: WAL, foreign keys, a wait of 60 s for a lock, full sync."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import ArgumentError

    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise CatalogueError("WRIST_DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://.")
    try:
        if not url.startswith("sqlite"):
            return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})
    except ArgumentError:
        raise CatalogueError("WRIST_DATABASE_URL can't be read as a database address.") from None

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = WAL",
            "foreign_keys = ON",
            "synchronous = FULL",
            "recursive_triggers = ON",
            "cache_size = -65536",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("wrist_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the catalogue; nothing is written."""
    with plain_errors(engine), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine, *, chained: bool = True) -> Iterator[Connection]:
    """One transaction, committed at the end of the block and rolled back by any exception; waits for other writers.

    chained: rows of audited tables will be added; on PostgreSQL such transactions follow one another.
    """
    with plain_errors(engine), engine.connect().execution_options(wrist_writes=True) as connection, connection.begin():
        if chained and connection.dialect.name == "postgresql":
            from db.audit.chain import ADVISORY_LOCK

            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        yield connection


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


@contextmanager
def plain_errors(engine: Engine) -> Iterator[None]:
    """Turn a database's errors into one CatalogueError that says what to do."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except WristError:
        raise
    except DBAPIError as error:
        if getattr(error, "connection_invalidated", False) or error.orig is not None:
            raise explain(str(error.orig), where(engine)) from error
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("psycopg", "sqlite3"):
            raise explain(str(error), where(engine)) from error
        raise


def where(engine: Engine) -> str:
    """The database in words, without its password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return f"PostgreSQL database {engine.url.database} on {engine.url.host or 'this machine'}"


def explain(message: str, place: str) -> CatalogueError:
    """A database's message as one sentence with a way out."""
    first = message.strip().splitlines()[0] if message.strip() else "no message"
    low = first.lower()
    for sign, advice in (
        ("disk is full", "The disk is full: nothing of this step was stored. Free some space and run it again."),
        ("no space left", "The disk is full: nothing of this step was stored. Free some space and run it again."),
        ("readonly", "It can't be written: check the permissions of the file and its folder."),
        ("read-only", "It can't be written: check the permissions of the database and of its user."),
        ("unable to open", "It can't be opened: check that its folder exists and can be written."),
        ("locked", f"Another writer held it for {BUSY_SECONDS} s; nothing was stored. Run the same command again."),
        ("malformed", "The file is damaged: keep a copy of it, then `wrist db restore FILE` with the last backup."),
        ("not a database", "The file is no SQLite database: restore a backup with `wrist db restore FILE`."),
        ("disk i/o", "The disk reports an error: check it, then run `wrist verify`."),
        ("append-only", "Audited rows are never changed: add a new row that corrects the old one."),
        ("connection", "The server can't be reached or refuses: check that it runs, and WRIST_DATABASE_URL."),
        ("permission denied", "The database user lacks a right: see `wrist db grant`."),
    ):
        if sign in low:
            return CatalogueError(f"{place}: {first}. {advice}")
    return CatalogueError(f"{place}: {first}. Nothing of this step was stored.")
