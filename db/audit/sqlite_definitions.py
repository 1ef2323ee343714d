"""SQLite: is the schema what the migrations make? Every table, index, view and trigger, those that are not ours too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, text

from db.audit.anchor_file import Found
from db.engine import make_engine
from db.maintenance.migrate import upgrade
from db.schema.all_tables import METADATA

Object = tuple[str, str, str]
"""Type, name, and the table that it is of."""

COUNTS = {("table", name, name) for name in ("sqlite_stat1", "sqlite_stat4")}
"""What ANALYZE keeps: it decides how a query is run, never what it says."""


def pages(connection: Connection) -> Iterator[Found]:
    """SQLite's own check of the file's pages, and of each index against its table. A file that can't be read at all
    raises CatalogueError."""
    for row in connection.exec_driver_sql("PRAGMA integrity_check(3)").all():
        if row[0] != "ok":
            yield "damaged", "the database file", f"SQLite finds damage: {row[0]}."


def compare(connection: Connection) -> Iterator[Found]:
    """What is missing, altered, or not one of ours."""
    there, wanted = _objects(connection), _reference()
    for (kind, name, table), sql in wanted.items():
        if (kind, name, table) not in there:
            yield f"missing_{kind}", name, f"This {kind} is gone."
        elif there[kind, name, table] != sql:
            said = f"This {kind} is not as the migrations made it."
            yield ("missing_column" if kind == "table" and _lacks_columns(connection, name) else kind), name, said
    for kind, name, _ in sorted(set(there) - set(wanted)):
        yield kind, name, f"This {kind} is not one of ours: it may change what is stored, or what is read."


def _lacks_columns(connection: Connection, table: str) -> bool:
    there = {row.name for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")}
    return table in METADATA.tables and not there.issuperset(METADATA.tables[table].columns.keys())


def _objects(connection: Connection) -> dict[Object, str]:
    rows = connection.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master")).all()
    found = {(row.type, row.name, row.tbl_name): " ".join((row.sql or "").split()) for row in rows}
    return {each: sql for each, sql in found.items() if each not in COUNTS}


@cache
def _reference() -> dict[Object, str]:
    """What a database that was just made holds."""
    with TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/reference.sqlite")
        upgrade(engine, Path(folder))
        with engine.connect() as connection:
            made = _objects(connection)
        engine.dispose()
    return made
