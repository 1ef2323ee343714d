"""A disk that fills up is told before it is full, and an ingest stops before that; a busy catalogue is tried again."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import small_disk
from prefect_fixtures import radiographs

from db import database_errors, labels
from db import engine as room
from db.engine import open_catalogue, writing
from tasks import disk_space
from tasks.runtime import retry_policy
from wrist_model.errors import CatalogueBusy, CatalogueError, DiskNearlyFull


@pytest.mark.small_disk
def test_an_ingest_stops_before_the_disk_is_full_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    first, more = radiographs(tmp_path / "first"), radiographs(tmp_path / "more", 4)
    found = json.loads(small_disk.run(disk, "-m", "tests.nearly_full", str(disk), str(first), str(more)))
    assert found["first"] == 6 and found["said_before"] == []
    (said,) = found["said"]
    assert "wrist prune" in said and str(disk / "home") in said
    for step in ("meanwhile", "before"):
        assert "before it is full" in found[step] and "wrist prune" in found[step]
        assert found[f"studies_{step}"] == 6
    assert found["runs"] == ["finished", "failed"]  # the second one that was refused did not even begin
    assert (found["after"], found["studies_after"], found["said_after"]) == (4, 10, [])


def test_a_disk_with_room_is_not_mentioned_and_one_at_its_bound_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    monkeypatch.setattr(disk_space, "LOW", (1, 0.0))
    monkeypatch.setattr(disk_space, "STOP", (1, 0.0))
    assert disk_space.nearly_full(tmp_path) == []
    disk_space.require_room(tmp_path)
    disk_space.require_room(tmp_path / "not made yet")
    monkeypatch.setattr(disk_space, "LOW", (2**62, 1.1))
    monkeypatch.setattr(disk_space, "STOP", (2**62, 1.1))
    assert len(disk_space.nearly_full(tmp_path)) == 1  # the catalogue lies on the same disk
    with pytest.raises(DiskNearlyFull, match="before it is full"):
        disk_space.require_room(tmp_path)


class Ended:
    """A task's state."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def result(self) -> Any:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "by_files", "by_catalogue"),
    [
        (CatalogueBusy("held"), True, True),
        (OSError(5, "i/o"), True, False),
        (DiskNearlyFull("full"), False, False),
        (CatalogueError("another key"), False, False),
        (PermissionError(), False, False),
        (ValueError(), False, False),
        (None, False, False),
    ],
)
def test_what_may_pass_is_tried_again_and_nothing_else(
    error: BaseException | None, by_files: bool, by_catalogue: bool
) -> None:
    assert retry_policy.on_transient_errors(None, None, Ended(error)) is by_files
    assert retry_policy.on_a_busy_catalogue(None, None, Ended(error)) is by_catalogue


@pytest.mark.parametrize("sqlstate", ["55P03", "40001", "40P01"])
def test_postgresqls_locks_and_deadlocks_are_a_busy_catalogue(sqlstate: str) -> None:
    assert isinstance(database_errors.explain("was held", "here", sqlstate), CatalogueBusy)
    assert not isinstance(database_errors.explain("disk full", "here", "53100"), CatalogueBusy)


def test_a_catalogue_that_was_held_too_long_is_tried_again_by_the_task(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds the write lock for longer than a transaction waits, and then lets it go."""
    from flows import ingest as flow

    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(room, "BUSY_SECONDS", 1)
    quick = flow.catalogue.with_options(retry_delay_seconds=[1, 3, 6])
    monkeypatch.setattr(flow, "catalogue", quick)
    manifest = radiographs(tmp_path / "pictures")
    engine = open_catalogue(tmp_path / "home")
    held = sqlite3.connect(tmp_path / "home" / "catalogue.sqlite", isolation_level=None, check_same_thread=False)
    held.execute("BEGIN IMMEDIATE")
    with pytest.raises(CatalogueBusy, match="Another writer"), writing(engine):
        pass
    tried: list[float] = []
    condition = retry_policy.on_transient_errors

    def noted(*about: Any) -> bool:
        tried.append(time.monotonic())
        if len(tried) == 1:
            threading.Timer(0.2, held.execute, ("ROLLBACK",)).start()
        return condition(*about)

    monkeypatch.setattr(flow, "catalogue", quick.with_options(retry_condition_fn=noted))
    done = flow.ingest(paths=[str(manifest)], body_part="ANY", jobs=1)
    assert done["new"] == 6 and len(tried) == 1
    assert sum(labels.studies_by_label(engine).values()) == 6
    held.close()
