"""A source is one file: tests/sources/toy.py is added to the others, and its pictures are catalogued."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tasks.ingest_files import catalogue_files
from tests import factories
from tests.ingest_settings import settings
from wrist_model import sources
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance
from wrist_model.sources import source
from wrist_model.sources.recognise_source import find


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    folder = tmp_path / "toy"
    for number in range(3):
        factories.png(folder / f"{number}.png", number, number % 2, longest=96)
    (folder / "toy.txt").write_text("0.png ann 0\n1.png bob 1\n2.png ann 0\n")
    return folder


def test_sources_are_found_by_listing_their_folder_and_the_folder_of_anything_is_asked_last() -> None:
    assert [each.kind for each in source.every()] == ["mura", "grazpedwri", "manifest", "folder"]


def test_an_added_source_recognises_its_place_and_its_pictures_are_catalogued(
    toy: Path, home: Path, catalogue: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find(toy).kind == "folder"
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(Path(__file__).parent / "sources")])
    assert find(toy).kind == "toy"
    done = catalogue_files(
        [toy], home=home, engine=catalogue, rule=SplitRecipe(), provenance=Provenance("tester"), **settings(jobs=1)
    )
    assert done.counts.new == 3
    with catalogue.connect() as connection:
        rows = connection.execute(text("SELECT source, label, patient_known FROM studies ORDER BY label")).all()
        people = connection.execute(text("SELECT count(DISTINCT patient_key) FROM studies")).scalar()
    assert [tuple(row) for row in rows] == [("toy", 0, 1), ("toy", 0, 1), ("toy", 1, 1)] and people == 2
