"""The whole job on a small synthetic set, as a person runs it: killed in the middle, run again, and once more."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import factories
import pytest
from prefect_fixtures import WRIST

from wrist_model.synthetic.dataset import SyntheticSet

RECIPE = """
name = "tiny"
[network]
weights = "none"
image_size = 32
batch_norm = "training"
batch_norm_momentum = 0.9
[training]
epochs = 2
patience = 2
batch_size = 16
learning_rate = 1e-3
mode = "online"
[evaluation]
resamples = 200
rules = "second"
[explain]
gallery = 4
"""


@dataclass
class Whole:
    """A home after the whole job. counts: rows of each audited view after the second and after the third run."""

    home: Path
    base: Path
    made: SyntheticSet
    url: str
    epochs_when_killed: int
    second: dict[str, Any]
    third: dict[str, Any]
    counts_second: dict[str, int]
    counts_third: dict[str, int]

    def wrist(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the console on this home; fail with what it said when it does."""
        done = run(self.home, self.url, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.home / 'catalogue.sqlite'}?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()


VIEWS = ("images", "studies", "dataset_versions", "dataset_members", "training_runs", "training_history")
VIEWS += ("model_versions", "operating_points", "image_predictions", "study_predictions", "evaluation_metrics")
VIEWS += ("comparisons", "promotions", "explanations", "plans")


def environment(home: Path, url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "WRIST"))}
    there = {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": os.environ["PREFECT_API_AUTH_STRING"]}
    return {**kept, **there, "WRIST_HOME": str(home)}


def run(home: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WRIST, *words], env=environment(home, url), cwd=home.parent, capture_output=True, text=True, check=False
    )


def counts(home: Path) -> dict[str, int]:
    with sqlite3.connect(f"file:{home / 'catalogue.sqlite'}?mode=ro", uri=True) as connection:
        return {view: connection.execute(f"select count(*) from {view}").fetchone()[0] for view in VIEWS}


@pytest.fixture(scope="session")
def whole(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """`wrist retrain`, killed with -9 after the first stored epoch; again to its end; and a third time."""
    base = tmp_path_factory.mktemp("whole")
    home, recipe = base / "home", base / "tiny.toml"
    recipe.write_text(RECIPE)
    made = factories.mura(base / "synthetic", studies=60)
    words = ("retrain", str(made.mura), str(made.dicom), "--labels", str(made.labels))
    words += ("--source", "synthetic", "--recipe", str(recipe), "--json")
    killed = kill_after_an_epoch(home, prefect_server, words)
    second = run(home, prefect_server, *words)
    assert second.returncode == 0, second.stderr
    after = counts(home)
    third = run(home, prefect_server, *words)
    assert third.returncode == 0, third.stderr
    yield Whole(
        home,
        base,
        made,
        prefect_server,
        killed,
        json.loads(second.stdout),
        json.loads(third.stdout),
        after,
        counts(home),
    )


def kill_after_an_epoch(home: Path, url: str, words: tuple[str, ...]) -> int:
    """Start, wait for the first epoch's row, kill -9; how many epochs were stored then."""
    process = subprocess.Popen(
        [WRIST, *words],
        env=environment(home, url),
        cwd=home.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(process.stderr.read() if process.stderr else "it ended too early")
        if (home / "catalogue.sqlite").exists() and (stored := epochs(home)):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return stored
        time.sleep(0.05)
    raise AssertionError("no epoch within 300 s")


def epochs(home: Path) -> int:
    try:
        with sqlite3.connect(f"file:{home / 'catalogue.sqlite'}?mode=ro", uri=True, timeout=30) as connection:
            return int(connection.execute("select count(*) from training_history").fetchone()[0])
    except sqlite3.OperationalError:  # the schema is being made
        return 0
