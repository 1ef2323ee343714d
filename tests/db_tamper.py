"""What somebody with full rights on the database could do: the tests' own hands, past every guard."""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from db_story import plan_and_look, tell
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from db.audit.canonical_json import batch_sha256
from db.audit.chain import GENESIS, columns_of, link_sha256
from db.engine import make_engine, open_catalogue
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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A home with the story in it and its database: to be copied, never changed."""
    home = tmp_path_factory.mktemp("told") / "home"
    url = f"sqlite:///{home / 'catalogue.sqlite'}"
    if request.param == "postgresql":
        server, name = request.getfixturevalue("postgresql"), f"told{uuid.uuid4().hex[:12]}"
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        url = server.replace("/postgres?", f"/{name}?")
    os.environ["WRIST_DATABASE_URL"] = url
    try:
        engine = open_catalogue(home)
        plan_and_look(engine, tell(engine))
        engine.dispose()
    finally:
        del os.environ["WRIST_DATABASE_URL"]
    yield home, url
    if request.param == "postgresql":
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def copied(told: tuple[Path, str], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A fresh copy of the story."""
    home, url = told
    here = tmp_path / "home"
    shutil.copytree(home, here)
    if url.startswith("sqlite"):
        engine = make_engine(f"sqlite:///{here / 'catalogue.sqlite'}")
    else:
        name = f"c{abs(hash(str(tmp_path))):x}"
        server = request.getfixturevalue("postgresql")
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {make_url(url).database}")
        engine = make_engine(server.replace("/postgres?", f"/{name}?"))
    engine = engine.execution_options(wrist_home=str(here))
    yield engine
    engine.dispose()
    if not url.startswith("sqlite"):
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def home_of(engine: Engine) -> Path:
    return Path(engine.get_execution_options()["wrist_home"])


def does(engine: Engine, statements: Sequence[str]) -> None:
    """What somebody types into the database's own console, one statement after the other, each by itself."""
    if engine.dialect.name == "sqlite":
        engine.dispose()
        with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as connection:
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement
        return
    own = create_engine(engine.url, isolation_level="AUTOCOMMIT")
    with own.connect() as connection:
        for statement in statements:
            assert connection.exec_driver_sql(statement.replace("%", "%%")).rowcount != 0, statement
    own.dispose()
