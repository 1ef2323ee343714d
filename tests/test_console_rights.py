"""Who may not write: other users, a disk that can't be written, two users of one group; and two time zones."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from db_story import BY, tell
from other_user import IS_ROOT, Somebody
from prefect_fixtures import radiographs

from db import labels
from db.audit.verify import verify
from db.engine import open_catalogue, reading
from db.maintenance.backup import backup, restore
from db.maintenance.migrate import downgrade
from tasks.runtime.provenance import FOREIGN
from tests import dicom_files

ROOT = Path(__file__).parents[1]


def catalogued(folder: Path) -> Path:
    """A whole catalogue that another user made, which nobody else may write."""
    home = folder / "home"
    engine = open_catalogue(home)
    tell(engine)
    engine.dispose()
    return home


READS = (
    ("status",),
    ("champion",),
    ("verify",),
    ("sql", "select count(*) from studies"),
    ("db", "backup", "kept.sqlite"),
)


def closed(home: Path) -> None:
    """Take the right to write from the tests' own user too, where that isn't root."""
    for path in (*home.rglob("*"), home):
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.parametrize("words", READS, ids=lambda words: words[0])
def test_what_only_reads_needs_no_right_to_write(somebody: Somebody, words: tuple[str, ...]) -> None:
    home = catalogued(somebody.folder)
    if not IS_ROOT:
        closed(home)
    before = {path.name: path.stat().st_mtime_ns for path in home.iterdir()}
    done = somebody.runs(*words)
    assert "can't" not in done.stderr and "Traceback" not in done.stderr
    assert done.returncode in (0, 1) and done.stdout, done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in home.iterdir()} == before
    if not IS_ROOT:
        home.chmod(0o755)


def test_what_somebody_is_writing_is_read_with_its_log(somebody: Somebody) -> None:
    home = catalogued(somebody.folder)
    with sqlite3.connect(home / "catalogue.sqlite") as writer:
        for name in "ab":  # with a log that was never read since it was begun, SQLite lets nobody in
            writer.execute(f"INSERT INTO file VALUES ('/r', '{name}', 1, 1, 'x', NULL)")
            writer.commit()
            writer.execute("SELECT count(*) FROM file").fetchone()
        done = somebody.runs("status", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["home"] == str(home), done.stderr
    writer.close()


def test_a_write_without_the_right_is_one_line(somebody: Somebody) -> None:
    home = catalogued(somebody.folder)
    if not IS_ROOT:
        closed(home)
    done = somebody.runs("exclude", "im-0001-1", "--reason", "x")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "written" in done.stderr
    if not IS_ROOT:
        home.chmod(0o755)


def test_an_earlier_schema_that_cannot_be_upgraded_is_said(somebody: Somebody) -> None:
    home = somebody.folder / "home"
    engine = open_catalogue(home)
    downgrade(engine, home, "0003")
    engine.dispose()
    if not IS_ROOT:
        closed(home)
    done = somebody.runs("status")
    assert done.returncode == 1 and "schema is 0003" in done.stderr and "wrist db upgrade" in done.stderr
    if not IS_ROOT:
        home.chmod(0o755)


def test_a_user_without_a_name_or_a_home_works_in_a_folder_of_its_own(somebody: Somebody) -> None:
    radiographs(somebody.folder / "in")
    somebody.owns("in")
    told = somebody.runs("ingest", "in/manifest.csv", "--body-part", "ANY")
    assert told.returncode == 0 and "6 new" in told.stdout, told.stderr
    assert somebody.runs("status").returncode == 0
    told = somebody.runs("sql", "select distinct actor from audit_trail", "--format", "csv")
    assert told.stdout.splitlines()[1:] == [f"uid {somebody.uid}" if IS_ROOT else os.environ.get("USER", "?")]


def test_a_checkout_of_another_user_is_said_to_be_one(somebody: Somebody) -> None:
    """git refuses it; the same code in the user's own checkout says its commit."""
    code = (
        "from pathlib import Path; from tasks.runtime.provenance import _commit; print(*_commit(Path.cwd()), sep='|')"
    )
    checkout = somebody.folder / "checkout"
    checkout.mkdir()
    (checkout / "pyproject.toml").touch()
    git = ("git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    there = replace(somebody, folder=checkout)

    def told() -> list[str]:
        done = there.runs("-c", code, program=sys.executable, PYTHONPATH=str(ROOT), HOME="/nonexistent")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().split("|")

    if IS_ROOT:
        assert told() == ["unknown", "True", FOREIGN]
        somebody.owns("checkout")
    assert told() == [commit, "False", ""]
    shutil.rmtree(checkout / ".git")
    assert told()[2] == "no git checkout, or no git on this machine"


def test_verify_says_when_a_copy_has_lost_its_last_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue whose writer was killed, copied without its -wal: whole by itself, and shorter."""
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    home = tmp_path / "home"
    tell(open_catalogue(home))
    file, kept = home / "catalogue.sqlite", tmp_path / "kept.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    open_catalogue(home).dispose()
    shutil.copy(file, kept)
    anchor = tmp_path / "anchor.json"
    killed = (
        "import os; from db.engine import open_catalogue; from db_story import BY; from db import stage_costs, labels;"
        "labels.relabel(open_catalogue(), {'st-0001': 0}, 'x', BY);"
        "from db.audit.verify import verify; from pathlib import Path;"
        f"verify(open_catalogue(), anchor=Path({str(anchor)!r}), files=False);"
        "from db.maintenance.backup import backup;"
        f"backup(open_catalogue(), Path({str(tmp_path / 'backup.sqlite')!r})); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", killed],
        env={**os.environ, "WRIST_HOME": str(home), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        check=False,
    )
    assert done.returncode == 9 and verify(open_catalogue(home), files=False).warnings == ()
    open_catalogue(home).dispose()
    for rest in home.glob("catalogue.sqlite*"):
        rest.unlink()
    shutil.copy(kept, file)
    verdict = verify(open_catalogue(home), files=False)
    assert verdict.ok and [one.kind for one in verdict.warnings] == ["behind_backup"]
    assert "-wal" in verdict.warnings[0].message
    found = verify(open_catalogue(home), anchor=anchor, files=False).findings
    assert [one.kind for one in found] == ["anchor"] and "-wal" in found[0].message
    restore(tmp_path / "backup.sqlite", home, f"sqlite:///{file}")
    assert verify(open_catalogue(home), anchor=anchor, files=False).warnings == ()


def test_an_earlier_backup_that_is_put_back_is_not_called_a_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    home = tmp_path / "home"
    engine = open_catalogue(home)
    tell(engine)
    backup(engine, tmp_path / "early.sqlite")
    labels.relabel(engine, {"st-0001": 0}, "x", BY)
    backup(engine, tmp_path / "late.sqlite")
    restore(tmp_path / "early.sqlite", home, f"sqlite:///{home / 'catalogue.sqlite'}")
    assert verify(open_catalogue(home), files=False).warnings == ()
    monkeypatch.setenv("WRIST_DATABASE_URL", f"sqlite:///{tmp_path / 'early.sqlite'}")
    assert verify(open_catalogue(home), files=False).warnings == ()


def test_two_users_of_one_group_work_on_one_home(somebody: Somebody) -> None:
    """A home of mode 2770 is enough: with the usual umask, what one makes the other goes on with."""
    group = 60_001
    one, other = replace(somebody, gid=group), replace(somebody, gid=group, uid=somebody.uid + 1)
    home = somebody.folder / "home"
    home.mkdir()
    if IS_ROOT:
        os.chown(home, 0, group)
    home.chmod(0o2770)
    radiographs(somebody.folder / "first", 30)
    pixels = np.random.default_rng(1).integers(0, 4096, (24, 24)).astype(np.uint16)
    for number in range(2):
        dicom_files.write(somebody.folder / "second", f"{number}", dicom_files.dataset(pixels + number))

    def does(who: Somebody, *words: str) -> str:
        done = who.runs(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "30 new" in does(one, "ingest", "first/manifest.csv", "--body-part", "ANY", "--remember")
    assert "2 new" in does(other, "ingest", "second", "--body-part", "ANY", "--remember")
    image = does(other, "sql", "select image_uid from images where format = 'dicom'", "--format", "csv").split()[1]
    assert does(other, "exclude", image, "--reason", "x") and does(one, "exclude", image, "--reason", "x", "--undo")
    assert "frozen: ds-" in does(other, "split", "--freeze")
    assert "All as it was written" in does(one, "verify")
    actors = does(one, "sql", "select count(distinct actor) from audit_trail", "--format", "csv").split()
    assert actors[-1] == ("2" if IS_ROOT else "1")
    assert (home / "identity.key").stat().st_mode & 0o777 == 0o640
    outsider = replace(somebody, uid=somebody.uid + 2)
    refused = outsider.runs("exclude", image, "--reason", "x")
    assert not IS_ROOT or (refused.returncode == 1 and "written" in refused.stderr)


def test_a_home_that_nobody_shares_keeps_its_rights(somebody: Somebody) -> None:
    radiographs(somebody.folder / "in")
    somebody.owns("in")
    assert somebody.runs("ingest", "in/manifest.csv", "--body-part", "ANY").returncode == 0
    home = somebody.folder / "home"
    assert (home / "identity.key").stat().st_mode & 0o777 == 0o600
    assert (home / "catalogue.sqlite").stat().st_mode & 0o022 == 0


def test_two_time_zones_keep_one_order_and_one_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    home = tmp_path / "home"
    tell(open_catalogue(home))
    code = (
        "import sys; from db.engine import open_catalogue; from db import labels; from db_story import BY;"
        "labels.relabel(open_catalogue(), {'st-0001': int(sys.argv[1])}, sys.argv[2], BY)"
    )
    for label, zone in enumerate(("Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Paris", "XYZ-24", "Asia/Kolkata")):
        subprocess.run(
            [sys.executable, "-c", code, str(label % 2), zone],
            env={**os.environ, "TZ": zone, "WRIST_HOME": str(home), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            check=True,
        )
    engine = open_catalogue(home)
    assert verify(engine, files=False).findings == ()
    with reading(engine) as connection:
        times = list(connection.exec_driver_sql("SELECT at FROM audit_entry ORDER BY seq").scalars())
    assert times == sorted(times) and all(time.endswith("Z") for time in times)
