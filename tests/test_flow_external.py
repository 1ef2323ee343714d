"""The whole way, with a real network and a real server: another place's list, frozen, scored from the console."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from db import evaluations
from db.audit.verify import verify
from db.engine import open_catalogue, reading
from flows.host.environment import exactly
from flows.host.server_choice import prefect_api
from tests import acts
from tests.interleaving import Actor

WRIST = "from tests import small_network; small_network.known(); from flows.console.cli import main; main()"
"""The command, in a process that knows the tests' small network."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose champion was trained before another place's pictures came; its server runs meanwhile."""
    base = tmp_path_factory.mktemp("external")
    folder, actor = base / "home", Actor()
    pictures = [(acts.small(90 + n, n % 2), f"x{n}", n % 2) for n in range(16)]
    acts.manifest(base / "clinic", pictures)

    def done(work, *arguments):  # type: ignore[no-untyped-def]
        found = actor.act({"WRIST_HOME": str(folder)}, work, *arguments)
        assert found.error is None, found.error
        return found.value

    done(acts.ingest, acts.first_files(base / "files"))
    dataset_id = done(acts.freeze)
    evaluation = done(acts.predict, done(acts.train, dataset_id, 1), dataset_id, 1)
    done(acts.score, evaluation, 1)
    assert done(acts.gate, evaluation, 1)["decision"] == "promoted"
    actor.stop()
    around = dict(os.environ)
    with prefect_api(folder, print), exactly(around):
        yield folder


def wrist(home: Path, *words: str) -> tuple[int, str]:
    environment = {**os.environ, "WRIST_HOME": str(home)}
    command = [sys.executable, "-c", WRIST, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")


def test_another_places_pictures_are_designated_frozen_and_scored_by_the_champions_locked_points(home: Path) -> None:
    listed = str(home.parent / "clinic" / "manifest.csv")
    status, said = wrist(home, "evaluate", "--external", "clinic")
    assert status == 1 and "--as external clinic" in said
    drawn = str(home.parent / "clinic" / "boxes.csv")
    status, said = wrist(home, "ingest", listed, "--body-part", "ANY", "--as", "external", "clinic", "--boxes", drawn)
    assert status == 0 and "16 new" in said and "boxes: 16 new, 0 unchanged, 0 refused" in said, said
    status, said = wrist(home, "ingest", listed, "--body-part", "ANY", "--as", "test")
    assert status == 1 and said.count("designated 'external:clinic'") == 1 and "Traceback" not in said
    status, said = wrist(home, "split", "--freeze", "--json")
    assert status == 0, said
    split = json.loads(said)
    assert [(row["split"], row["hold_out"], row["studies"]) for row in split["splits"]][-1] == ("test", "clinic", 16)
    assert "external clinic" in wrist(home, "split")[1]
    engine = open_catalogue(home)
    before = evaluations.holdout_looks(engine, split["dataset_id"])
    status, said = wrist(home, "evaluate", "--external", "clinic", "--model", "champion", "--json")
    assert status == 0, said
    found = json.loads(said)
    assert found["dataset_id"] == split["dataset_id"] and found["looks"] == 1 and found["mismatch"] == ""
    assert {row["metric"] for row in found["metrics"]} >= {"roc_auc", "sensitivity", "specificity", "brier"}
    with reading(engine) as connection:
        sql = "SELECT count(*), count(DISTINCT threshold) FROM study_predictions WHERE hold_out = 'clinic'"
        assert tuple(connection.execute(text(sql)).one()) == (16, 1)
    assert evaluations.holdout_looks(engine, split["dataset_id"]) == before
    status, said = wrist(home, "explain")
    assert status == 0, said
    with reading(engine) as connection:  # on the boxes of the external set's own pictures
        sql = f"SELECT DISTINCT n_images FROM localisation_metrics WHERE evaluation_id = '{found['evaluation_id']}'"
        assert [tuple(row) for row in connection.execute(text(sql))] == [(16,)]
    assert verify(engine).findings == ()
    status, said = wrist(home, "evaluate", "--external", "clinic")
    assert status == 0 and "look 1" in said and "roc_auc" in said and "external (16 studies)" in said, said
    status, said = wrist(home, "evaluate", "--recompute")
    assert status == 0 and "no difference" in said and said.count("metrics derived again") == 2, said
    status, said = wrist(home, "report", "--json")
    assert status == 0, said
    page = Path(json.loads(said)["report"]).read_text(encoding="utf-8")
    assert 'id="external"' in page and "clinic: " in page
    assert "external set clinic</td>" in page.partition('id="localisation"')[2], "whose boxes they were"
    engine.dispose()
