"""Opening, migrating and refusing databases, on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from db_story import BY, tell
from sqlalchemy import Engine, inspect

from db import engine as room
from db import labels
from db.backup import restore
from db.columns import Base
from db.migrate import configuration, downgrade, upgrade
from db.migrations.freeze import statements
from db.sql import query
from db.verify import verify
from wrist_model.errors import CatalogueError

RELEASED = Path(__file__).parent / "schemas"
VERSIONS = Path(room.__file__).parent / "migrations" / "versions"


def test_the_code_knows_the_head_of_its_migrations() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [room.HEAD]
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == room.REVISIONS


def test_migrating_gives_exactly_the_mapped_tables(catalogue: Engine) -> None:
    with catalogue.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_first_schema_is_frozen(dialect: str) -> None:
    frozen = (VERSIONS / f"0001_{dialect}.sql").read_text()
    assert frozen == "\n-- next\n".join(statements(dialect)) + "\n"


def test_opening_again_changes_nothing_and_down_and_up_again_works(catalogue: Engine, home: Path) -> None:
    tell(catalogue)
    room.open_catalogue(home).dispose()
    assert downgrade(catalogue, home, "base") == room.HEAD
    assert set(inspect(catalogue).get_table_names()) == {"alembic_version"}
    upgrade(catalogue, home)
    assert "image_prediction" in inspect(catalogue).get_table_names()
    tell(catalogue)


def test_a_database_newer_than_the_code_is_refused(catalogue: Engine, home: Path) -> None:
    with catalogue.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogueError, match="newer than this Wrist"):
        room.open_catalogue(home)


def test_processes_that_open_a_new_catalogue_at_once_all_succeed(home: Path) -> None:
    code = "from db.engine import open_catalogue; open_catalogue()"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait(120) for process in started] == [0, 0, 0, 0]


def test_an_unwritable_home_and_a_wrong_address_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CatalogueError, match="can't make the home folder"):
        room.open_catalogue(file / "home")
    for url in ("mysql://x", "postgresql+psycopg://nobody:secret@127.0.0.1:1/none"):
        monkeypatch.setenv("WRIST_DATABASE_URL", url)
        with pytest.raises(CatalogueError) as caught:
            room.open_catalogue(tmp_path)
        assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "released", sorted((Path(__file__).parent / "schemas").glob("*.sqlite.sql")), ids=lambda p: p.name
)
def test_a_catalogue_of_each_release_is_migrated_verifies_and_goes_on(
    released: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = room.database_url()
    home.mkdir()
    old = home / "old.sqlite"
    connection = sqlite3.connect(old)
    connection.executescript(released.read_text(encoding="utf-8"))
    connection.close()
    if wanted.startswith("postgresql"):  # the same rows, by way of a restore, which migrates them first
        restore(old, home, wanted)
    else:
        old.rename(home / "catalogue.sqlite")
    engine = room.open_catalogue(home)
    assert verify(engine, files=False).findings == ()
    stored = query("SELECT count(*) FROM study_predictions", home=home).rows
    assert stored == [(11,)]
    labels.relabel(engine, {"st-0001": 0}, "after the upgrade", BY)
    assert verify(engine, files=False).ok
    engine.dispose()
