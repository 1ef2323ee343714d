"""`wrist prune` shows first, and deletes what is old and can be done without; rows stay, and verify says "pruned"."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from db_story import BY, Story, predict, tell
from db_tamper import home_of, past_the_guards
from prefect_fixtures import WRIST, ask
from sqlalchemy import Engine, text

from db import datasets, exclusions, explanations, leases, pruned_files
from db.audit.chain import append
from db.audit.verify import verify
from db.engine import open_catalogue, reading, writing
from db.home import work_folders
from flows.host.prefect_history import history
from tasks.explain import store
from tasks.prune import prunable, prune
from wrist_model.cohort import leak_guard
from wrist_model.errors import CatalogueBusy, LeaseHeld
from wrist_model.evidence_records import Explanation

MAP = "explanations/one"
LATER = datetime.now(UTC) + timedelta(days=1)
EARLIER = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def story(catalogue: Engine) -> Story:
    """The ensemble has scored the picture of its one map again, on a newer version."""
    told = tell(catalogue)
    newer = datasets.add_dataset(catalogue, leak_guard.decide(datasets.candidates(catalogue)), BY)
    predict(catalogue, newer, told.ensemble_id)
    return told


def rows(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        found = connection.execute(text("SELECT table_name, sum(n_rows) FROM audit_entry GROUP BY table_name"))
        return {name: int(count) for name, count in found}


def old_folder(root: Path, name: str) -> Path:
    folder = root / name
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "rows").write_bytes(b"x" * 1000)
    for path in (folder / "inner" / "rows", folder / "inner", folder):
        os.utime(path, (time.time() - 100 * 86400,) * 2)
    return folder


def test_a_superseded_predictions_map_is_pruned_and_verify_says_so(catalogue: Engine, story: Story) -> None:
    file = home_of(catalogue) / MAP
    before, size = rows(catalogue), file.stat().st_size
    assert prunable(catalogue, EARLIER).maps == ()
    found = prunable(catalogue, LATER)
    assert [one.path for one in found.maps] == [MAP] and found.map_bytes == size
    assert file.exists() and rows(catalogue) == before
    assert prune(catalogue, LATER) == found and not file.exists()
    verdict = verify(catalogue)
    assert verdict.ok and verdict.checked["pruned"] == 1
    assert rows(catalogue) == {**before, "fact": before.get("fact", 0) + 1}
    assert prune(catalogue, LATER).maps == () and rows(catalogue)["fact"] == before.get("fact", 0) + 1
    assert [one.path for one in explanations.explanations(catalogue, story.evaluation_id)] == [MAP]


def test_a_pruned_map_that_lies_there_again_is_read_and_pruned_without_a_second_row(
    catalogue: Engine, story: Story
) -> None:
    file = home_of(catalogue) / MAP
    content = file.read_bytes()
    prune(catalogue, LATER)
    count = rows(catalogue)["fact"]
    file.write_bytes(content)
    assert "pruned" not in verify(catalogue).checked
    file.write_bytes(b"another map")
    assert [one.where for one in verify(catalogue).findings if one.kind == "file"]
    prune(catalogue, LATER)
    assert rows(catalogue)["fact"] == count and verify(catalogue).ok


def test_a_map_that_is_gone_without_a_row_and_a_row_of_another_file_stay_findings(
    catalogue: Engine, story: Story
) -> None:
    home = home_of(catalogue)
    (home / MAP).rename(home / "kept")
    assert not verify(catalogue).ok
    (home / "kept").rename(home / MAP)
    other = pruned_files.SupersededMap("reports/one", "0" * 64, "said so")
    wrong = pruned_files.SupersededMap(MAP, "0" * 64, "said so")
    pruned_files.add_pruned(catalogue, [other, wrong], BY)
    assert pruned_files.pruned(catalogue) == {} and verify(catalogue).ok
    for path in ("reports/one", MAP):
        (home / path).unlink()
    assert len([one for one in verify(catalogue).findings if one.kind == "file"]) == 2


def test_a_map_of_a_prediction_that_counts_is_never_pruned(catalogue: Engine) -> None:
    told = tell(catalogue)
    assert prunable(catalogue, LATER).maps == ()
    predict(catalogue, told.dataset_id, told.model_ids[1])  # another model scored the same pictures
    assert prunable(catalogue, LATER).maps == ()
    evaluation, shown = again(catalogue, told, "im-0001-1")
    explanations.add_explanations(catalogue, evaluation, [shown], BY)  # the newer prediction's map is the same file
    assert prunable(catalogue, LATER).maps == ()


def again(engine: Engine, told: Story, without: str) -> tuple[str, Explanation]:
    """The ensemble scores the picture on one more version; that evaluation, and its map, which is the same file."""
    exclusions.exclude(engine, without, "so that the version is another", BY)
    newer = datasets.add_dataset(engine, leak_guard.decide(datasets.candidates(engine)), BY)
    with reading(engine) as connection:
        sha256 = str(connection.execute(text("SELECT min(file_sha256) FROM explanation")).scalar())
    shown = Explanation("im-0005-0", "grad-cam", MAP, sha256, 0.9, False, "", 0.1)
    return predict(engine, newer, told.ensemble_id), shown


def test_a_map_that_is_pruned_while_it_is_explained_anew_is_not_stored_before_it_is_drawn_again(
    catalogue: Engine, story: Story
) -> None:
    file = home_of(catalogue) / MAP
    content, (evaluation, shown) = file.read_bytes(), again(catalogue, story, "im-0001-1")
    assert [one.path for one in prune(catalogue, LATER).maps] == [MAP]
    with pytest.raises(CatalogueBusy, match=r"explanations/one: .*drawn again"):
        store(catalogue, evaluation, [shown])
    assert explanations.explanations(catalogue, evaluation) == [] and verify(catalogue).ok
    file.write_bytes(content)
    assert len(store(catalogue, evaluation, [shown])) == 1
    assert verify(catalogue).ok and prune(catalogue, LATER).maps == () and file.exists()


def test_a_map_that_was_stored_again_after_it_was_pruned_and_then_lost_is_a_finding(
    catalogue: Engine, story: Story
) -> None:
    file = home_of(catalogue) / MAP
    content, (evaluation, shown) = file.read_bytes(), again(catalogue, story, "im-0001-1")
    prune(catalogue, LATER)
    file.write_bytes(content)
    store(catalogue, evaluation, [shown])
    file.unlink()
    assert pruned_files.pruned(catalogue) == {}
    assert {one.kind for one in verify(catalogue).findings} == {"file"}
    file.write_bytes(content)
    again(catalogue, story, "im-0002-1")
    assert [one.path for one in prune(catalogue, LATER).maps] == [MAP] and not file.exists()
    verdict = verify(catalogue)  # both of its rows are older than the second fact
    assert verdict.ok and verdict.checked["pruned"] == 2


def test_a_fact_that_names_the_path_in_its_name_alone_counts(catalogue: Engine, story: Story) -> None:
    file = home_of(catalogue) / MAP
    value = {"because": "superseded", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    with writing(catalogue) as connection:
        append(connection, "fact", [{"name": f"pruned_file:{MAP}", "value": json.dumps(value)}], BY)
    file.unlink()
    assert verify(catalogue).ok and list(pruned_files.pruned(catalogue)) == [MAP]


def test_a_fact_that_was_changed_afterwards_is_found(catalogue: Engine, story: Story) -> None:
    prune(catalogue, LATER)
    with past_the_guards(catalogue, "fact") as connection:
        connection.execute(text("UPDATE fact SET value = '{}' WHERE name LIKE 'pruned_file:%'"))
        connection.commit()
    kinds = {one.kind for one in verify(catalogue).findings}
    assert "file" in kinds and len(kinds) > 1


def test_nothing_is_deleted_while_somebody_is_at_work(catalogue: Engine, story: Story) -> None:
    with writing(catalogue) as connection:
        leases.take(connection, leases.RETRAIN)
    with pytest.raises(LeaseHeld, match="in use"):
        prune(catalogue, LATER)
    assert (home_of(catalogue) / MAP).exists()


def test_folders_that_nobody_has_used_go_and_links_and_used_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    home = tmp_path / "home"
    folders = work_folders(home)
    for root in (folders.features, folders.tensorboard):
        gone, used = old_folder(root, "old"), old_folder(root, "used")
        (used / "inner" / "new").touch()
        elsewhere = old_folder(tmp_path / root.name, "elsewhere")
        (root / "link").symlink_to(elsewhere)
        (gone / "inner" / "link").symlink_to(elsewhere)
        os.utime(gone / "inner" / "link", (1e9, 1e9), follow_symlinks=False)
        for path in (gone / "inner", gone):
            os.utime(path, (1e9, 1e9))
    environment = {**os.environ, "WRIST_HOME": str(home)}

    def told(*words: str, status: int = 0) -> str:
        done = subprocess.run(
            [WRIST, "prune", *words], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    assert "no catalogue" in told("--yes", status=1).lower()
    open_catalogue(home).dispose()
    shown = told("--keep", "12w")
    assert "1 stores" in shown and "1 trainings" in shown and "wrist prune --keep 12w --yes" in shown
    assert (folders.features / "old").exists()
    assert "Expected days or weeks" in told("--keep", "0d", status=2)
    assert "Deleted" in told("--keep", "12w", "--yes")
    for root in (folders.features, folders.tensorboard):
        assert sorted(path.name for path in root.iterdir()) == ["link", "used"]
        assert (tmp_path / root.name / "elsewhere" / "inner" / "rows").exists()
    assert "nothing to delete" in told()


def test_old_ended_runs_leave_prefects_history_and_others_stay(prefect_server: str) -> None:
    home = Path(os.environ["PREFECT_HOME"]).parent
    flow = ask(prefect_server, "/flows/", {"name": "of long ago"})["id"]
    old, new, waiting = (
        ask(prefect_server, "/flow_runs/", {"flow_id": flow, "name": name, "state": {"type": kind}})["id"]
        for name, kind in (("old", "COMPLETED"), ("new", "COMPLETED"), ("waiting", "PAUSED"))
    )
    at = (datetime.now(UTC) - timedelta(days=100)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(home / "prefect" / "prefect.db", timeout=60)) as connection, connection:
        done = connection.execute(
            "UPDATE flow_run SET end_time = ?, start_time = ? WHERE name IN ('old', 'waiting') AND flow_id = ?",
            (at, at, flow),
        )
        assert done.rowcount == 2
    before = datetime.now(UTC) - timedelta(days=90)
    assert history(home, before).old == 1
    names = {"flow_runs": {"id": {"any_": [old, new, waiting]}}}
    assert len(ask(prefect_server, "/flow_runs/filter", names)) == 3
    assert history(home, before, delete=True).old == 1
    assert {run["id"] for run in ask(prefect_server, "/flow_runs/filter", names)} == {new, waiting}
    assert history(home, before).old == 0


def test_a_home_without_a_history_has_nothing_to_delete(tmp_path: Path) -> None:
    found = history(tmp_path, LATER, delete=True)
    assert (found.old, found.bytes) == (0, 0)
