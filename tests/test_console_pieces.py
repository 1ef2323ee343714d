"""Small parts under the console: remembered roots, retries, run names, what a summary costs."""

from __future__ import annotations

import base64
import io
import multiprocessing
import re
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from evidence_data import report_data
from PIL import Image

from db.engine import open_catalogue
from db.stage_costs import stage_costs
from flows.console import status_command
from flows.host import up_record
from flows.host.deployments import Deployment, Result
from flows.host.environment import environment
from tasks import sources_toml
from tasks.runtime import artifacts, provenance
from tasks.runtime.progress import progress
from tasks.runtime.retry_policy import on_transient_errors
from tasks.runtime.run_names import named, short
from tasks.runtime.stage_costs import stage
from wrist_model.errors import DataError, UsageError
from wrist_model.recipe import GateRecipe
from wrist_model.records import Comparison

ROOT = Path(__file__).parents[1]


def test_roots_are_remembered_once_each_and_read_back_as_they_were(tmp_path: Path) -> None:
    odd = sources_toml.Root('/data/a "quoted"\\ folder', labels="/l.csv", source=None, body_part="ANY")
    sources_toml.remember(tmp_path, odd)
    sources_toml.remember(tmp_path, sources_toml.Root("/data/b"))
    sources_toml.remember(tmp_path, sources_toml.Root("/data/b", source="other"))
    assert sources_toml.read(tmp_path) == (odd, sources_toml.Root("/data/b", source="other"))


def test_roots_that_several_remember_at_once_are_all_kept(tmp_path: Path) -> None:
    roots = [sources_toml.Root(f"/data/{number}") for number in range(40)]
    with ThreadPoolExecutor(8) as pool:  # a lock of a file is of whoever opened it, so threads stand for processes
        list(pool.map(sources_toml.remember, [tmp_path] * len(roots), roots))
    assert sorted(sources_toml.read(tmp_path), key=roots.index) == roots
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sources.toml", "sources.toml.lock"]


def test_a_damaged_list_of_roots_is_named(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text("[[root]]\npth = 'x'\n")
    with pytest.raises(UsageError, match=r"sources\.toml"):
        sources_toml.read(tmp_path)


class State:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def result(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "again"),
    [(OSError(5, "i/o"), True), (ConnectionResetError(), True), (FileNotFoundError(), False), (DataError("x"), False)],
)
def test_only_what_may_pass_is_tried_again(error: BaseException, again: bool) -> None:
    assert on_transient_errors(None, None, State(error)) is again


def test_run_names_are_short_and_say_what_ran_on_what() -> None:
    assert (
        named("retrain", short("ds-1f3a09bc"), "resnet50+efficientnetb0")
        == "retrain - ds-1f3a - resnet50+efficientnetb0"
    )
    assert short(None) == "…"


def test_settings_turn_off_every_call_outside(tmp_path: Path) -> None:
    found = environment(tmp_path)
    assert found["DO_NOT_TRACK"] == "1"
    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "False"
    assert found["PREFECT_SERVER_UI_V2_ENABLED"] == "False"
    assert found["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    assert Path(found["PREFECT_HOME"]) == tmp_path / "prefect"


def test_a_summary_shows_metrics_and_pictures_and_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = report_data(tmp_path)
    text = artifacts.summary(data, tmp_path / "report.html")
    assert "ROC AUC" in text and "roc_auc" not in text and "report.html" in text
    served = data.serving_model.name
    assert f"| | {served} |" in text and f"- {served}: {data.serving_model.model_version_id}, named to serve" in text
    monkeypatch.setenv("WRIST_PAGES", "/wrist")
    assert "[open it](/wrist/reports/report.html)" in artifacts.summary(data, tmp_path / "report.html")
    pictures = re.findall(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)", text)
    assert len(pictures) >= 2
    assert sum(len(base64.b64decode(one)) for one in pictures) <= artifacts.PICTURES_BYTES
    for one in pictures:
        Image.open(io.BytesIO(base64.b64decode(one))).verify()


def test_the_gates_page_is_narrow_and_speaks_the_reports_words() -> None:
    found = [
        Comparison("mv-new", reference, metric, 0.01, -0.02, 0.03, "delong_one_sided", 80)
        for reference in ("mv-old", "mv-older")
        for metric in ("roc_auc", "sensitivity", "specificity")
    ]
    decided = {"model_version_id": "mv-new", "decision": "undecided", "reason": "roc_auc -0.02 at youden"}
    text = artifacts.gate_page(decided, found, GateRecipe(), 2, None, None)
    assert max(line.count("|") for line in text.splitlines()) <= 7, "Prefect's page cuts wide tables off"
    assert "## Against mv-older" in text and "| ROC AUC | +0.010 | −0.020 | +0.030 | −0.0" in text
    assert "ROC AUC: delong one sided" in text and "roc" not in text and "youden" not in text


def test_a_shrunk_chart_keeps_its_shape() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((400, 1600, 3), np.uint8)).save(stream, "PNG")
    assert Image.open(io.BytesIO(artifacts.shrunk(stream.getvalue(), 640, colours=8))).size == (640, 160)


def test_a_stage_costs_the_cpu_time_and_memory_of_forked_workers_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    open_catalogue()
    with (
        stage("retrain", "ingest"),
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool,
    ):
        pool.submit(sum, range(20_000_000)).result()
        used = pool.submit(time.process_time).result()
    (cost,) = stage_costs(open_catalogue(), "retrain")
    assert cost.cpu_seconds is not None and cost.cpu_seconds > 0.9 * used
    assert cost.peak_bytes is not None and cost.peak_bytes > 10 * 2**20


def test_short_work_writes_no_progress_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train x") as tell:
        for done in range(100):
            tell("epoch", done, 100, "")
    assert capsys.readouterr().err == ""


def test_the_commit_of_a_repository_that_merely_encloses_the_code_is_not_taken_for_the_codes(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    inside = tmp_path / "venv" / "site-packages"
    inside.mkdir(parents=True)
    assert provenance._commit(inside)[0] == "unknown"
    git("init", "-q")
    (tmp_path / "pyproject.toml").touch()
    git("add", "pyproject.toml")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "somebody's")
    assert provenance._commit(inside) == ("unknown", True, "installed inside a git checkout of something else")
    commit, dirty, why = provenance._commit(tmp_path.resolve())
    assert len(commit) == 40 and not dirty and not why
    (inside / "pyproject.toml").touch()  # a copy that somebody's repository keeps
    git("add", "venv")
    assert provenance._commit(inside) == ("unknown", True, "installed inside a git checkout of something else")


def test_status_says_times_of_this_machines_zone_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    noon = datetime(2026, 11, 27, 11, tzinfo=UTC)
    broken = Result("Broken", True, noon, "1-2", "row 7\n differs")
    due = Deployment("verify/verify", False, noon + timedelta(hours=17), True, None, broken)
    late = Deployment("ingest/ingest", False, None, True, noon, None)
    first, second = status_command._lines([due, late])
    assert "next Sat 2026-11-28 05:00 CET" in first and "last Broken, Fri 2026-11-27 12:00 CET" in first
    assert "next soon" in second and "has not run yet; LATE since Fri 2026-11-27 12:00 CET" in second
    about, waiting = status_command._needs([due, late], "http://127.0.0.1:1")
    assert "(row 7 differs): `wrist verify`" in about and about.endswith("http://127.0.0.1:1/runs/flow-run/1-2")
    assert "`wrist up`" in waiting
    for state, before in (
        ("Crashed", "(its process has ended): "),
        ("Failed", "(its process has ended): mend that, then "),
    ):
        red = replace(due, name="retrain/retrain", last=Result(state, True, noon, "1-3", "its process has ended"))
        (about,) = status_command._needs([red], "http://127.0.0.1:1")
        assert f"{before}press Retry on its page" in about and about.endswith(": http://127.0.0.1:1/runs/flow-run/1-3")
    monkeypatch.undo()
    time.tzset()


def test_that_wrist_up_was_killed_is_known_and_that_it_was_stopped_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    code = (
        "import os, sys; from pathlib import Path; from flows.host import up_record\n"
        "with up_record.kept(Path(sys.argv[1]), 'wrist up --port 9'):\n"
        "    assert not up_record.died(Path(sys.argv[1]))\n    {}"
    )
    for ending, died in (("pass", False), ("os._exit(9)", True), ("pass", False)):
        subprocess.run([sys.executable, "-c", code.format(ending), str(tmp_path)], cwd=ROOT, check=False)
        assert up_record.died(tmp_path) is died
        assert not died or up_record.command(tmp_path) == "wrist up --port 9"
