"""What the orchestration itself costs: a retrain's stages without their work, a server of one's own, its database."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.result import Result, spread

STAGES = (
    14  # task runs of a retrain of two networks: ingest, freeze, 2 train, 3 predict, 3 score, compare, 2 explain, …
)
SUBFLOWS = 5
FILES = 480  # of the ingest whose task runs are counted: ten chunks
TASK_RUNS = 300
_SCRIPT = """
import base64, json, os, sqlite3, sys, time
from pathlib import Path
from typing import Any
def main():
    began = time.monotonic()
    from prefect import flow, task
    from prefect.artifacts import create_markdown_artifact
    from flows.console.session import prefect_api
    from flows.host.prefect_api import connected, count_task_runs
    from tasks.runtime.artifacts import PICTURES_BYTES
    imports = time.monotonic() - began
    home, runs, stages, subflows = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    @task(task_run_name="stage {number}")
    def stage(number: int) -> str: return f"id-{number}"
    @flow
    def part(first: int, count: int) -> list[str]: return [stage(first + k) for k in range(count)]
    @flow
    def retrain() -> list[str]:
        each = stages // subflows
        pictures = base64.b64encode(os.urandom(PICTURES_BYTES)).decode()
        for key, page in (("report", pictures), ("gate", "x" * 1500), ("costs", "x" * 900)):
            create_markdown_artifact(page, key=key)
        return [one for k in range(subflows) for one in part(each * k, each + (k == 0) * (stages % subflows))]
    def size():
        with sqlite3.connect(home / "prefect" / "prefect.db") as c:
            pages, page = c.execute("pragma page_count").fetchone()[0], c.execute("pragma page_size").fetchone()[0]
            free = c.execute("pragma freelist_count").fetchone()[0]
        return (pages - free) * page
    began = time.monotonic()
    with prefect_api(home, lambda _: None) as url:
        start = time.monotonic() - began
        retrain()
        time.sleep(3)
        before, times = size(), []
        for _ in range(runs):
            began = time.monotonic(); retrain(); times.append(time.monotonic() - began)
        time.sleep(6)
        grown = (size() - before) / runs
        from flows.ingest import ingest
        with connected(url) as client:
            counted = count_task_runs(client)
            files = ingest([sys.argv[5]], body_part="ANY")["seen"]
            time.sleep(4)
            counted = count_task_runs(client) - counted
        leaving = time.monotonic()
    print(json.dumps({"imports": imports, "start": start, "times": times, "grown": grown,
        "files": files, "task_runs": counted, "stop": time.monotonic() - leaving}))
if __name__ == "__main__":  # a worker of the ingest imports this file too
    main()
"""


def orchestration(quick: bool = False) -> list[Result]:
    """Limits: 10 s of overhead in a retrain, 15 s for a server of the console's own, 1 MiB of database a retrain with
    its summary's pictures, 300 task runs of an ingest."""
    runs = 3 if quick else 7
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "stages.py"
        script.write_text(_SCRIPT)
        home = Path(folder) / "home"
        pictures = _pictures(Path(folder) / "pictures")
        _run(script, home, 1, pictures)  # a home that has been used: its database exists
        time.sleep(3)
        found = _run(script, home, runs, pictures)
    overhead = sorted(found["times"])[len(found["times"]) // 2]
    server = found["start"] + found["stop"]
    grown = found["grown"] / 2**20
    setup = f"{SUBFLOWS} subflows, {STAGES} tasks that do nothing, summary with pictures, a server on SQLite"
    tasks, files = found["task_runs"], found["files"]
    return [
        Result("orchestration", overhead, 10.0, 10.0 / overhead, spread(found["times"]), "s a retrain", setup),
        Result(
            "orchestration_server", server, 15.0, 15.0 / server, "1 run", "s", "start and drain, a home that has one"
        ),
        Result("orchestration_database", grown, 1.0, 1.0 / max(grown, 1e-9), f"mean of {runs}", "MiB a retrain", setup),
        Result(
            "orchestration_task_runs",
            tasks,
            TASK_RUNS,
            TASK_RUNS / tasks,
            "1 run",
            "task runs",
            f"ingest of {files} files; no task run is a chunk's, so 40,000 files make as many",
        ),
    ]


def _pictures(folder: Path) -> Path:
    import numpy as np
    from PIL import Image

    folder.mkdir()
    random = np.random.default_rng(5)
    for number in range(FILES):
        Image.fromarray(random.integers(0, 200, (48, 40), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def _run(script: Path, home: Path, runs: int, pictures: Path) -> dict[str, Any]:
    import json

    words = [sys.executable, str(script), str(home), str(runs), str(STAGES), str(SUBFLOWS), str(pictures)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))
