"""After kill -9 of anything, at any moment: the catalogue tells the truth, nothing is doubled, the schedule goes on."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect_fixtures import WRIST, ask, offers, radiographs, wait

from db import ingest_runs
from db.engine import open_catalogue
from db.unended_runs import resource, unended
from tasks.runtime.lease import kept, recover
from tasks.sources_toml import Root, remember
from wrist_model.errors import CatalogueError
from wrist_model.records import IngestCounts, Provenance

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
    run = ingest_runs.begin_ingest(engine, "somewhere", BY)
    with kept(engine, resource("ingest", run)):
        assert recover(engine) == []
        assert rows(here, "select status from ingest_runs") == [("running",)]
        ingest_runs.finish_ingest(engine, run, IngestCounts(), 1.0)
    assert rows(here, "select status from ingest_runs") == [("finished",)]


def test_a_run_whose_process_is_gone_is_failed_with_that_reason_and_once(here: Path) -> None:
    engine = open_catalogue(here)
    code = (
        "from db import ingest_runs; from db.engine import open_catalogue; from wrist_model.records import Provenance; "
        "print(ingest_runs.begin_ingest(open_catalogue(), 'somewhere', Provenance('test')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    found = recover(engine)
    assert [one.run_id for one in found] == [run]
    assert "ended from outside" in found[0].reason
    assert recover(engine) == []
    assert rows(here, "select status from ingest_runs") == [("failed",)]


def test_a_run_elsewhere_is_given_time_before_it_counts_as_gone(here: Path) -> None:
    engine = open_catalogue(here)
    run = ingest_runs.begin_ingest(engine, "somewhere", BY)
    with sqlite3.connect(here / "catalogue.sqlite") as connection:
        connection.execute("update lease set host = 'another', pid_namespace = 'another'")
    assert recover(engine) == []
    with sqlite3.connect(here / "catalogue.sqlite") as connection:
        connection.execute("update lease set renewed = renewed - 200")
    assert [one.run_id for one in recover(engine)] == [run]


def test_a_run_that_its_process_left_without_an_end_gets_one(here: Path) -> None:
    engine = open_catalogue(here)
    with pytest.raises(KeyboardInterrupt), kept(engine, resource("ingest", ingest_runs.begin_ingest(engine, "s", BY))):
        raise KeyboardInterrupt
    assert "without an end" in recover(engine)[0].reason


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
@pytest.mark.parametrize("kind", ["flow", "worker", "server", "everything"])
def test_under_up_a_kill_at_any_moment_is_put_right_within_two_minutes(tmp_path: Path, kind: str) -> None:
    """Eight kills each of the flow's process, the worker, the server, and of all at once with `wrist up` itself."""
    from flows.host.server import free_port

    draw = random.Random(kind)
    house = _House(tmp_path, free_port())
    try:
        for number in range(8):
            seconds = house.killed_and_mended(kind, draw.uniform(0, 11), number)
            print(f"{kind} {number}: right after {seconds:.0f} s", flush=True)
        house.schedule_fires()
    finally:
        house.close()


RECIPE = """
[network]
architectures = ["efficientnetb0"]
weights = "none"
image_size = 32
batch_norm = "training"
[training]
mode = "online"
epochs = 4
batch_size = 16
[evaluation]
resamples = 100
serve = "efficientnetb0"
[explain]
gallery = 2
"""


@pytest.mark.soak
def test_under_up_a_retrain_killed_four_times_does_nothing_twice(tmp_path: Path) -> None:
    from flows.host.server import free_port

    draw = random.Random(4)
    house = _House(tmp_path, free_port())
    recipe, manifest = house.recipe.with_name("tiny.toml"), radiographs(tmp_path / "pictures", 90)
    recipe.write_text(RECIPE)
    remember(house.home, Root(str(manifest), body_part="ANY"))
    asked = {"paths": [str(manifest)], "body_part": "ANY", "recipe": str(recipe)}
    found = house.ask("/deployments/filter", {"deployments": {"name": {"any_": ["retrain"]}}})
    path = f"/deployments/{found[0]['id']}/create_flow_run"
    wait(lambda: offers(house.ask(f"/deployments/{found[0]['id']}"), recipe), 60)
    try:
        for kind in ("flow", "everything", "worker", "flow"):
            run = house.ask(path, {"parameters": asked})["id"]
            wait(lambda run=run: house.ask(f"/flow_runs/{run}")["state_type"] == "RUNNING", 120)
            time.sleep(draw.uniform(5, 45))
            house.kill(kind, run)
            began = time.monotonic()
            wait(lambda run=run: house.settled(run), 120 if kind != "worker" else 400)
            epochs = rows(house.home, "select count(*) from training_history")
            print(f"retrain, {kind}: right after {time.monotonic() - began:.0f} s, {epochs[0][0]} epochs", flush=True)
        last = house.ask(path, {"parameters": asked})["id"]
        assert wait(lambda: _over(house.ask(f"/flow_runs/{last}")), 400) == "COMPLETED"
        assert rows(house.home, "select status, epochs_run from training_runs") == [("finished", 4)]
        assert rows(house.home, "select count(*), count(distinct epoch) from training_history") == [(4, 4)]
        assert rows(house.home, "select count(*) from dataset_versions") == [(1,)]
        assert rows(house.home, "select decision from promotions") == [("promoted",)]
        twice = "select 1 from image_predictions group by evaluation_id, image_uid having count(*) > 1"
        assert rows(house.home, twice) == []
    finally:
        house.close()


class _House:
    """A home with `wrist up`; each round brings new pictures and kills something while they are catalogued."""

    def __init__(self, base: Path, port: int) -> None:
        self.base, self.home, self.port, self.files = base, base / "home", port, 0
        self.url = f"http://127.0.0.1:{port}/api"
        self.recipe = self.home / "recipes" / "calm.toml"  # so many new labels start no retrain in between
        self.recipe.parent.mkdir(parents=True)
        self.recipe.write_text("[drift]\nnew_labelled_studies = 1000000\n")
        self.process = _up(self.home, port)
        found = self.ask("/deployments/filter", {"deployments": {"name": {"any_": ["ingest"]}}})
        self.deployment = f"/deployments/{found[0]['id']}"

    def ask(self, path: str, body: object = None) -> Any:
        return ask(self.url, path, body, self.home)

    def killed_and_mended(self, kind: str, moment: float, number: int) -> float:
        """Seconds from the kill (or the restart) until every status is right and the next run may begin."""
        manifest = radiographs(self.base / f"pictures {number}", 300)
        remember(self.home, Root(str(manifest), source=f"s{number}", body_part="ANY"))
        self.files += 300
        run = self.ask(f"{self.deployment}/create_flow_run", {"parameters": {"jobs": 1, "recipe": str(self.recipe)}})[
            "id"
        ]
        time.sleep(moment)
        self.kill(kind, run)
        began = time.monotonic()
        wait(lambda: self.settled(run), 120)
        seconds = time.monotonic() - began
        before = rows(self.home, "select count(*) from images")
        again = self.ask(f"{self.deployment}/create_flow_run", {"parameters": {"recipe": str(self.recipe)}})["id"]
        state = wait(lambda: _over(self.ask(f"/flow_runs/{again}")), 120)
        assert state == "COMPLETED"
        assert rows(self.home, "select count(*), count(distinct image_uid) from images") == [(self.files, self.files)]
        new = f"select sum(n_new), sum(n_unchanged) from ingest_runs where prefect_flow_run_id = '{again}'"
        assert rows(self.home, new) == [(self.files - int(str(before[0][0])), before[0][0])]  # nothing is done again
        return seconds

    def kill(self, kind: str, run: str) -> None:
        if kind == "flow":
            victims = [process for process in psutil.process_iter() if _works_on(process, run)]
        elif kind == "server":
            victims = servers(self.home)
        else:
            below = psutil.Process(self.process.pid).children(recursive=True)
            victims = [one for one in below if kind == "everything" or "worker" in one.cmdline()]
            victims += [psutil.Process(self.process.pid), *servers(self.home)] if kind == "everything" else []
        for victim in victims:
            try:
                victim.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        if kind == "everything":
            self.process.communicate()
            self.process = _up(self.home, self.port)

    def settled(self, run: str) -> str | None:
        """How the run ended, once nothing is left under way, in Prefect or in the catalogue."""
        from flows.host.crash_recovery import UNDER_WAY

        try:
            state = _over(self.ask(f"/flow_runs/{run}"))
            if state is None or self.ask("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": UNDER_WAY}}}}):
                return None
        except CatalogueError:  # the server is away
            return None
        status = f"select status from ingest_runs where prefect_flow_run_id = '{run}'"
        assert state in ("COMPLETED", "CRASHED", "FAILED")
        if unended(open_catalogue(self.home)):
            return None
        found = {one for (one,) in rows(self.home, status)}
        return state if state != "COMPLETED" or found <= {"finished"} else None

    def schedule_fires(self) -> None:
        """A weekly schedule whose time comes in a quarter of a minute makes a run that ends well."""
        first = datetime.now(UTC) + timedelta(seconds=15)
        weekly = {"interval": 7 * 86400, "anchor_date": first.isoformat(), "timezone": "Europe/Paris"}
        self.ask(f"{self.deployment}/schedules", [{"active": True, "schedule": weekly}])
        due = {"expected_start_time": {"before_": (first + timedelta(seconds=5)).isoformat()}}
        due |= {"state": {"type": {"any_": ["COMPLETED"]}}, "deployment_id": {"any_": [self.deployment[13:]]}}
        wanted = {"flow_runs": due, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        wait(lambda: any(run["auto_scheduled"] for run in self.ask("/flow_runs/filter", wanted)), 120)

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)


def _over(run: dict[str, Any]) -> str | None:
    return run["state_type"] if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None


def _works_on(process: psutil.Process, run: str) -> bool:
    try:
        return process.environ().get("PREFECT__FLOW_RUN_ID") == run
    except (psutil.Error, OSError):
        return False


def _up(home: Path, port: int) -> subprocess.Popen[str]:
    process = start(home, "up", "--port", str(port))
    assert process.stdout is not None
    assert any(line.startswith("Runs go on") for line in process.stdout)
    return process
