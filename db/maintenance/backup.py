"""Backups: one SQLite file with every row, whichever database the catalogue is in; `wrist verify` can check it.

Rows and chain hashes are the same on both databases, so a backup of PostgreSQL can be restored into SQLite and the
other way round. Models, explanations, reports and `identity.key` are files in the home: copy those beside it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine

from db.audit.chain import columns_of, count, many
from db.audit.verify import verify
from db.engine import make_engine, plain_errors, reading, writing
from db.home import sqlite_file
from db.maintenance.migrate import upgrade
from db.schema.all_tables import AUDITED, METADATA
from wrist_model.errors import CatalogueError

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
    except sqlite3.Error as error:
        raise CatalogueError(f"{target}: the backup failed: {error}. An earlier backup of that name stays.") from None
    except OSError as error:
        raise CatalogueError(f"{target}: can't be written ({error.strerror}). Give another file.") from None
    finally:
        for rest in partial.parent.glob(partial.name + "*"):
            rest.unlink(missing_ok=True)
    return target


def restore(source: Path, home: Path, url: str) -> str:
    """Make the database at `url` that of the backup, checked first; returns where the database before it is kept.

    SQLite: the present file is moved aside. PostgreSQL: only into a database without rows. Raises CatalogueError for a
    file that is no backup, is damaged or does not verify; then nothing was changed.
    """
    checked = _checked_copy(source, home)
    try:
        file = sqlite_file(url)
        if file is None:
            into_postgresql(checked, home, url)
            return ""
        kept = ""
        if file.exists():
            aside = file.with_name(f"{file.name}.before-restore")
            number = 1
            while aside.exists():
                number += 1
                aside = file.with_name(f"{file.name}.before-restore-{number}")
            _copy_sqlite(file, aside) if _readable(file) else shutil.copy(file, aside)
            kept = str(aside)
        for rest in (Path(f"{file}-wal"), Path(f"{file}-shm")):
            rest.unlink(missing_ok=True)
        checked.replace(file)
        return kept
    finally:
        for rest in checked.parent.glob(checked.name + "*"):
            rest.unlink(missing_ok=True)


def _checked_copy(source: Path, home: Path) -> Path:
    """A copy of the backup beside the catalogue, brought to this code's schema and verified."""
    if not source.is_file():
        raise CatalogueError(f"{source}: no such backup file.")
    home.mkdir(parents=True, exist_ok=True)
    copy = home / "restoring.sqlite"
    for rest in home.glob("restoring.sqlite*"):
        rest.unlink()
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
        for rest in home.glob("restoring.sqlite*"):
            rest.unlink()
        raise
    engine.dispose()
    _one_file(copy)
    return copy


def _one_file(file: Path) -> None:
    """Fold the write-ahead log into the file, so that it can be moved by itself."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def _copy_sqlite(file: Path, target: Path) -> None:
    """SQLite's own online copy, in one step: a state between two transactions."""
    with sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=60) as source:
        copy = sqlite3.connect(target)
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.close()
    source.close()


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
        _rows(source, into)
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
