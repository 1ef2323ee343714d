"""`wrist up` as a real process: UI, deployments, a worker that runs what is asked and what the clock says."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from prefect_fixtures import WRIST, Up, radiographs, wait


def console(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return subprocess.run(
        [WRIST, *words],
        env={**environment, "WRIST_HOME": str(home), **more},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def catalogue(home: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"file:{home / 'catalogue.sqlite'}?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


def test_up_serves_a_page_and_says_what_runs_when(wrist_up: Up) -> None:
    with urllib.request.urlopen(wrist_up.url.removesuffix("/api")) as reply:  # noqa: S310 (our own server)
        assert b"<html" in reply.read().lower()
    told = "\n".join(wrist_up.first_lines)
    assert wrist_up.url.removesuffix("/api") in told
    assert "ingest/nightly" in told and "retrain/weekly" in told and "UTC" in told


def test_a_run_asked_for_is_carried_out_by_the_worker(wrist_up: Up) -> None:
    deployment = wrist_up.deployment("nightly")
    run = wrist_up.ask(f"/deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    ended = wrist_up.ended(run["id"])
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    rows = catalogue(wrist_up.home, "select n_seen, status, prefect_flow_run_id from ingest_runs")
    assert (6, "finished", run["id"]) in rows


def test_a_weekly_schedule_fires_when_its_time_comes(wrist_up: Up) -> None:
    deployment = wrist_up.deployment("nightly")
    first = datetime.now(UTC) + timedelta(seconds=14)
    weekly = {"interval": 7 * 86400, "anchor_date": first.isoformat(), "timezone": "Europe/Paris"}
    wrist_up.ask(f"/deployments/{deployment['id']}/schedules", [{"active": True, "schedule": weekly}])  # type: ignore[arg-type]

    def fired() -> str | None:
        found = wrist_up.ask(
            "/flow_runs/filter",
            {
                "flow_runs": {"expected_start_time": {"before_": (first + timedelta(seconds=30)).isoformat()}},
                "deployments": {"id": {"any_": [deployment["id"]]}},
                "sort": "EXPECTED_START_TIME_DESC",
            },
        )
        return next((row["id"] for row in found if row["auto_scheduled"]), None)

    run = wait(fired, 40)
    ended = wrist_up.ended(run)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert catalogue(wrist_up.home, f"select count(*) from ingest_runs where prefect_flow_run_id = '{run}'") == [(1,)]


def test_a_console_run_shows_in_the_same_history(wrist_up: Up, tmp_path: Path) -> None:
    manifest = radiographs(tmp_path / "more", 2)
    done = console(wrist_up.home, "ingest", str(manifest), "--body-part", "ANY", "--json")
    assert done.returncode == 0, done.stderr
    assert "starting one" not in done.stderr
    assert json.loads(done.stdout)["new"] == 2
    ids = catalogue(wrist_up.home, "select prefect_flow_run_id from ingest_runs order by started_at desc limit 1")
    run = wrist_up.ask(f"/flow_runs/{ids[0][0]}")
    assert (run["state_type"], run["deployment_id"]) == ("COMPLETED", None)


def test_a_port_in_use_is_one_clear_line(wrist_up: Up, tmp_path: Path) -> None:
    port = wrist_up.url.removesuffix("/api").rpartition(":")[2]
    done = console(tmp_path, "up", "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Port {port}" in done.stderr and "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_process_writes_into_the_users_own_folder(wrist_up: Up) -> None:
    ours = psutil.Process(wrist_up.process.pid).children(recursive=True)
    held = {Path(file.path) for one in ours for file in one.open_files()}
    assert not [path for path in held if ".prefect" in path.parts]
    assert (wrist_up.home / "prefect" / "prefect.db").exists()
