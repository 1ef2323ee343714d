"""Paths as people name them: every character that an address, a configuration file or a shell gives a meaning."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from db_story import tell
from prefect_fixtures import WRIST, radiographs

from db import home as places
from db.audit.verify import verify
from db.engine import open_catalogue
from db.maintenance.backup import backup, restore
from db.query.read_only_sql import query

ODD = "Röntgen daten 50% #1 ?x=1 ä"
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "name", [ODD, "a?mode=ro", "100%", "%20", "#fragment", "a;b", "a&b=c", "@host:1", "[x]", "'\""]
)
def test_a_home_of_any_name_is_read_in_one_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    home = tmp_path / name / "home"
    monkeypatch.setenv("WRIST_HOME", str(home))
    engine = open_catalogue()
    tell(engine)
    assert {one.name for one in tmp_path.iterdir()} == {name}
    with sqlite3.connect(f"{places.catalogue_file(home).as_uri()}?mode=ro", uri=True) as connection:
        stored = connection.execute("SELECT count(*) FROM study").fetchone()
    assert query("SELECT count(*) FROM studies").rows == [stored] and stored[0] > 0
    verdict = verify(engine, files=False)
    assert verdict.ok and verdict.checked["rows"] > 0
    copy = backup(engine, tmp_path / name / "co?py%.sqlite")
    assert "before-restore" in restore(copy, home, places.database_url())
    monkeypatch.setenv("WRIST_DATABASE_URL", f"sqlite:///{copy}")
    assert verify(open_catalogue(), files=False).checked["rows"] == verdict.checked["rows"]
    assert {one.name for one in (tmp_path / name).iterdir()} >= {"home", "co?py%.sqlite"}
    assert {one.name for one in tmp_path.iterdir()} == {name}


def run(*words: str, cwd: Path, drop: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PREFECT") and name not in drop
    }
    done = subprocess.run(words, cwd=cwd, env={**environment, **more}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_commands_work_in_a_home_of_such_a_name_and_write_nowhere_else(tmp_path: Path) -> None:
    place = tmp_path / ODD
    radiographs(place / "Bilder 100% ? #2")
    here = {"cwd": place, "WRIST_HOME": str(place / "home")}
    told = run(WRIST, "ingest", "Bilder 100% ? #2/manifest.csv", "--body-part", "ANY", "--remember", **here)
    assert "6 new" in told.stdout
    assert "remembered: " + str(place) in run(WRIST, "status", **here).stdout
    assert " 0 rows" not in run(WRIST, "verify", "--anchor", "an?ker %.txt", **here).stdout
    run(WRIST, "db", "backup", "si?cher%.sqlite", **here)
    run(WRIST, "db", "restore", "si?cher%.sqlite", **here)
    image = run(WRIST, "sql", "select image_uid from images limit 1", "--format", "csv", **here).stdout.split()[-1]
    assert str(place) in run(WRIST, "locate", image, "Bilder 100% ? #2", **here).stdout
    assert [one.name for one in tmp_path.iterdir()] == [ODD]
    assert (place / "home" / "prefect" / "prefect.db").stat().st_size > 0


def test_an_install_path_of_such_a_name_migrates_and_serves(tmp_path: Path) -> None:
    place = tmp_path / ODD
    for room in ("db", "flows", "tasks", "wrist_model", "recipes"):
        shutil.copytree(ROOT / room, place / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("prefect.toml", "prefect.yaml", "pyproject.toml"):
        shutil.copy(ROOT / file, place)
    here = {"cwd": place, "WRIST_HOME": str(tmp_path / "home"), "PYTHONPATH": str(place)}
    console = (sys.executable, "-c", "from flows.console.cli import main; main()")
    run(*console, "db", "upgrade", **here)
    run(*console, "db", "downgrade", "0002", **here)
    run(*console, "db", "upgrade", **here)
    assert "All as it was written" in run(*console, "verify", **here).stdout
