"""What stands around a home's Prefect processes decides nothing: proxies, temporary folders, a user's own settings."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest
from prefect_fixtures import Up

from flows.host.environment import without_unusable_proxies
from flows.host.server import Deaths
from flows.host.workers import LONGEST_FOLDER, workers
from wrist_model.errors import CatalogueError


def test_workers_and_their_runs_keep_their_temporary_files_in_the_home(wrist_up: Up) -> None:
    below = psutil.Process(wrist_up.process.pid).children(recursive=True)
    (worker,) = [one for one in below if "worker" in one.cmdline()]
    assert Path(worker.environ()["TMPDIR"]) == wrist_up.home / "prefect" / "tmp"


def test_a_home_with_a_long_path_gets_a_private_temporary_folder_elsewhere(tmp_path: Path) -> None:
    """Python's fork server binds a Unix socket there, whose path may have 107 bytes."""
    home, said = tmp_path / ("long" * 30), list[str]()
    (home / "prefect").mkdir(parents=True)
    words = [sys.executable, "-c", "import os; print(os.environ['TMPDIR'])"]
    with workers(home, "http://127.0.0.1:9/api", 1, say=said.append, words=words) as pool:
        pool.processes[0].wait(30)
    folder = Path(pool.log.read_text().strip())
    assert len(bytes(folder)) <= LONGEST_FOLDER and folder.name.startswith("wrist-") and not folder.exists()


def test_a_worker_that_dies_again_and_again_ends_up_with_the_last_line_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    said = list[str]()
    words = [sys.executable, "-c", "print('first'); raise SystemExit('no room on the disk')"]
    with (
        workers(tmp_path, "http://127.0.0.1:9/api", 1, say=said.append, words=words) as pool,
        pytest.raises(CatalogueError, match=f"{Deaths.MOST} times .* ends with: no room on the disk"),
    ):
        for _ in range(200):
            pool.restart_ended()
            time.sleep(0.1)
    assert len(said) == Deaths.MOST - 1 and all("no room on the disk" in line for line in said)


def test_only_a_proxy_that_no_client_could_use_is_left_out() -> None:
    given = {"ALL_PROXY": "socks4://p:1", "http_proxy": "http://p:1", "https_proxy": "p:1", "PATH": "/bin"}
    assert without_unusable_proxies(given) == {name: value for name, value in given.items() if name != "ALL_PROXY"}
