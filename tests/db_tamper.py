"""What somebody with full rights on the database could do: the tests' own hands, past every guard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from db.audit.canonical_json import batch_sha256
from db.audit.chain import GENESIS, columns_of, link_sha256
from db.schema.all_tables import AUDITED


@contextmanager
def past_the_guards(engine: Engine, *touched: str) -> Iterator[Connection]:
    """A connection with append-only triggers and foreign keys off, which are put back as they were afterwards.

    touched: the only tables whose guards have to go; none given: all.
    """
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            raw = connection.connection
            raw.execute("PRAGMA foreign_keys = OFF")  # type: ignore[attr-defined]
            connection.commit()
            rows = connection.exec_driver_sql(
                "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'trigger'"
            ).all()
            rows = [row for row in rows if not touched or row.tbl_name in touched]
            for row in rows:
                connection.exec_driver_sql(f"DROP TRIGGER {row.name}")
            yield connection
            for row in rows:
                connection.exec_driver_sql(row.sql)
            connection.commit()
        engine.dispose()
        return
    tables = touched or ("audit_entry", *AUDITED)
    with engine.begin() as connection:
        for table in tables:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    with engine.begin() as connection:
        yield connection
    with engine.begin() as connection:
        there = set(connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars())
        for table in (one for one in tables if one in there):
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
            for name in ("no_change", "no_truncate"):
                connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")


def rewrite_chain(connection: Connection) -> None:
    """Make every link true again for what the tables hold now: the forger who knows this code."""
    previous = GENESIS
    for entry in connection.execute(text("SELECT * FROM audit_entry ORDER BY seq")).mappings().all():
        table = entry["table_name"]
        columns = columns_of(table)
        listed = ", ".join(f'"{name}"' for name in columns)
        rows = connection.execute(
            text(f"SELECT {listed} FROM {table} WHERE id BETWEEN :first AND :last ORDER BY id"),
            {"first": entry["first_row"], "last": entry["last_row"]},
        ).all()
        link = {name: value for name, value in entry.items() if name != "chain_sha256"}
        link["batch_sha256"] = batch_sha256(table, dict(zip(columns, zip(*rows, strict=True), strict=True)))
        previous = link_sha256(previous, link)
        connection.execute(
            text("UPDATE audit_entry SET batch_sha256 = :batch, chain_sha256 = :chain WHERE seq = :seq"),
            {"batch": link["batch_sha256"], "chain": previous, "seq": entry["seq"]},
        )
