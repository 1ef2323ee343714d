"""The watch for drift on a real catalogue: pictures, rows, the run's state, its event, and what a person is told."""

from __future__ import annotations

from pathlib import Path

import db_story
import numpy as np
import pytest
from PIL import Image
from prefect_fixtures import ask, wait
from sqlalchemy import Engine

from db import promotions
from db.engine import open_catalogue
from flows.freeze import freeze
from flows.watch_drift import watch_drift
from tasks.ingest_files import catalogue_files
from tasks.status import needs_a_person
from tests.ingest_settings import settings
from wrist_model.recipe import SplitRecipe


def films(folder: Path, count: int, seed: int, brightness: float = 1.0) -> Path:
    """A manifest of pictures, one a patient: exposure differs between them, and a window has set the white end."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    lines = ["path,label,patient"]
    for number in range(count):
        film = random.gamma(2.0, 18.0 * random.uniform(0.6, 1.4), (64, 48))
        film[:4] = random.normal(236, 6)
        Image.fromarray(np.clip(film * brightness, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{number % 2},{folder.name}{number}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


@pytest.fixture
def served(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A catalogue of 160 films, frozen, with a champion that was trained on them."""
    home = tmp_path / "home"
    monkeypatch.setenv("WRIST_HOME", str(home))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    engine = open_catalogue(home)
    add(engine, films(tmp_path / "old", 160, seed=1), home)
    _, model = db_story.train(engine, freeze(), "resnet50")
    promotions.add_promotion(engine, model, "promoted", "the first", db_story.BY)
    return engine


def add(engine: Engine, manifest: Path, home: Path) -> None:
    source = manifest.parent.name
    by = db_story.BY
    catalogue_files(
        [manifest],
        home=home,
        engine=engine,
        rule=SplitRecipe(),
        provenance=by,
        **settings(source=source, body_part="ANY", jobs=1),
    )


def test_few_new_studies_are_not_tested(served: Engine, tmp_path: Path) -> None:
    add(served, films(tmp_path / "new", 10, seed=2), tmp_path / "home")
    state = watch_drift(return_state=True)
    assert (state.type.value, state.message) == ("COMPLETED", state.message)
    assert "10 new studies" in str(state.message) and "minimum_studies is 50" in str(state.message)


def test_studies_of_the_same_kind_are_no_drift(served: Engine, tmp_path: Path) -> None:
    add(served, films(tmp_path / "new", 60, seed=3), tmp_path / "home")
    state = watch_drift(return_state=True)
    assert state.type.value == "COMPLETED" and "no drift" in str(state.message)
    assert not [line for line in needs_a_person(served) if "drift" in line]


def test_brighter_films_end_the_run_as_drift_with_a_chart_an_event_and_a_line_in_status(
    served: Engine, tmp_path: Path, prefect_server: str
) -> None:
    add(served, films(tmp_path / "new", 60, seed=3, brightness=1.1), tmp_path / "home")
    state = watch_drift(return_state=True)
    assert (state.type.value, state.name) == ("FAILED", "Drift")
    assert "intensity, brightest" in str(state.message) and "look at the newest studies" in str(state.message)
    assert [line for line in needs_a_person(served) if "drift since" in line and "brightest" in line]
    run = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}, "key": {"any_": ["drift"]}}}
    (page,) = ask(prefect_server, "/artifacts/filter", run)
    assert "**drift**" in page["data"] and "data:image/png;base64," in page["data"]
    wanted = {"filter": {"event": {"name": ["wrist.drift"]}}, "limit": 1}
    (event,) = wait(lambda: ask(prefect_server, "/events/filter", wanted)["events"], 20)
    assert f"/runs/flow-run/{state.state_details.flow_run_id}?" in event["payload"]["page"]
    assert event["payload"]["studies"] == 60 and "intensity, brightest" in event["payload"]["features"]
