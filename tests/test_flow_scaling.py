"""Past one machine, on engines that exist: PostgreSQL for the catalogue, two workers, two retrains, a Dask cluster.

The PostgreSQL that tests start has no pg_trgm, which Prefect's own schema needs: its server stays on SQLite here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import yaml
from prefect_fixtures import WRIST, radiographs, wait

from flows.server import ask, free_port

ROOT = Path(__file__).parent.parent


def test_the_compose_file_names_what_the_guide_says() -> None:
    services = yaml.safe_load((ROOT / "docs" / "compose" / "compose.yaml").read_text())["services"]
    assert set(services) == {"postgres", "server", "deploy", "worker"}
    assert services["worker"]["deploy"]["replicas"] == 2
    assert "postgresql+psycopg" in services["worker"]["environment"]["WRIST_DATABASE_URL"]


@pytest.mark.soak
def test_two_workers_on_postgresql_run_one_retrain_at_a_time(tmp_path: Path, new_database: Callable[[], str]) -> None:
    """Both retrains find nothing to train on (unlabelled pictures) and fail in order: what counts is that they take
    turns, while ingests of the two workers run at once into one PostgreSQL catalogue."""
    catalogue = new_database()
    home, port = tmp_path / "home", free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    environment |= {
        "WRIST_HOME": str(home),
        "WRIST_DATABASE_URL": catalogue,
    }
    home.mkdir()
    one, two = radiographs(tmp_path / "one", 1000), radiographs(tmp_path / "two", 1000)
    up = subprocess.Popen(
        [WRIST, "up", "--port", str(port), "--workers", "2"],
        env=environment,
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
        named = {row["name"]: row["id"] for row in ask(url, "/deployments/filter", {})}
        runs = [
            ask(url, f"/deployments/{named['retrain']}/create_flow_run", {"parameters": {"paths": [str(path)]}})["id"]
            for path in (one, two)
        ]
        body_part = {"body_part": "ANY"}
        for path in (one, two):
            parameters = {"paths": [str(path)], **body_part}
            runs.append(
                ask(url, f"/deployments/{named['score_incoming']}/create_flow_run", {"parameters": parameters})["id"]
            )
        seen_together = 0

        def over() -> bool:
            nonlocal seen_together
            states = [ask(url, f"/flow_runs/{run}")["state_type"] for run in runs]
            seen_together = max(seen_together, states[:2].count("RUNNING"))
            return all(state in ("COMPLETED", "FAILED") for state in states)

        wait(over, 240)
        assert seen_together == 1
        environment["PREFECT_API_URL"] = url
        for path in (one, two):
            done = subprocess.run(
                [WRIST, "ingest", str(path), "--body-part", "ANY", "--source", path.parent.name],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        with psycopg.connect(catalogue.replace("+psycopg", "")) as connection:
            count = connection.execute("select count(*), count(distinct image_uid) from images").fetchone()
        assert count == (2000, 2000)
    finally:
        up.send_signal(2)
        up.wait(60)


@pytest.mark.soak
def test_a_dask_cluster_of_two_catalogues_the_same_as_one_process(tmp_path: Path) -> None:
    manifest = radiographs(tmp_path / "pictures", 2000)
    (tmp_path / "homes").mkdir()
    python, port = sys.executable, free_port()
    base = [
        python,
        "-m",
        "distributed.cli.dask_scheduler",
        "--port",
        str(port),
        "--no-dashboard",
        "--host",
        "127.0.0.1",
    ]
    worker = [
        python,
        "-m",
        "distributed.cli.dask_worker",
        f"tcp://127.0.0.1:{port}",
        "--nthreads",
        "1",
        "--no-dashboard",
    ]
    processes = [subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL) for words in (base, worker, worker)]
    try:
        found = []
        for name, more in (("alone", []), ("cluster", ["--cluster", f"tcp://127.0.0.1:{port}"])):
            home = tmp_path / "homes" / name
            home.mkdir()
            if name == "cluster":
                (home / "identity.key").write_bytes((tmp_path / "homes" / "alone" / "identity.key").read_bytes())
                (home / "identity.key").chmod(0o600)
            environment = {n: v for n, v in os.environ.items() if not n.startswith("PREFECT")} | {
                "WRIST_HOME": str(home)
            }
            done = subprocess.run(
                [WRIST, "ingest", str(manifest), "--body-part", "ANY", *more],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            sql = "select image_uid, study_uid, patient_key, pixel_sha256, split, label from images order by image_uid"
            shown = subprocess.run(
                [WRIST, "sql", sql, "--json"], env=environment, capture_output=True, text=True, check=True
            )
            found.append(shown.stdout)
        assert found[0] == found[1] and found[0].count("image_uid") == 2000
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
