"""Backups: one SQLite file with every row, whichever database the catalogue is in; `wrist verify` can check it.

Rows and chain hashes are the same on both databases, so a backup of PostgreSQL can be restored into SQLite and the
other way round. Models, explanations, reports and `identity.key` are files in the home: copy those beside it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine

from db import home_lock, leases, read_only_file
from db.audit import verified_link
from db.audit.anchor_file import note_backup
from db.audit.chain import columns_of, count, many
from db.audit.verify import verify
from db.database_errors import BUSY_SECONDS, explain
from db.engine import make_engine, plain_errors, reading, writing
from db.home import last_backup_file, restoring_file, sqlite_file, verified_link_file
from db.leases import CATALOGUE
from db.maintenance.migrate import upgrade
from db.reports import link_newest
from db.schema.all_tables import AUDITED, METADATA
from db.schema.revisions import HEAD, stored_revision
from wrist_model.errors import CatalogueError, LeaseHeld

STEP = 20_000


def backup(engine: Engine, target: Path) -> Path:
    """Write a consistent copy while runs go on writing; a file of that name is replaced only by a whole new one."""
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
    except OSError as error:
        raise CatalogueError(f"{target}: can't be written ({error.strerror}). Give another file.") from None
    try:
        with plain_errors(engine):
            if engine.dialect.name == "sqlite":
                _copy_sqlite(Path(str(engine.url.database)), partial)
            else:
                _copy_rows(engine, partial)
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(target)
        _note(engine, Path(engine.get_execution_options()["wrist_home"]))
    except sqlite3.Error as error:
        raise CatalogueError(f"{target}: the backup failed: {error}. An earlier backup of that name stays.") from None
    except OSError as error:
        raise CatalogueError(f"{target}: can't be written ({error.strerror}). Give another file.") from None
    finally:
        _unlink(partial)
    return target


def restore(source: Path, home: Path, url: str) -> str:
    """Make the database at `url` that of the backup, checked first; returns where the database before it is kept.

    SQLite: the rows of the present file are replaced in one transaction, after a copy beside it; a file that can't be
    read is moved aside. PostgreSQL: only into a database without rows. Takes the catalogue's lease: nobody else writes
    meanwhile, and who holds something from before it writes nothing after it. reports/latest.html leads to the newest
    report that it holds. Raises LeaseHeld while somebody is at work, CatalogueError for a file that is no backup, is
    damaged or does not verify; then nothing was changed.
    """
    kept = _restore(source, home, url)
    engine = make_engine(url)
    with home_lock.alone(home, "reports"):
        link_newest(engine, home)
    engine.dispose()
    return kept


def _restore(source: Path, home: Path, url: str) -> str:
    file = sqlite_file(url)
    with _alone(file, url):
        checked = _checked_copy(source, home)
        verified_link.forget(verified_link_file(home))  # it was of what was there before
        try:
            if file is None:
                into_postgresql(checked, home, url)
                last_backup_file(home).unlink(missing_ok=True)
                return ""
            last_backup_file(home).unlink(missing_ok=True)  # what was there before may have reached further
            kept = _aside(file) if file.exists() else ""
            if not kept or not _readable(file) or not _into_sqlite(checked, file, url):
                for rest in (Path(f"{file}-wal"), Path(f"{file}-shm")):
                    rest.unlink(missing_ok=True)
                checked.replace(file)
            return kept
        finally:
            verified_link.forget(verified_link_file(home))  # what was verified meanwhile, too
            _unlink(checked)


@contextmanager
def _alone(file: Path | None, url: str) -> Iterator[None]:
    """The lease of the whole catalogue, where there is one that has leases; nobody can be at work on another."""
    if file is None or not file.exists() or not _readable(file):
        yield
        return
    engine = make_engine(url)
    lease = leases.held(engine, CATALOGUE)
    try:
        if lease is None and _has_leases(engine):
            with writing(engine) as connection:
                lease = leases.take(connection, CATALOGUE)
    except LeaseHeld:
        raise
    except CatalogueError:  # it is damaged: that is why it is restored
        lease = None
    try:
        yield
    finally:
        if lease is not None:
            with suppress(CatalogueError), writing(engine, chained=False, fenced=False) as connection:
                leases.give_back(connection, CATALOGUE)  # a restored catalogue knows nothing of it
            leases.forget(engine, lease)
        engine.dispose()


def _has_leases(engine: Engine) -> bool:
    """Whether a catalogue is of this code's schema. A damaged one, or one of another schema, has none to ask for."""
    with plain_errors(engine):
        return stored_revision(engine) == HEAD


def _aside(file: Path) -> str:
    """Copy the present file beside itself; returns where."""
    aside = file.with_name(f"{file.name}.before-restore")
    number = 1
    while aside.exists():
        number += 1
        aside = file.with_name(f"{file.name}.before-restore-{number}")
    _copy_sqlite(file, aside) if _readable(file) else shutil.copy(file, aside)
    return str(aside)


def _into_sqlite(checked: Path, file: Path, url: str) -> bool:
    """Every page of a checked copy into the file that other processes may have open, in one transaction: no writer is
    left with a file that has no name any more. False: the file is too damaged for that.

    Raises LeaseLost when somebody else has taken the catalogue by now, LeaseHeld when somebody has begun to work.
    """
    engine = make_engine(url)
    if leases.held(engine, CATALOGUE):
        with writing(engine, chained=False) as connection:
            leases.require(connection, CATALOGUE)
            leases.require_alone(connection)  # while a large backup was checked the lease may have lapsed
            leases.refresh(connection)
    engine.dispose()
    source, target = sqlite3.connect(checked), sqlite3.connect(file, timeout=BUSY_SECONDS)
    try:
        source.backup(target)
    except sqlite3.OperationalError as error:
        raise explain(str(error), str(file)) from None
    except sqlite3.DatabaseError:
        return False
    finally:
        source.close()
        target.close()
    return True


def _checked_copy(source: Path, home: Path) -> Path:
    """A copy of the backup beside the catalogue, brought to this code's schema and verified."""
    if not source.is_file():
        raise CatalogueError(f"{source}: no such backup file.")
    home.mkdir(parents=True, exist_ok=True)
    copy = restoring_file(home)
    _unlink(copy)
    shutil.copy(source, copy)
    engine = make_engine(f"sqlite:///{copy}").execution_options(wrist_home=str(home))
    try:
        with plain_errors(engine), engine.connect() as connection:
            if connection.dialect.has_table(connection, "audit_entry") is False:
                raise CatalogueError(f"{source}: this is no backup of a Wrist catalogue.")
        upgrade(engine, home)
        verdict = verify(engine, files=False)
        if not verdict.ok:
            first = verdict.findings[0]
            raise CatalogueError(f"{source}: not restored, the backup does not verify: {first.where}: {first.message}")
    except CatalogueError:
        engine.dispose()
        _unlink(copy)
        raise
    with writing(engine, fenced=False) as connection:
        leases.expel_all(connection)  # nobody works on what a backup says is under way
    engine.dispose()
    _one_file(copy)
    return copy


def _note(engine: Engine, home: Path) -> None:
    """How far the chain reached: `wrist verify` tells by it when rows are lost; not in a home that can't be written."""
    if not os.access(home, os.W_OK):
        return
    with reading(engine) as connection:
        note_backup(connection, last_backup_file(home))


def _unlink(file: Path) -> None:
    """Remove a SQLite file and what SQLite keeps beside it."""
    for each in file.parent.glob(file.name + "*"):
        each.unlink(missing_ok=True)


def _one_file(file: Path) -> None:
    """Fold the write-ahead log into the file, so that it can be moved by itself."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def _copy_sqlite(file: Path, target: Path) -> None:
    """SQLite's own online copy, in one step: a state between two transactions."""
    with closing(read_only_file.connect(file)) as source:
        copy = sqlite3.connect(target)
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.close()


def _readable(file: Path) -> bool:
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.close()
    except sqlite3.Error:
        return False
    return True


def _copy_rows(engine: Engine, target: Path) -> None:
    copy = make_engine(f"sqlite:///{target}")
    upgrade(copy, target.parent)
    with reading(engine) as source, writing(copy) as into:
        _rows(source, into)
    copy.dispose()
    _one_file(target)


def into_postgresql(checked: Path, home: Path, url: str) -> None:
    """Copy every row of a SQLite catalogue of this code's schema into an empty PostgreSQL database."""
    copy = make_engine(f"sqlite:///{checked}")
    engine = make_engine(url)
    upgrade(engine, home)
    with reading(copy) as source, writing(engine) as into:
        if into.exec_driver_sql("SELECT count(*) FROM audit_entry").scalar():
            raise CatalogueError(
                "The PostgreSQL database holds a catalogue already; a restore never overwrites one. "
                "Make an empty database and point WRIST_DATABASE_URL at it."
            )
        lease = leases.take(into, CATALOGUE)  # raises while somebody is at work
        _rows(source, into)
        leases.expel_all(into)
    leases.forget(engine, lease)
    copy.dispose()
    engine.dispose()


def _rows(source: Connection, into: Connection) -> None:
    """Every row as it is: the chain first, then each table after those it refers to."""
    for table in ("audit_entry", *AUDITED, "file", "image_location"):
        columns = (*columns_of(table), "entry") if table in AUDITED else columns_of(table)
        order = ", ".join(column.name for column in METADATA.tables[table].primary_key.columns)
        listed = ", ".join(f'"{name}"' for name in columns)
        rows = source.execution_options(stream_results=True).exec_driver_sql(
            f"SELECT {listed} FROM {table} ORDER BY {order}"
        )
        while chunk := rows.fetchmany(STEP):
            many(into, table, columns, [tuple(row) for row in chunk])
    count(into)


def open_backup(file: Path, home: Path) -> Engine:
    """A backup as a catalogue to look at (verify it, query it)."""
    return make_engine(f"sqlite:///{file}").execution_options(wrist_home=str(home))
