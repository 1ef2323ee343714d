"""How the catalogue is opened: one engine a process and database, transactions, and a database's errors in plain words.

SQLAlchemy and Alembic are imported only where they are used, so that `wrist sql` starts at once.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from db import database_address, read_only_file, restored_since
from db import home as places
from db.database_errors import BUSY_SECONDS, explain, state
from db.schema.revisions import HEAD, refuse_newer, stored_revision
from wrist_model.errors import CatalogueError, WristError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from typing_extensions import TypeIs

Catalogue: TypeAlias = "Engine | Connection"
"""Where a function of db reads and writes: in a transaction of its own, or in the open one that it is handed."""

_lock = threading.Lock()
_engines: dict[str, Engine] = {}
"""URL → this process's engine, made at its first use."""
_opened: dict[str, tuple[int, int] | None] = {}
"""SQLite file → which file it was when it was last connected to."""
_pools_before_fork: list[Any] = []


def open_catalogue(home: Path | None = None, *, existing: bool = False, writes: bool = True) -> Engine:
    """The catalogue, made or migrated to this code's schema where needed, under a lock. On PostgreSQL, which others may
    use, it is made, but migrated by `wrist db upgrade` alone.

    All calls of a process for one database share one engine and its connections, from any thread and after a fork.
    existing: it has to be there already, for commands that only read: in a wrong folder they would find an empty one.
    writes: False for commands that only read; then a SQLite file that can't be written is opened all the same.
    Raises CatalogueError: unwritable home, unreachable or unsuitable database, a schema newer than this code.
    """
    home = (home or places.home()).absolute()
    if existing and not is_there(home):
        raise CatalogueError(
            f"{home}: no catalogue there. Set WRIST_HOME, or go to the folder that holds its wrist-home; "
            "`wrist ingest PATH` makes a new one."
        )
    file = places.sqlite_file(places.database_url(home))
    if not writes and file is not None and file.exists() and not read_only_file.is_writable(file):
        return _to_read(file, home)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogueError(
            f"{home}: can't make the home folder ({error.strerror}). Set WRIST_HOME to a folder that can be written."
        ) from None
    with _lock:
        engine = _engine_of(home)
        if file is not None:
            places.make_shared(file)
        if engine.url.database and _identity(engine.url.database) != _opened.get(engine.url.database):
            engine.dispose()  # its connections are to a file that was deleted or replaced since
        with plain_errors(engine):
            begins = restored_since.note if writes else lambda _: None
            found = stored_revision(engine, begins)
            if found != HEAD:
                from db.maintenance.migrate import upgrade

                refuse_newer(found)
                if found is not None and engine.dialect.name == "postgresql":
                    raise CatalogueError(
                        f"{where(engine)}: its schema is {found}, this Wrist's is {HEAD}. Others may use it, so it is "
                        "upgraded when you say so: stop `wrist up` everywhere, `wrist db backup FILE` with the Wrist "
                        "before, then `wrist db upgrade`."
                    )
                upgrade(engine, home)
                stored_revision(engine, begins)
    return engine


def _to_read(file: Path, home: Path) -> Engine:
    """An engine on a file that can't be written, of this code's schema."""
    with _lock:
        engine = _engines.setdefault(f"{file} to read", _read_only_engine(file)).execution_options(wrist_reads=True)
    with plain_errors(engine):
        found = stored_revision(engine)
    refuse_newer(found)
    if found != HEAD:
        raise CatalogueError(
            f"{file}: its schema is {found or 'none'}, this Wrist's is {HEAD}, and you may not write the file. "
            "Whoever may upgrades it: `wrist db upgrade`."
        )
    return engine.execution_options(wrist_home=str(home), wrist_reads=True)


def _read_only_engine(file: Path) -> Engine:
    """An engine whose connections can't write."""
    from sqlalchemy import URL, create_engine, event

    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        creator=lambda: read_only_file.connect(file, check_same_thread=False),
        hide_parameters=True,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def engine_of(home: Path) -> Engine:
    """This process's engine for the catalogue of a home, whatever its schema is, even none."""
    with _lock:
        return _engine_of(home.absolute())


def _engine_of(home: Path) -> Engine:
    url = places.database_url(home)
    file = places.sqlite_file(url)
    url = f"sqlite:///{file}" if file else url
    if url not in _engines:
        _engines[url] = make_engine(url)
    return _engines[url].execution_options(wrist_home=str(home))


def _renew_after_fork() -> None:
    """A forked child makes connections of its own. Its parent's are kept, unused: closing them here would end them."""
    global _lock
    _lock = threading.Lock()
    for engine in _engines.values():
        _pools_before_fork.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_renew_after_fork)


def is_there(home: Path | None = None) -> bool:
    """Whether the catalogue's file is there. A database on a server counts as there."""
    file = places.sqlite_file(places.database_url(home))
    return file is None or file.exists()


def make_engine(url: str) -> Engine:
    """An engine of its own, for a backup or a database being built; the catalogue's own is `open_catalogue`'s.

    SQLite: WAL, foreign keys, a wait of 60 s for a lock, full sync. PostgreSQL: READ COMMITTED whatever the server's
    default is, since a writer has to see what was committed before it got the lock that writers take in turn.
    """
    from sqlalchemy import URL, create_engine, event

    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise CatalogueError("WRIST_DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://.")
    if not url.startswith("sqlite"):
        engine = create_engine(
            database_address.read(url),
            pool_pre_ping=True,
            max_overflow=-1,
            isolation_level="READ COMMITTED",
            connect_args=database_address.patience(url),
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def notice_who_is_gone(connection: Any, _record: Any) -> None:
            for name, value in database_address.SERVER_SETTINGS.items():
                connection.execute(f"SET {name} = {value}")
            connection.commit()

        return engine
    path = url.removeprefix("sqlite:///")  # the whole of it: a `?` in it begins no query
    engine = create_engine(
        URL.create("sqlite", database=path),
        max_overflow=-1,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        hide_parameters=True,  # an error's text goes into Prefect's log, and a row's values are no part of it
    )  # max_overflow −1: as many connections as threads ask for at once; five are kept
    file = str(engine.url.database)

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, named: Any) -> Any:
        for _ in range(3):  # until the file that was opened is known: one can be put in its place at that moment
            before = _identity(file)
            connection = dialect.connect(*arguments, **named)
            record.info["wrist_file"] = _identity(file)
            if before in (None, record.info["wrist_file"]):
                break
            connection.close()
        return connection

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: Any) -> None:
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
        _opened[file] = record.info["wrist_file"]

    @event.listens_for(engine, "checkout")
    def same_file(_connection: sqlite3.Connection, record: Any, _proxy: Any) -> None:
        if record.info["wrist_file"] != _identity(file):
            raise _replaced(file)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("wrist_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _identity(file: str) -> tuple[int, int] | None:
    """Which file stands at a path (device and inode), None where none does."""
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def reading(engine: Catalogue) -> Iterator[Connection]:
    """One consistent view of the catalogue; nothing is written. A connection, whose transaction is open, is joined."""
    if _is_connection(engine):
        yield engine
        return
    with plain_errors(engine), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            restored_since.seen(connection)
            yield connection


@contextmanager
def writing(engine: Catalogue, *, chained: bool = True, fenced: bool = True) -> Iterator[Connection]:
    """One transaction, committed at the end of the block and rolled back by any exception; waits for other writers.

    What is read in it holds until it ends: writers of audited rows follow one another. So a task decides and writes in
    one such block: it hands the block's connection to the functions that read and write, and they join it.
    chained: rows of audited tables will be added. fenced: raises LeaseLost where what this context works on was taken
    over (db.leases), CatalogueError where the file was replaced or its rows were restored since this step began.
    """
    if _is_connection(engine):
        if not engine.get_execution_options().get("wrist_writes"):
            raise CatalogueError(
                "A transaction that only reads can't be joined by one that writes: begin with writing()."
            )
        yield engine
        return
    from db import leases

    with plain_errors(engine), engine.connect().execution_options(wrist_writes=True) as connection:
        connection.info.pop("wrist_leases", None)
        begun = time.monotonic()
        with connection.begin():
            if chained and connection.dialect.name == "postgresql":
                from db.audit.chain import ADVISORY_LOCK

                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
            refuse_replaced(connection)
            if fenced:
                leases.check(connection)
                restored_since.refuse(connection)
            yield connection
            if fenced and time.monotonic() - begun > leases.RENEW_SECONDS:
                leases.refresh(connection)
            if fenced:
                restored_since.seen(connection)
        leases.settle(connection)


def refuse_replaced(connection: Connection) -> None:
    """Raises CatalogueError when another file stands where this connection's SQLite file was opened."""
    engine, opened = connection.engine, connection.info.get("wrist_file")
    if opened is not None and opened != _identity(str(engine.url.database)):
        engine.dispose()
        raise _replaced(str(engine.url.database))


def _replaced(file: str) -> CatalogueError:
    return CatalogueError(
        f"{file}: this file was deleted, moved or replaced (a restore?) since this command began. Nothing of "
        "this step was stored; what was stored before is in the file that was there. Run the same command again."
    )


def _is_connection(engine: Catalogue) -> TypeIs[Connection]:
    from sqlalchemy import Connection

    return isinstance(engine, Connection)


@contextmanager
def plain_errors(engine: Engine) -> Iterator[None]:
    """Turn a database's errors into one CatalogueError that says what to do; what it came from, which may quote a row,
    isn't shown with it."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except WristError:
        raise
    except DBAPIError as error:
        if engine.get_execution_options().get("wrist_reads") and "readonly" in str(error.orig):
            raise CatalogueError(f"{where(engine)}: {read_only_file.BESIDE_A_WRITER}") from None
        if error.connection_invalidated or error.orig is not None:
            raise explain(
                str(error.orig), where(engine), state(error.orig) or ("57P01" if error.connection_invalidated else None)
            ) from None
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("psycopg", "sqlite3"):
            raise explain(str(error), where(engine), state(error)) from None
        raise


def schema_of(engine: Engine) -> str:
    """PostgreSQL: the schema of the catalogue, the first in the search_path."""
    with reading(engine) as connection:
        return str(connection.exec_driver_sql("SELECT current_schema()").scalar() or "public")


def where(engine: Engine) -> str:
    """The database in words, without its password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return f"PostgreSQL database {engine.url.database} on {engine.url.host or 'this machine'}"
