"""Kills, full disks, read-only databases, other writers and clocks: a clear error or a wait, never a loss."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from db_story import BY, tell
from sqlalchemy import Engine, event

from db import engine as room
from db import stage_costs
from db.audit import chain
from db.audit.verify import verify
from db.maintenance.backup import backup, restore
from db.query.read_only_sql import query
from wrist_model.errors import CatalogueError

ROOT = Path(__file__).parent.parent
COST = stage_costs.StageCost("f", "s", 1.0)


def kill_writers(home: Path, kills: int, seed: int) -> int:
    """Start and kill a writer so many times; returns how many commits it had said and are there whole."""
    drawn, said = random.Random(seed), 0
    for number in range(kills):
        command = [sys.executable, "tests/db_writer.py", str(seed * 100 + number)]  # other studies each time
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]
        assert lines[0], "the writer must begin"
        time.sleep(drawn.random() * 0.7)
        writer.kill()
        lines += writer.stdout.read().splitlines()
        writer.wait()
        for line in lines:
            if len(parts := line.split()) == 4:  # the last line may be cut
                table, column, value, count = parts
                sign = "LIKE" if value.endswith("%") else "="
                shown = value if column == "label_version" else f"'{value}'"
                [(found,)] = query(f"SELECT count(*) FROM {table} WHERE {column} {sign} {shown}", home=home).rows
                assert found >= int(count), line
                said += 1
    return said


def halves(home: Path) -> list[tuple[str, int]]:
    """Counts of what is written together and stands there in part."""
    whole = {
        "SELECT count(*) FROM image_predictions GROUP BY evaluation_id": {5},
        "SELECT count(*) FROM dataset_members GROUP BY dataset_id": {8},
        "SELECT count(*) FROM evaluation_metrics GROUP BY evaluation_id": {2},
        "SELECT count(*) FROM operating_points GROUP BY model_version_id": {3},
        "SELECT epochs_run FROM training_runs WHERE status = 'finished'": {5},
    }
    found = [(sql, n) for sql, good in whole.items() for (n,) in query(sql, home=home).rows if n not in good]
    predicted = "SELECT count(*) FROM image_predictions", "SELECT count(*) FROM study_predictions"
    one, other = (query(sql, home=home).rows[0][0] for sql in predicted)
    return found if one == other else [*found, ("images and studies", one - other)]


def test_a_killed_writer_leaves_nothing_half_and_loses_nothing_committed(catalogue: Engine, home: Path) -> None:
    assert kill_writers(home, 3, seed=1) > 0
    assert halves(home) == []
    verdict = verify(catalogue, files=False)
    assert verdict.findings == ()


@pytest.mark.soak
def test_two_hundred_kills_leave_nothing_half_and_lose_nothing_committed(catalogue: Engine, home: Path) -> None:
    for part in range(10):
        kill_writers(home, 20, seed=part + 100)
        assert halves(home) == []
        assert verify(catalogue, files=False).findings == ()


def test_a_full_disk_is_one_clear_line_and_nothing_half_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    engine = room.open_catalogue(tmp_path)
    tell(engine)
    before = query("SELECT count(*), max(seq) FROM audit_trail", home=tmp_path).rows

    @event.listens_for(engine, "begin")
    def full(connection: object) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()  # type: ignore[attr-defined]
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    big = stage_costs.StageCost("f" * 2_000_000, "s", 1.0)
    with pytest.raises(CatalogueError, match="disk is full"):
        stage_costs.add_stage_cost(engine, big, BY)
    assert query("SELECT count(*), max(seq) FROM audit_trail", home=tmp_path).rows == before
    engine.dispose()
    again = room.open_catalogue(tmp_path)
    assert verify(again).ok
    stage_costs.add_stage_cost(again, COST, BY)


def test_a_database_that_may_not_be_written_is_one_clear_line(catalogue: Engine, home: Path) -> None:
    tell(catalogue)
    if catalogue.dialect.name == "postgresql":
        with catalogue.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            name = catalogue.url.database
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        catalogue.dispose()
    else:

        @event.listens_for(catalogue, "begin")
        def read_only(connection: object) -> None:
            connection.exec_driver_sql("PRAGMA query_only = ON")  # type: ignore[attr-defined]

    with pytest.raises(CatalogueError, match="can't be written"):
        stage_costs.add_stage_cost(catalogue, COST, BY)
    assert query("SELECT count(*) FROM stage_costs", home=home).rows == [(1,)]


@pytest.mark.parametrize("damage", ["other content", "cut short", "zeroes in the middle"])
def test_a_corrupt_database_file_is_one_clear_line_whatever_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    engine = room.open_catalogue(tmp_path)
    tell(engine)
    engine.dispose()
    file = tmp_path / "catalogue.sqlite"
    whole = file.read_bytes()
    half = len(whole) // 2
    file.write_bytes({"other content": b"x" * half, "cut short": whole[:half]}.get(damage, b"") or _zeroed(whole))
    for ask in (
        lambda: query("SELECT count(*) FROM image_predictions", home=tmp_path),
        lambda: tell(room.open_catalogue(tmp_path)),
        lambda: backup(room.open_catalogue(tmp_path), tmp_path / "b.sqlite") and restore_is_refused(tmp_path),
    ):
        with pytest.raises(CatalogueError, match=r"damaged|no SQLite database|does not verify") as caught:
            ask()
        assert "\n" not in str(caught.value)


def _zeroed(whole: bytes) -> bytes:
    """All pages but the first gone: the header is whole, the schema's pages are not."""
    return whole[:4096] + bytes(len(whole) - 8192) + whole[-4096:]


def restore_is_refused(home: Path) -> None:
    """A copy of a damaged file is damaged: it must not come back."""
    restore(home / "b.sqlite", home / "other", f"sqlite:///{home / 'other' / 'catalogue.sqlite'}")


def test_a_folder_that_may_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    place = Path("/proc") if os.geteuid() == 0 else tmp_path
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(CatalogueError) as caught:
            room.open_catalogue(place / "home")
    finally:
        tmp_path.chmod(0o700)
    assert "WRIST_HOME" in str(caught.value)


def held(engine: Engine, seconds: float) -> threading.Thread:
    """Another writer that holds the catalogue so long."""
    begun = threading.Event()

    def hold() -> None:
        with room.writing(engine) as connection:
            chain.append(connection, "fact", [{"name": f"held {seconds}", "value": "x"}], BY)
            begun.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(30)
    return thread


def test_a_writer_waits_for_another_and_loses_nothing(catalogue: Engine) -> None:
    thread = held(catalogue, 2.0)
    stage_costs.add_stage_cost(catalogue, COST, BY)
    thread.join()
    assert verify(catalogue).ok and verify(catalogue).checked["links"] == 2


@pytest.mark.soak
def test_a_writer_waits_thirty_seconds_for_another(catalogue: Engine) -> None:
    thread = held(catalogue, 30.0)
    stage_costs.add_stage_cost(catalogue, COST, BY)
    thread.join()
    assert verify(catalogue).ok


def test_a_reader_does_not_wait_for_a_writer(catalogue: Engine, home: Path) -> None:
    thread = held(catalogue, 2.0)
    assert query("SELECT count(*) FROM audit_trail", home=home).rows == [(0,)]
    assert thread.is_alive()
    thread.join()


def test_a_lock_that_never_ends_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    monkeypatch.setattr(room, "BUSY_SECONDS", 0.3)
    engine, other = room.open_catalogue(tmp_path), room.open_catalogue(tmp_path)
    thread = held(other, 2.0)
    with pytest.raises(CatalogueError, match="Another writer held it"):
        stage_costs.add_stage_cost(engine, COST, BY)
    thread.join()


def test_writers_in_several_processes_all_get_their_rows_in(catalogue: Engine, home: Path) -> None:
    code = (
        "import sys; from db import stage_costs; from db.engine import open_catalogue; "
        "from wrist_model.records import Provenance; e = open_catalogue(); "
        "cost = lambda n: stage_costs.StageCost(sys.argv[1], 's', n); "
        "[stage_costs.add_stage_cost(e, cost(n), Provenance('p')) for n in range(60)]"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(n)], cwd=ROOT) for n in range(3)]
    assert [process.wait(120) for process in started] == [0, 0, 0]
    assert query("SELECT flow, count(*) FROM stage_costs GROUP BY flow ORDER BY 1", home=home).rows == [
        (str(n), 60) for n in range(3)
    ]
    assert verify(catalogue).ok


def test_a_clock_set_back_never_makes_time_in_the_trail_run_backwards(
    catalogue: Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_costs.add_stage_cost(catalogue, COST, BY)
    monkeypatch.setattr(chain, "now", lambda: "1999-01-01T00:00:00.000000Z")
    stage_costs.add_stage_cost(catalogue, COST, BY)
    [(first,), (second,)] = query("SELECT at FROM audit_trail ORDER BY seq", home=home).rows
    assert first == second and verify(catalogue).ok


def test_what_can_not_be_stored_is_refused_whole(catalogue: Engine) -> None:
    good = {"name": "a", "value": "b"}
    for value in (b"bytes", "\udcff", ["list"], 1):
        with pytest.raises(CatalogueError), room.writing(catalogue) as connection:
            chain.append(connection, "fact", [good, {"name": "c", "value": value}], BY)
    with room.reading(catalogue) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM fact").scalar() == 0
