"""After kill -9 of anything, at any moment: the catalogue tells the truth, nothing is doubled, the schedule goes on."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from prefect_fixtures import WRIST, radiographs, wait

from db import catalogue, operations
from db.engine import open_catalogue
from tasks.alive import alive, recover
from wrist_model.records import Provenance

BY = Provenance("test")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("WRIST_HOME", str(home))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    return home


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"file:{home / 'catalogue.sqlite'}?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_living_run_is_left_alone_however_long_it_takes(here: Path) -> None:
    engine = open_catalogue(here)
    run = catalogue.begin_ingest(engine, "somewhere", BY)
    with alive(run):
        assert recover(engine) == []
    assert rows(here, "select status from ingest_runs") == [("running",)]


def test_a_run_whose_process_is_gone_is_failed_with_that_reason_and_once(here: Path) -> None:
    engine = open_catalogue(here)
    run = catalogue.begin_ingest(engine, "somewhere", BY)
    gone = subprocess.Popen(["true"])
    gone.wait()
    operations.beat(engine, run)
    with sqlite3.connect(here / "catalogue.sqlite") as connection:
        connection.execute("update heartbeat set pid = ?", (gone.pid,))
    found = recover(engine)
    assert [one.run_id for one in found] == [run]
    assert "ended from outside" in found[0].reason
    assert recover(engine) == []
    assert rows(here, "select status from ingest_runs") == [("failed",)]


def test_a_run_elsewhere_is_given_time_before_it_counts_as_gone(here: Path) -> None:
    engine = open_catalogue(here)
    run = catalogue.begin_ingest(engine, "somewhere", BY)
    operations.beat(engine, run)
    with sqlite3.connect(here / "catalogue.sqlite") as connection:
        connection.execute("update heartbeat set host = 'another-machine'")
    assert recover(engine) == []
    old = (datetime.now(UTC) - timedelta(seconds=200)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with sqlite3.connect(here / "catalogue.sqlite") as connection:
        connection.execute("update heartbeat set at = ?", (old,))
    assert [one.run_id for one in recover(engine)] == [run]


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return subprocess.Popen(
        [WRIST, *words],
        env={**environment, "WRIST_HOME": str(home)},
        cwd=home.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def servers(home: Path) -> list[psutil.Process]:
    """The server processes of this home: their command names its lock."""
    lock, found = str(home / "prefect" / "users.lock"), []
    for process in psutil.process_iter():
        try:
            if lock in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def campaign(base: Path, kills: int, seed: int) -> None:
    """Kill an ingest's own process, or with it its server, at random moments; then let it finish and look."""
    draw = random.Random(seed)
    home = base / "home"
    home.mkdir(parents=True)
    manifest = radiographs(base / "pictures", 150)
    for _ in range(kills):
        process = start(home, "ingest", str(manifest), "--body-part", "ANY", "--jobs", "1")
        time.sleep(draw.uniform(0.5, 14))
        victims = [psutil.Process(process.pid)] if psutil.pid_exists(process.pid) else []
        if draw.random() < 0.5:
            victims += servers(home)
        for victim in victims:
            try:
                victim.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        process.communicate()
    done = start(home, "ingest", str(manifest), "--body-part", "ANY", "--json")
    out, said = done.communicate()
    assert done.returncode == 0, said
    recover(open_catalogue(home))
    assert rows(home, "select count(*), count(distinct image_uid) from images") == [(150, 150)]
    assert rows(home, "select count(*) from studies") == [(150,)]
    statuses = {status for (status,) in rows(home, "select status from ingest_runs")}
    assert "running" not in statuses and "finished" in statuses
    verified = start(home, "verify")
    out, said = verified.communicate()
    assert verified.returncode == 0, out + said
    wait(lambda: not servers(home), 40)  # none is left behind


def test_three_kills_of_an_ingest_leave_a_whole_catalogue(tmp_path: Path) -> None:
    campaign(tmp_path, kills=3, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
def test_kills_at_random_moments_leave_a_whole_catalogue(tmp_path: Path, seed: int) -> None:
    campaign(tmp_path, kills=6, seed=100 + seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
def test_after_a_power_cut_up_ends_every_run_within_two_minutes(tmp_path: Path, seed: int) -> None:
    """`wrist up`, server, worker and the flow's process are killed at once; a new `wrist up` puts things right."""
    from flows.server import ask, free_port
    from tasks.roots import Root, remember

    draw = random.Random(seed)
    home, port = tmp_path / "home", free_port()
    home.mkdir()
    remember(home, Root(str(radiographs(tmp_path / "pictures", 400)), body_part="ANY"))
    url = f"http://127.0.0.1:{port}/api"
    first = _up(home, port)
    deployment = ask(url, "/deployments/filter", {"deployments": {"name": {"any_": ["ingest"]}}})[0]
    run = ask(url, f"/deployments/{deployment['id']}/create_flow_run", {"parameters": {"jobs": 1}})["id"]
    wait(lambda: ask(url, f"/flow_runs/{run}")["state_type"] == "RUNNING", 60)
    time.sleep(draw.uniform(0, 3))
    for victim in [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.pid)]:
        victim.send_signal(signal.SIGKILL)
    first.communicate()
    second = _up(home, port)
    began = time.monotonic()
    try:
        wait(lambda: ask(url, f"/flow_runs/{run}")["state_type"] in ("CRASHED", "COMPLETED", "FAILED"), 120)
        wait(lambda: not rows(home, "select 1 from ingest_runs where status = 'running'"), 120)
        assert time.monotonic() - began < 120
        again = ask(url, f"/deployments/{deployment['id']}/create_flow_run", {})["id"]
        wait(lambda: ask(url, f"/flow_runs/{again}")["state_type"] == "COMPLETED", 90)
        assert rows(home, "select count(*), count(distinct image_uid) from images") == [(400, 400)]
    finally:
        second.send_signal(signal.SIGINT)
        second.communicate(timeout=60)


def _up(home: Path, port: int) -> subprocess.Popen[str]:
    process = start(home, "up", "--port", str(port))
    assert process.stdout is not None
    assert any(line.startswith("Runs go on") for line in process.stdout)
    return process
