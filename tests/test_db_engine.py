"""One engine a process and database: descriptors, threads, forks, and a file that changes under it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from pathlib import Path

import psutil
import pytest
from db_story import BY
from sqlalchemy import Engine

from db import stage_costs
from db.engine import open_catalogue, reading
from wrist_model.errors import CatalogueError

COST = stage_costs.StageCost("flow", "stage", 1.0)


def stored(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM stage_cost").scalar() or 0)


def test_opening_the_catalogue_again_opens_no_further_descriptor(home: Path) -> None:
    engines = [open_catalogue(home)]
    stored(engines[0])
    before = psutil.Process().num_fds()
    for _ in range(60):
        engines.append(open_catalogue(home))
        stored(engines[-1])
    assert psutil.Process().num_fds() == before
    engines[0].dispose()


def test_another_home_and_another_address_are_another_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    first, second = tmp_path / "first", tmp_path / "second"
    stage_costs.add_stage_cost(open_catalogue(first), COST, BY)
    assert (stored(open_catalogue(first)), stored(open_catalogue(second))) == (1, 0)
    monkeypatch.setenv("WRIST_HOME", str(first))
    assert stored(open_catalogue()) == 1
    monkeypatch.setenv("WRIST_DATABASE_URL", f"sqlite:///{tmp_path / 'third.sqlite'}")
    assert stored(open_catalogue()) == 0


def test_a_relative_address_means_the_folder_of_each_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRIST_DATABASE_URL", "sqlite:///here.sqlite")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        stage_costs.add_stage_cost(open_catalogue(tmp_path), COST, BY)
        assert stored(open_catalogue(tmp_path)) == 1 and (tmp_path / name / "here.sqlite").exists()


def test_a_groups_catalogue_may_be_written_by_the_group_from_its_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite makes its file for its owner alone, whatever the umask; the command that ingests for hours gives no right
    to the group before its end."""
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    (home := tmp_path / "home").mkdir()
    home.chmod(0o2770)
    before = os.umask(0o007)
    try:
        stage_costs.add_stage_cost(engine := open_catalogue(home), COST, BY)
    finally:
        os.umask(before)
    kept = [file for file in home.iterdir() if file.name.startswith("catalogue.sqlite")]
    assert {file.name: file.stat().st_mode & 0o777 for file in kept} == {file.name: 0o660 for file in kept}
    assert {"catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"} <= {file.name for file in kept}
    engine.dispose()


def test_a_file_put_in_the_catalogues_place_is_the_one_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    engine, other = open_catalogue(tmp_path / "home"), open_catalogue(tmp_path / "other")
    stage_costs.add_stage_cost(other, COST, BY)
    other.dispose()
    assert stored(engine) == 0
    for rest in (tmp_path / "home").glob("catalogue.sqlite-*"):
        rest.unlink()
    (tmp_path / "other" / "catalogue.sqlite").replace(tmp_path / "home" / "catalogue.sqlite")
    with pytest.raises(CatalogueError, match="replaced"):  # what this command read before is not what is there now
        stage_costs.add_stage_cost(engine, COST, BY)
    assert stored(open_catalogue(tmp_path / "home")) == 1
    stage_costs.add_stage_cost(open_catalogue(tmp_path / "home"), COST, BY)
    assert stored(open_catalogue(tmp_path / "home")) == 2


def test_a_deleted_file_is_made_anew_on_opening_and_never_written_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    engine = open_catalogue(tmp_path / "home")
    stage_costs.add_stage_cost(engine, COST, BY)
    shutil.rmtree(tmp_path / "home")
    with pytest.raises(CatalogueError, match="deleted, moved or replaced"):
        stage_costs.add_stage_cost(engine, COST, BY)
    with pytest.raises(CatalogueError, match="no catalogue there"):
        open_catalogue(tmp_path / "home", existing=True)
    assert stored(open_catalogue(tmp_path / "home")) == 0
    stage_costs.add_stage_cost(engine, COST, BY)
    assert stored(open_catalogue(tmp_path / "home")) == 1


def test_more_threads_than_kept_connections_read_at_once(home: Path) -> None:
    engine, found = open_catalogue(home), []
    everyone = threading.Barrier(24)

    def read() -> None:
        with reading(open_catalogue(home)) as connection:
            everyone.wait(60)
            found.append(connection.exec_driver_sql("SELECT count(*) FROM stage_cost").scalar())

    threads = [threading.Thread(target=read) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0] * 24
    engine.dispose()


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_child_process_writes_beside_its_parent(home: Path, method: str) -> None:
    engine = open_catalogue(home)
    stage_costs.add_stage_cost(engine, COST, BY)
    child = multiprocessing.get_context(method).Process(
        target=_write, args=(home, os.environ.get("WRIST_DATABASE_URL"))
    )
    with reading(engine) as connection:  # a connection in use across the fork
        assert connection.exec_driver_sql("SELECT count(*) FROM stage_cost").scalar() == 1
        child.start()
        child.join(120)
        assert child.exitcode == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM stage_cost").scalar() == 1
    stage_costs.add_stage_cost(engine, COST, BY)
    assert stored(engine) == 3
    engine.dispose()


def _write(home: Path, url: str | None) -> None:
    if url is not None:
        os.environ["WRIST_DATABASE_URL"] = url
    stage_costs.add_stage_cost(open_catalogue(home), COST, BY)
    os._exit(0)  # without the exit handlers of what other tests have loaded into a forked process
