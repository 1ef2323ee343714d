"""Wrist's own files are never taken as data, and never written over: keys, databases, recipes, networks."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from db.engine import open_catalogue
from db.home import catalogue_file, identity_key_file, own_places
from tasks.named_files import require_data, require_output
from tests.test_console_errors import wrist
from wrist_model.errors import UsageError
from wrist_model.radiograph.pseudonyms import IdentityKey


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "home"
    monkeypatch.setenv("WRIST_HOME", str(place))
    open_catalogue(place).dispose()
    IdentityKey.load_or_make(identity_key_file(place))
    (place / "models").mkdir(exist_ok=True)
    (place / "models" / "abc.keras").write_bytes(b"PK")
    return place


def test_sql_does_not_write_over_a_file_of_wrists_own(home: Path) -> None:
    before = {path: path.read_bytes() for path in (catalogue_file(home), identity_key_file(home))}
    other = home.parent / "other.sqlite"
    shutil.copy(catalogue_file(home), other)
    (home.parent / "link.csv").symlink_to(catalogue_file(home))
    os.link(identity_key_file(home), home.parent / "hard.csv")
    for name in (
        catalogue_file(home),
        identity_key_file(home),
        other,
        home.parent / "link.csv",
        home.parent / "hard.csv",
    ):
        done = wrist(home, "sql", "select 1", "--output", str(name), "--format", "csv")
        assert done.returncode == 2 and "Wrist's own" in done.stderr, name
    assert {path: path.read_bytes() for path in before} == before
    with sqlite3.connect(other) as connection:
        assert connection.execute("select count(*) from studies").fetchone() == (0,)


def test_a_backup_replaces_an_earlier_one_and_never_the_catalogue(home: Path) -> None:
    kept = home.parent / "kept.sqlite"
    for _ in range(2):
        assert wrist(home, "db", "backup", str(kept)).returncode == 0
    done = wrist(home, "db", "backup", str(catalogue_file(home)))
    assert done.returncode == 2 and "Wrist's own" in done.stderr


def test_what_wrist_keeps_is_no_data_wherever_it_lies_and_whatever_it_is_called(home: Path, tmp_path: Path) -> None:
    hdf5, disguised = tmp_path / "weights.csv", tmp_path / "labels.csv"
    hdf5.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    shutil.copy(catalogue_file(home), disguised)
    recipe = Path(__file__).parents[1] / "recipes" / "quick.toml"
    mine = [*own_places(home), home / "models" / "abc.keras", home / "prefect" / "password", hdf5, disguised, recipe]
    mine += [home / "catalogue.sqlite-wal", home / "models" / ".." / "identity.key", tmp_path / "w.keras"]
    for path in mine:
        with pytest.raises(UsageError, match="own"):
            require_data(path, "--labels")
        with pytest.raises(UsageError, match="own"):
            require_output(path, "--output")


def test_data_that_lies_in_the_home_is_data(home: Path, tmp_path: Path) -> None:
    (home / "incoming").mkdir()
    (tmp_path / "labels.csv").write_text("study_uid,label\n")
    for path in (home / "incoming", home / "demo-data" / "mura", tmp_path / "labels.csv", tmp_path / "none.csv", home):
        require_data(path, "--labels")
    for path in (tmp_path / "n.csv", home / "n.parquet", tmp_path / "labels.csv"):
        require_output(path, "--output")
