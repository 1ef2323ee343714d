"""`wrist up` as a real process: UI, deployments, a worker that runs what is asked and what the clock says."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from lease_holder import hold
from prefect_fixtures import WRIST, Up, radiographs, wait

from flows.console import up_command
from flows.host import password
from flows.host.prefect_api import answers
from flows.host.server import living
from tasks import sources_toml


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


def test_a_server_too_busy_to_tell_the_schedule_does_not_end_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        nowhere = f"http://127.0.0.1:{busy.getsockname()[1]}/api"
    up_command._tell(tmp_path, nowhere)
    out = capsys.readouterr().out
    assert "Could not read the schedule just now" in out and "Runs go on while this command does" in out


def test_the_password_goes_to_no_log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = password.load_or_make(tmp_path)
    with (tmp_path / "up.log").open("w") as log:
        monkeypatch.setattr(sys, "stdout", log)
        up_command._tell(tmp_path, "http://127.0.0.1:9/api")
    said = (tmp_path / "up.log").read_text()
    assert secret not in said and "Password: in " in said and not password.is_told(tmp_path)


def test_up_serves_a_page_and_says_what_runs_when(wrist_up: Up) -> None:
    page = wrist_up.url.removesuffix("/api")
    own_server = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands before 127.0.0.1
    asked = urllib.request.Request(page, headers={"Accept": "text/html"})  # noqa: S310 (our own server)
    with own_server.open(asked) as reply:
        assert "/sign-in?next=" in reply.url and b'type="password"' in reply.read()
    secret = base64.b64encode(password.load_or_make(wrist_up.home).encode()).decode()
    asked.add_header("Authorization", f"Basic {secret}")
    with own_server.open(asked) as reply:
        assert reply.url.rstrip("/") == page and b"prefect" in reply.read().lower()
    told = "\n".join(wrist_up.first_lines)
    assert wrist_up.url.removesuffix("/api") in told
    for name in ("ingest", "retrain", "score_incoming", "verify", "watch_drift", "tune"):
        assert f"{name}/{name}" in told
    assert "verify/verify_new" in told
    assert "UTC" in told


def test_a_run_asked_for_is_carried_out_by_the_worker(wrist_up: Up) -> None:
    deployment = wrist_up.deployment("ingest")
    run = wrist_up.ask(f"/deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    ended = wrist_up.ended(run["id"])
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    rows = catalogue(wrist_up.home, "select n_seen, status, prefect_flow_run_id from ingest_runs")
    assert (6, "finished", run["id"]) in rows


def test_a_weekly_schedule_fires_when_its_time_comes(wrist_up: Up) -> None:
    deployment = wrist_up.deployment("ingest")
    first = datetime.now(UTC) + timedelta(seconds=14)
    weekly = {"interval": 7 * 86400, "anchor_date": first.isoformat(), "timezone": "Europe/Paris"}
    wrist_up.ask(f"/deployments/{deployment['id']}/schedules", [{"active": True, "schedule": weekly}])

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

    run = wait(fired, 90)
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


def test_status_tells_what_runs_how_each_deployment_ended_and_when_it_runs_next(wrist_up: Up) -> None:
    verify = wrist_up.deployment("verify")
    mine = {"flow_id": verify["flow_id"], "deployment_id": verify["id"]}
    at_work = wrist_up.ask("/flow_runs/", {**mine, "name": "verify by hand", "state": {"type": "RUNNING"}})["id"]
    told = json.loads(console(wrist_up.home, "status", "--json").stdout)
    assert any(line.startswith("verify by hand") for line in told["under_way"])
    for row in told["scheduled"]:
        assert row["next"] is None or datetime.fromisoformat(row["next"]) > datetime.now(UTC)
    broken = {"type": "FAILED", "name": "Broken", "message": "row 7 differs"}
    wrist_up.ask(f"/flow_runs/{at_work}/set_state", {"state": broken, "force": True})
    asked = console(wrist_up.home, "status", "--check")
    assert asked.returncode == 1 and "verify ended as Broken" in asked.stdout and "row 7 differs" in asked.stdout
    assert f"/runs/flow-run/{at_work}" in asked.stdout and "`wrist verify`" in asked.stdout
    run = wrist_up.ask(f"/deployments/{verify['id']}/create_flow_run", {})["id"]
    assert wrist_up.ended(run, 180)["state_type"] == "COMPLETED"
    assert "Broken" not in console(wrist_up.home, "status", "--check").stdout


def test_a_proxy_is_not_asked_for_the_server_on_this_machine(wrist_up: Up, tmp_path: Path) -> None:
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
    scheduled = json.loads(console(wrist_up.home, "status", "--json", **proxies).stdout)["scheduled"]
    assert {"ingest/ingest", "verify/verify"} <= {row["name"] for row in scheduled}
    manifest = radiographs(tmp_path / "proxied", 2)
    done = console(wrist_up.home, "ingest", str(manifest), "--body-part", "ANY", **proxies)
    assert done.returncode == 0 and "starting one" not in done.stderr, done.stderr


def test_a_port_in_use_is_one_clear_line(wrist_up: Up, tmp_path: Path) -> None:
    port = wrist_up.url.removesuffix("/api").rpartition(":")[2]
    done = console(tmp_path, "up", "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Port {port}" in done.stderr and "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("seconds", [45, pytest.param(200, marks=pytest.mark.soak)])
def test_a_server_that_hangs_ends_nothing_and_answers_again(wrist_up: Up, seconds: int) -> None:
    """As kill -STOP or a locked database make it; after 90 s it is ended and started again, by that time."""
    found = living(wrist_up.home)
    assert found is not None
    os.kill(found[1], signal.SIGSTOP)
    try:
        time.sleep(seconds)
        assert wrist_up.process.poll() is None
        if seconds > 90:  # while it is stopped, which no signal but one ends
            assert wait(lambda: (again := living(wrist_up.home)) and again[1] != found[1], 60)
    finally:
        if psutil.pid_exists(found[1]):
            os.kill(found[1], signal.SIGCONT)
    assert wait(lambda: answers(wrist_up.url), 60)
    assert wrist_up.process.poll() is None and wrist_up.deployment("ingest")


def test_a_server_that_is_started_again_still_knows_which_runs_hold_a_place(wrist_up: Up) -> None:
    """A deployment runs once at a time by a lease of Prefect's; a run whose lease the server has forgotten is ended."""
    wrist_up.ask("/v2/concurrency_limits/", {"name": "one-place", "limit": 1})
    wanted = {"names": ["one-place"], "slots": 1, "mode": "concurrency", "lease_duration": 300}
    lease = wrist_up.ask("/v2/concurrency_limits/increment-with-lease", wanted)["lease_id"]
    before = living(wrist_up.home)
    assert before is not None
    os.kill(before[1], signal.SIGKILL)
    assert wait(lambda: (now := living(wrist_up.home)) and now[1] != before[1] and answers(wrist_up.url), 120)
    wrist_up.ask(f"/v2/concurrency_limits/leases/{lease}/renew", {"lease_duration": 300})  # 410 where it is not known


def test_no_process_writes_into_the_users_own_folder(wrist_up: Up) -> None:
    ours = psutil.Process(wrist_up.process.pid).children(recursive=True)
    held = {Path(file.path) for one in ours for file in one.open_files()}
    assert not [path for path in held if ".prefect" in path.parts]
    assert (wrist_up.home / "prefect" / "prefect.db").exists()


def test_enough_new_labels_start_a_retrain_by_the_declared_trigger(wrist_up: Up) -> None:
    recipe = wrist_up.recipe("few.toml", "[drift]\nnew_labelled_studies = 5\n")
    ingest, retrain = wrist_up.deployment("ingest")["id"], wrist_up.deployment("retrain")["id"]
    asked = wrist_up.ask(f"/deployments/{ingest}/create_flow_run", {"parameters": {"recipe": recipe}})["id"]
    assert wrist_up.ended(asked)["state_type"] == "COMPLETED"

    def started() -> str | None:
        by_it = {"deployment_id": {"any_": [retrain]}, "state": {"type": {"not_any_": ["SCHEDULED", "PENDING"]}}}
        found = wrist_up.ask("/flow_runs/filter", {"flow_runs": by_it})
        return next((run["id"] for run in found), None)

    run = wait(started, 90)
    found = wrist_up.ended(run)
    assert (found["created_by"]["type"], found["parameters"]["recipe"]) == ("AUTOMATION", "report")
    assert "split" in found["state"]["message"], found["state"]["message"]


def test_what_a_schedule_begins_is_written_as_done_by_the_schedule_and_what_a_person_begins_is_not(
    wrist_up: Up,
) -> None:
    ingest = wrist_up.deployment("ingest")["id"]
    nightly = {"deployment_id": {"any_": [ingest]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    asked = {"flow_runs": nightly, "sort": "EXPECTED_START_TIME_ASC"}
    runs = wait(lambda: wrist_up.ask("/flow_runs/filter", asked), 120)
    assert runs[0]["auto_scheduled"]
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": datetime.now(UTC).isoformat()}}
    wrist_up.ask(f"/flow_runs/{runs[0]['id']}/set_state", {"state": state, "force": True})
    by_hand = wrist_up.ask(f"/deployments/{ingest}/create_flow_run", {})["id"]
    for run, scheduled in ((runs[0]["id"], True), (by_hand, False)):
        assert wrist_up.ended(run, 300)["state_type"] == "COMPLETED"
        sql = f"select distinct actor = 'schedule' from audit_entry where prefect_flow_run_id = '{run}'"
        assert catalogue(wrist_up.home, sql) == [(int(scheduled),)]


def test_an_event_starts_the_scoring_of_what_has_come_in(wrist_up: Up) -> None:
    resource = {"prefect.resource.id": "wrist.incoming"}
    event = {"id": str(uuid.uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": "wrist.incoming"}
    wrist_up.ask("/events", [{**event, "resource": resource}])
    deployment = wrist_up.deployment("score_incoming")["id"]

    def started() -> str | None:
        found = wrist_up.ask("/flow_runs/filter", {"flow_runs": {"deployment_id": {"any_": [deployment]}}})
        return next((run["id"] for run in found if (run["created_by"] or {}).get("type") == "AUTOMATION"), None)

    ended = wrist_up.ended(wait(started, 60))
    assert (ended["state_type"], ended["state_name"]) == ("COMPLETED", "Skipped")  # no model serves yet


def test_an_answer_that_does_not_come_leaves_a_challenger_and_the_line_that_promotes_it(wrist_up: Up) -> None:
    """The run itself is made by hand: Prefect's own service ends it, and `wrist up` says what to do."""
    now = datetime.now(UTC).isoformat()
    details = {"pause_timeout": now, "pause_key": "gate-mv-example", "pause_reschedule": True}
    waiting = {"type": "PAUSED", "name": "Suspended", "state_details": details}
    flow = wrist_up.deployment("retrain")["flow_id"]
    run = wrist_up.ask("/flow_runs/", {"flow_id": flow, "state": waiting})["id"]
    state = wait(lambda: _named(wrist_up.ask(f"/flow_runs/{run}"), "Unanswered"), 120)
    assert state["type"] == "FAILED"
    assert "mv-example stays challenger" in state["message"] and "wrist promote mv-example" in state["message"]


def _named(run: dict[str, Any], name: str) -> dict[str, Any] | None:
    return dict(run["state"]) if run["state_name"] == name else None


RECIPE = """
[network]
architectures = ["efficientnetb0"]
weights = "none"
image_size = 32
batch_norm = "training"
[training]
mode = "online"
epochs = 1
batch_size = 16
[evaluation]
resamples = 100
serve = "efficientnetb0"
[gate]
ask_person = true
[explain]
gallery = 2
"""


def test_a_retrain_that_asks_a_person_suspends_and_goes_on_with_the_answer(
    wrist_up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, recipe = radiographs(tmp_path / "many", 90), wrist_up.recipe("asks.toml", RECIPE)
    sources_toml.remember(wrist_up.home, sources_toml.Root(str(manifest), body_part="ANY"))
    deployment = wrist_up.deployment("retrain")
    parameters = {"paths": [str(manifest)], "body_part": "ANY", "recipe": recipe}
    run = wrist_up.ask(f"/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})["id"]

    def suspended() -> dict[str, object] | None:
        found = wrist_up.ask(f"/flow_runs/{run}")
        assert found["state_type"] not in ("FAILED", "CRASHED", "COMPLETED"), found["state"]["message"]
        return dict(found) if found["state_name"] == "Suspended" else None

    waiting = wait(suspended, 420)
    Path(recipe).write_text(RECIPE.replace("epochs = 1", "epochs = 7"))  # an edit meanwhile changes nothing
    stored = catalogue(wrist_up.home, "select count(*) from stage_costs")
    assert "retrain - ds-" in str(waiting["name"]) and "efficientnetb0" in str(waiting["name"])
    models = catalogue(wrist_up.home, "select model_version_id, role from model_versions")
    assert [role for _, role in models] == ["challenger"]
    trained = catalogue(wrist_up.home, "select count(*) from training_runs")
    assert "waits for a person" in console(wrist_up.home, "status").stdout

    answer = {"decision": "approve", "reason": "looked at the maps", "name": "Dr. Example"}
    monkeypatch.setenv("WRIST_HOME", str(wrist_up.home))
    with hold("retrain"):  # as of another retrain, from the console
        wrist_up.ask(f"/flow_runs/{run}/resume", {"run_input": answer})
        ended = wrist_up.ended(run, 420)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert catalogue(wrist_up.home, "select count(*) from stage_costs") == stored, "costs are stored once"
    decided = catalogue(wrist_up.home, "select decision, reason, decided_by from promotions order by created_at")
    assert [row[0] for row in decided] == ["undecided", "promoted"]
    assert decided[1][1:] == ("looked at the maps", "Dr. Example")
    assert catalogue(wrist_up.home, "select count(*) from training_runs") == trained
    assert catalogue(wrist_up.home, "select count(*) from dataset_versions") == [(1,)]
    artifacts = wrist_up.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    assert {"gate", "report", "costs"} <= {row["key"] for row in artifacts}
    stages = catalogue(wrist_up.home, f"select distinct stage from stage_costs where run_id = '{run}'")
    assert {stage for (stage,) in stages} >= {"ingest", "train", "evaluate", "report"}


@pytest.mark.soak
def test_a_retrain_that_nobody_answers_ends_and_its_model_stays_challenger(wrist_up: Up, tmp_path: Path) -> None:
    manifest = radiographs(tmp_path / "again", 90)
    recipe = wrist_up.recipe("asks.toml", RECIPE.replace("epochs = 1", "epochs = 1\nseed = 3"))
    sources_toml.remember(wrist_up.home, sources_toml.Root(str(manifest), body_part="ANY"))
    parameters = {"paths": [str(manifest)], "body_part": "ANY", "recipe": recipe, "answer_days": 6 / 86400}
    deployment = wrist_up.deployment("retrain")
    run = wrist_up.ask(f"/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})["id"]
    state = wait(lambda: _named(wrist_up.ask(f"/flow_runs/{run}"), "Unanswered"), 500)
    models = catalogue(wrist_up.home, "select model_version_id from model_versions where role = 'challenger'")
    model = str(models[-1][0])
    assert f"{model} stays challenger" in state["message"] and f"wrist promote {model}" in state["message"]
    assert f"`wrist promote {model} --reason" in console(wrist_up.home, "status").stdout
    assert console(wrist_up.home, "promote", model, "--reason", "looked at it late").returncode == 0
