"""Killed at any moment, two at once, on a cluster, and in little memory: nothing is doubled, nothing is lost."""

from __future__ import annotations

import functools
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from benchmarks.ingest import small_files
from db.audit import verify
from db.engine import open_catalogue
from tasks.compute import dask_decode
from tasks.ingest_files import catalogue_files
from tests import dicom_files
from tests.bomb import Bomb
from tests.ingest_settings import settings
from wrist_model.errors import UsageError
from wrist_model.intake.examine_file import Context, Task
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.recipe import SplitRecipe
from wrist_model.records import IngestCounts, Provenance
from wrist_model.sources.recognise_source import find


def start(home, path):
    command = [sys.executable, "-m", "tests.run_ingest", str(home), str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rows(home, query):
    with sqlite3.connect(home / "catalogue.sqlite", timeout=30) as connection:
        return connection.execute(query).fetchall()


def count(home):
    try:
        return rows(home, "select count(*) from images")[0][0]
    except sqlite3.OperationalError:
        return 0


def killed(home, tree, at):
    """Start an ingest and kill -9 it once `at` images are catalogued."""
    process = start(home, tree)
    deadline = time.monotonic() + 60
    while process.poll() is None and count(home) < at and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def completed(home, tree, total):
    process = start(home, tree)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    counts = IngestCounts(**json.loads(out))
    assert counts.seen == total
    assert count(home) == total
    assert rows(home, "select count(*), count(distinct image_uid), count(distinct path) from images") == [(total,) * 3]
    engine = open_catalogue(home)
    assert verify.verify(engine, files=False).ok
    engine.dispose()
    return counts


def test_a_killed_ingest_completes_when_it_runs_again_and_doubles_nothing(tmp_path):
    tree = small_files(tmp_path, 600)
    killed(tmp_path / "home", tree, 200)
    before = count(tmp_path / "home")
    counts = completed(tmp_path / "home", tree, 600)
    assert counts.unchanged == before
    assert counts.new == 600 - before


@pytest.mark.soak
def test_kills_at_many_moments(tmp_path):
    tree = small_files(tmp_path, 1000)
    for at in range(0, 1000, 50):
        killed(tmp_path / "home", tree, at)
    completed(tmp_path / "home", tree, 1000)


def test_a_killed_ingest_of_dicom_leaves_only_whole_pictures_in_the_pixel_store(tmp_path):
    values = dicom_files.ramp(64, 64)
    for number in range(300):
        dicom_files.write(tmp_path / "export", f"{number}", dicom_files.dataset(np.roll(values, number, axis=1)))
    killed(tmp_path / "home", tmp_path / "export", 40)
    assert 0 < count(tmp_path / "home") < 300
    completed(tmp_path / "home", tmp_path / "export", 300)
    for path in (tmp_path / "home" / "pixels").rglob("[!.]*.png"):
        with Image.open(path) as image:
            image.load()


def test_two_ingests_at_once_double_nothing_and_both_add_up(tmp_path):
    tree = small_files(tmp_path, 400)
    both = [start(tmp_path / "home", tree) for _ in range(2)]
    counts = []
    for process in both:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        counts.append(IngestCounts(**json.loads(out)))
    assert sum(one.new for one in counts) == 400
    assert [one.seen for one in counts] == [400, 400]
    assert rows(tmp_path / "home", "select n_seen from ingest_runs") == [(400,), (400,)]
    completed(tmp_path / "home", tree, 400)


def ingest(home, path, **how):
    engine = open_catalogue(home)
    try:
        return catalogue_files(
            [path], home=home, engine=engine, rule=SplitRecipe(), provenance=Provenance("t"), **settings(**how)
        )
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def dask():
    """The address of a cluster of two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as there:
        yield there.scheduler_address


def test_files_are_examined_on_a_dask_cluster_as_on_this_machine(tmp_path, dask):
    tree = small_files(tmp_path, 200)
    (tree / "train/XR_WRIST/patient000000/study1_positive/image2.png").write_bytes(b"no picture")
    done = ingest(tmp_path / "dask", tree, examiner=functools.partial(dask_decode.examined, address=dask))
    here = ingest(tmp_path / "here", tree, jobs=2)
    assert done.counts == here.counts == IngestCounts(new=200, quarantined=1)
    query = "select path, pixel_sha256, split, decode_steps from images order by path"
    assert rows(tmp_path / "dask", query) == rows(tmp_path / "here", query)


def test_a_decoder_that_takes_down_workers_of_the_cluster_costs_one_file(tmp_path, dask):
    tree = small_files(tmp_path, 100)
    plan = find(tree)
    tasks = [Task(item) for item in plan.items()]
    tasks[50] = Task(Bomb(tasks[50].item.path, tasks[50].item.relative))
    context = Context(IdentityKey(b"k" * 32), SplitRecipe(), str(tmp_path), str(plan.root), "mura")
    results = [result for part in dask_decode.examined(tasks, context, 2, address=dask) for result in part]
    assert [one.quarantined.reason_code for one in results if one.quarantined] == ["decoder_crashed"]
    assert {one.path for one in results} == {task.item.relative for task in tasks}


def test_a_cluster_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="no Dask scheduler"):
        ingest(
            tmp_path / "home",
            small_files(tmp_path, 3),
            examiner=functools.partial(dask_decode.examined, address="tcp://127.0.0.1:9"),
        )


def test_workers_do_not_import_the_program_that_started_them(tmp_path):
    tree, script, imports = small_files(tmp_path, 40), tmp_path / "program.py", tmp_path / "imports"
    script.write_text(
        f"open({str(imports)!r}, 'a').write(__name__)\n"
        "import sys\n"
        "if __name__ == '__main__':\n"
        "    from tests.run_ingest import ingested\n"
        "    ingested(*sys.argv[1:])\n"
    )
    command = [sys.executable, str(script), str(tmp_path / "home"), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": "."})
    assert json.loads(done.stdout)["new"] == 40
    assert imports.read_text() == "__main__"


@pytest.mark.soak
def test_forty_thousand_files_stay_under_a_gibibyte(tmp_path):
    tree = small_files(tmp_path, 40_000)
    done = ingest(tmp_path / "home", tree, jobs=2)
    assert done.counts.new == 40_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20  # KiB, of the process that writes
