"""Past one machine, on engines that exist: PostgreSQL for the catalogue and for Prefect, two workers, a Dask cluster.

The PostgreSQL that tests bring with them has no pg_trgm, which Prefect's own schema needs; the system's has it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg
import pytest
import yaml
from PIL import Image
from prefect_fixtures import WRIST, ask, radiographs, wait
from whole_fixtures import Whole

from flows.host.environment import environment
from flows.host.prefect_api import answers
from flows.host.server import free_port
from tasks.sources_toml import Root, remember

ROOT = Path(__file__).parent.parent


def test_the_compose_file_names_what_the_guide_says() -> None:
    services = yaml.safe_load((ROOT / "docs" / "compose" / "compose.yaml").read_text())["services"]
    assert set(services) == {"postgres", "server", "deploy", "worker"}
    assert services["worker"]["deploy"]["replicas"] == 2
    assert "postgresql+psycopg" in services["worker"]["environment"]["WRIST_DATABASE_URL"]


POOL = ("work-pool", "create", "wrist", "--type", "process", "--base-job-template", "work-pool.json")


def most_at_once(url: str, manifests: Sequence[Path]) -> int:
    """Ask for a retrain and an ingest of each manifest; how many of the retrains were seen under way together."""
    named = {row["name"]: row["id"] for row in ask(url, "/deployments/filter", {})}
    runs = []
    for name, more in (("retrain", {}), ("ingest", {"body_part": "ANY"})):
        for path in manifests:
            asked = {"parameters": {"paths": [str(path)], "source": path.parent.name, **more}}
            runs.append(ask(url, f"/deployments/{named[name]}/create_flow_run", asked)["id"])
    seen = 0

    def over() -> bool:
        nonlocal seen
        states = [ask(url, f"/flow_runs/{run}")["state_type"] for run in runs]
        seen = max(seen, sum(state in ("PENDING", "RUNNING") for state in states[:2]))
        return all(state in ("COMPLETED", "FAILED") for state in states)

    wait(over, 240)
    return seen


@pytest.mark.soak
def test_two_workers_on_postgresql_run_one_retrain_at_a_time(tmp_path: Path, new_database: Callable[[], str]) -> None:
    """Both retrains find nothing to train on (unlabelled pictures) and fail in order: what counts is that they take
    turns, while ingests of the two workers run at once into one PostgreSQL catalogue."""
    catalogue = new_database()
    home, port = tmp_path / "home", free_port()
    url = f"http://127.0.0.1:{port}/api"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    home.mkdir()
    one, two = radiographs(tmp_path / "one", 1000), radiographs(tmp_path / "two", 1000)
    up = subprocess.Popen(
        [WRIST, "up", "--port", str(port), "--workers", "2"],
        env=kept | {"WRIST_HOME": str(home), "WRIST_DATABASE_URL": catalogue},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert up.stdout is not None
        said = []
        for line in up.stdout:
            said.append(line)
            if line.startswith("Runs go on"):
                break
        assert said[-1].startswith("Runs go on"), "".join(said)
        assert most_at_once(url, [one, two]) == 1
        with psycopg.connect(catalogue.replace("+psycopg", "")) as connection:
            count = connection.execute("select count(*), count(distinct image_uid) from images").fetchone()
        assert count == (2000, 2000)
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)


@contextmanager
def dask(folder: Path) -> Iterator[str]:
    """A scheduler and two workers as processes; gives the scheduler's address."""
    port = free_port()
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", str(port), "--host", "127.0.0.1"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1"]
    words = ([*part, "--no-dashboard"] for part in (scheduler, worker, worker))
    processes = [subprocess.Popen(part, cwd=folder, stderr=subprocess.DEVNULL) for part in words]
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def wrist(home: Path, *words: str) -> str:
    """What a command prints on this home, with a server of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    done = subprocess.run(
        [WRIST, *words],
        env={**kept, "WRIST_HOME": str(home)},
        cwd=home.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.soak
def test_a_dask_cluster_of_two_catalogues_the_same_as_one_process(tmp_path: Path) -> None:
    manifest = radiographs(tmp_path / "pictures", 2000)
    homes = [tmp_path / "homes" / name for name in ("alone", "cluster")]
    sql = "select image_uid, study_uid, patient_key, pixel_sha256, split, label from images order by image_uid"
    found = []
    with dask(tmp_path) as address:
        for home, more in zip(homes, ([], ["--cluster", address]), strict=True):
            home.mkdir(parents=True)
            if more:
                shutil.copy2(homes[0] / "identity.key", home)
            wrist(home, "ingest", str(manifest), "--body-part", "ANY", *more)
            found.append(wrist(home, "sql", sql, "--json"))
    assert found[0] == found[1] and found[0].count("image_uid") == 2000


@pytest.mark.soak
def test_a_dask_cluster_of_two_scores_as_one_process_does(whole: Whole, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    random = np.random.default_rng(8)
    for number in range(1100):  # three chunks, the last of them not full
        Image.fromarray(random.integers(0, 200, (40, 36), dtype=np.uint8)).save(folder / f"{number}.png")
    sql = "select study_uid, raw_probability, probability, predicted_label from study_predictions "
    sql += "where purpose = 'prospective' order by study_uid"
    found = []
    with dask(tmp_path) as address:
        for name, more in (("alone", []), ("cluster", ["--cluster", address])):
            home = tmp_path / "homes" / name
            shutil.copytree(whole.home, home, ignore=shutil.ignore_patterns("prefect"))
            wrist(home, "predict", str(folder), "--body-part", "ANY", *more)
            found.append(json.loads(wrist(home, "sql", sql, "--json")))
    assert len(found[0]) == 1100
    assert found[0] == found[1]


SYSTEM_POSTGRESQL = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
"""Debian's, which has the extension pg_trgm that Prefect's schema needs; where there is none, this test isn't made."""

if SYSTEM_POSTGRESQL:

    @pytest.fixture
    def prefects_postgresql() -> Iterator[int]:
        """The port of a system PostgreSQL with an empty database `prefect`; user wrist, no password."""
        folder, port = Path(tempfile.mkdtemp(prefix="wrist-pg-")), free_port()
        as_user: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root
            shutil.chown(folder, "postgres")
            as_user = ["runuser", "-u", "postgres", "--"]
        program = str(SYSTEM_POSTGRESQL.parent / "pg_ctl")
        words = [*as_user, program, "-D", str(folder / "data"), "-s", "-w"]
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        subprocess.run([*words, "-o", "-U wrist -A trust", "initdb"], cwd=folder, check=True, capture_output=True)
        subprocess.run([*words, "-o", settings, "-l", str(folder / "log"), "start"], cwd=folder, check=True)
        try:
            with psycopg.connect(f"postgresql://wrist@127.0.0.1:{port}/postgres", autocommit=True) as connection:
                connection.execute("create database prefect")
            yield port
        finally:
            subprocess.run([*words, "-m", "immediate", "stop"], cwd=folder, check=True)
            shutil.rmtree(folder)

    @pytest.mark.soak
    def test_a_server_on_postgresql_and_two_workers_started_by_hand_take_turns(
        tmp_path: Path, new_database: Callable[[], str], prefects_postgresql: int
    ) -> None:
        """As docs/scaling.md says. The retrains find nothing to train on and fail in order; the ingests count."""
        home, port = tmp_path / "home", free_port()
        (home / "prefect").mkdir(parents=True)
        url = f"http://127.0.0.1:{port}/api"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
        here = {**kept, **environment(home), "WRIST_DATABASE_URL": new_database(), "PREFECT_API_URL": url}
        database = f"postgresql+asyncpg://wrist@127.0.0.1:{prefects_postgresql}/prefect"
        prefect = str(Path(WRIST).parent / "prefect")

        def start(name: str, *words: str, **more: str) -> subprocess.Popen[bytes]:
            with (tmp_path / f"{name}.log").open("wb") as sink:
                return subprocess.Popen([prefect, *words], env=here | more, cwd=tmp_path, stdout=sink, stderr=sink)

        words = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
        processes = [start("server", *words, PREFECT_SERVER_DATABASE_CONNECTION_URL=database)]
        try:
            wait(lambda: answers(url, 1), 120)
            for words in (POOL, ("--no-prompt", "deploy", "--all")):
                subprocess.run([prefect, *words], env=here, cwd=ROOT, check=True, capture_output=True)
            worker = ("worker", "start", "--pool", "wrist", "--type", "process", "--name")
            processes += [start(name, *worker, name) for name in ("one", "two")]
            manifests = [radiographs(tmp_path / f"pictures-{name}", 300) for name in ("one", "two")]
            for manifest in manifests:
                remember(home, Root(str(manifest)))
            assert most_at_once(url, manifests) == 1
            with psycopg.connect(here["WRIST_DATABASE_URL"].replace("+psycopg", "")) as connection:
                count = connection.execute("select count(*), count(distinct image_uid) from images").fetchone()
            assert count == (600, 600)
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()
