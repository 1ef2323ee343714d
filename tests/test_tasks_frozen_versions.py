"""What is decided is what is stored: others ingest, relabel and exclude while a version is frozen."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import db_story
import numpy as np
import pytest
from db_story import BY
from PIL import Image
from prefect.logging import disable_run_logger
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from db import (
    datasets,
    evaluations,
    exclusions,
    hold_outs,
    ingest_runs,
    labels,
    leases,
    near_duplicates,
    patient_identity,
    predictions,
)
from db.audit.chain import append
from db.audit.verify import verify
from db.engine import open_catalogue, writing
from db.images import add_images
from db.unended_runs import end_abandoned
from tasks.freeze import freeze
from tasks.near_duplicates import link_near_duplicates
from tasks.relabel import relabel
from wrist_model.cohort import leak_guard, patient_split
from wrist_model.errors import LeakError
from wrist_model.recipe import SplitRecipe
from wrist_model.records import ImagePrediction, StudyPrediction
from wrist_model.synthetic.cohort_plan import plan
from wrist_model.synthetic.render import picture

SOURCE = "set"


@contextmanager
def meanwhile(act: Callable[[], None], at: str, number: int = 1) -> Iterator[list[str]]:
    """Call `act` before the transaction that the file `at` itself begins for the number-th time."""
    begun: list[str] = []

    def checkout(*_: object) -> None:
        frame = sys._getframe(1)
        while frame is not None and "/tasks/" not in frame.f_code.co_filename:
            if frame.f_code.co_name == "open_catalogue":
                return
            frame = frame.f_back  # type: ignore[assignment]
        if frame is not None and frame.f_code.co_filename.endswith(at):
            begun.append(frame.f_code.co_name)
            if len(begun) == number:
                act()

    event.listen(Pool, "checkout", checkout)
    try:
        yield begun
    finally:
        event.remove(Pool, "checkout", checkout)


def patient(split: str, source: str = SOURCE, skip: int = 0) -> str:
    names = (f"{source}-p{n}" for n in range(10_000))  # two sources that number alike are refused
    found = (name for name in names if patient_split.assign(SplitRecipe(), source, name, None) == split)
    return [next(found) for _ in range(skip + 1)][-1]


@pytest.fixture(scope="module")
def films() -> list[np.ndarray]:
    return [(picture(study.images[0].scene, study.fracture)[0] * 255).astype(np.uint8) for study in plan(901, 12)[:6]]


def listed(folder: Path, films: list[np.ndarray], splits: list[str], first: int = 0) -> Path:
    folder.mkdir()
    rows = ["path,label,patient,study"]
    for number, (film, split) in enumerate(zip(films, splits, strict=True)):
        Image.fromarray(film).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{number % 2},{patient(split, folder.name, first + number)},s")
    (folder / "list.csv").write_text("\n".join(rows))
    return folder / "list.csv"


def ingested(home: Path, manifest: Path) -> None:
    """In a process of its own."""
    subprocess.run([sys.executable, "-m", "tests.run_ingest", str(home), str(manifest)], check=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    return tmp_path / "home"


def frozen() -> str:
    with disable_run_logger():
        return freeze.fn(need_both_classes=False)


def test_images_that_come_in_while_a_version_is_frozen_are_compared_or_not_in_it(
    here: Path, tmp_path: Path, films: list[np.ndarray]
) -> None:
    ingested(here, listed(tmp_path / "first", films, ["train"] * 6))
    copies = [np.clip(film * 1.3, 0, 255).astype(np.uint8) for film in films[:3]]
    later = listed(tmp_path / "second", copies, ["test"] * 3)
    with meanwhile(lambda: ingested(here, later), "tasks/freeze.py") as begun:
        version = frozen()
    assert len(begun) == 3, "searched again, and then nothing came in; the third asks which version is the newest"
    engine = open_catalogue(here)
    link_near_duplicates(engine, BY)
    near = near_duplicates.near_duplicates(engine)
    assert len(near) == 3
    members, found = datasets.members(engine, version), datasets.candidates(engine)
    leak_guard.guard(members, found, near).refuse()
    assert sum(one.included and one.split == "test" for one in members) == 3
    verdict = verify(engine)
    assert verdict.findings == () and verdict.warnings == ()


def test_images_that_come_in_at_every_search_are_compared_in_the_end(
    here: Path, tmp_path: Path, films: list[np.ndarray]
) -> None:
    ingested(here, listed(tmp_path / "first", films, ["train"] * 6))
    parts = [
        listed(tmp_path / f"part{n}", [np.clip(film * 1.3, 0, 255).astype(np.uint8)], ["test"])
        for n, film in enumerate(films[:3])
    ]
    with (
        meanwhile(lambda: ingested(here, parts[0]), "tasks/freeze.py", 1),
        meanwhile(lambda: ingested(here, parts[1]), "tasks/freeze.py", 2),
        meanwhile(lambda: ingested(here, parts[2]), "tasks/freeze.py", 3),
    ):
        version = frozen()
    engine = open_catalogue(here)
    members = datasets.members(engine, version)
    assert len(members) == 9 and sum(one.excluded_reason == leak_guard.NEAR for one in members) == 3
    assert verify(engine).warnings == ()


def left_out_with_a_copy(here: Path, tmp_path: Path, films: list[np.ndarray]) -> str:
    """A version of six train pictures, which are left out then; a copy of one comes into test. Gives the version."""
    ingested(here, listed(tmp_path / "first", films, ["train"] * 6))
    version, engine = frozen(), open_catalogue(here)
    for one in datasets.candidates(engine):
        exclusions.exclude(engine, one.image_uid, "doubtful", BY)
    ingested(here, listed(tmp_path / "second", [np.clip(films[0] * 1.3, 0, 255).astype(np.uint8)], ["test"]))
    return version


def test_a_copy_of_a_picture_that_a_model_learnt_from_is_found_though_the_picture_is_left_out_by_now(
    here: Path, tmp_path: Path, films: list[np.ndarray]
) -> None:
    before = left_out_with_a_copy(here, tmp_path, films)
    after, engine = frozen(), open_catalogue(here)
    (copy,) = [one for one in datasets.members(engine, after) if one.included]
    _, model = db_story.train(engine, before, "resnet50")
    assert hold_outs.known_patients(engine, [model], after) == {model: frozenset({copy.patient_key})}
    assert verify(engine).findings == ()


def test_a_picture_that_is_left_out_since_its_file_is_gone_keeps_nothing_from_being_frozen(
    here: Path, tmp_path: Path, films: list[np.ndarray], caplog: pytest.LogCaptureFixture
) -> None:
    left_out_with_a_copy(here, tmp_path, films)
    (tmp_path / "first" / "0.png").unlink()
    after, engine = frozen(), open_catalogue(here)
    assert sum(one.included for one in datasets.members(engine, after)) == 1
    assert near_duplicates.near_duplicates(engine) == [] and "copies of it can't be found" in caplog.text


def test_a_version_that_was_frozen_before_a_newer_one_is_named_as_not_the_newest(
    here: Path,
    tmp_path: Path,
    films: list[np.ndarray],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingested(here, listed(tmp_path / "first", films, ["train"] * 6))
    first, engine = frozen(), open_catalogue(here)
    image = datasets.members(engine, first)[0].image_uid
    exclusions.exclude(engine, image, "a test", BY)
    second = frozen()
    exclusions.exclude(engine, image, "it was right", BY, undo=True)
    monkeypatch.setattr("tasks.freeze.get_run_logger", logging.getLogger)  # there is no run here
    with caplog.at_level("WARNING"):
        assert freeze.fn(need_both_classes=False) == first != second
    assert f"{first} was frozen before" in caplog.text and f"{second} is newer" in caplog.text


def test_a_relabel_and_an_exclusion_while_a_version_is_frozen_are_in_it_or_after_it(
    here: Path, tmp_path: Path, films: list[np.ndarray]
) -> None:
    ingested(here, listed(tmp_path / "first", films, ["train"] * 3 + ["test"] * 3))
    engine = open_catalogue(here)
    first = datasets.candidates(engine)

    def act() -> None:
        labels.relabel(engine, {first[0].study_uid: 1 - int(first[0].label or 0)}, "better", BY)
        exclusions.exclude(engine, first[1].image_uid, "cast", BY)

    with meanwhile(act, "tasks/freeze.py"):
        version = datasets.dataset(engine, frozen())
    held = {one.image_uid: one for one in datasets.members(engine, version.dataset_id)}
    assert version.label_version == 2 and held[first[0].image_uid].label != first[0].label
    assert held[first[1].image_uid].excluded_reason == "cast"
    assert verify(engine).findings == ()


def test_a_relabel_counts_what_it_changed_though_another_relabels_meanwhile(
    here: Path, tmp_path: Path, films: list[np.ndarray]
) -> None:
    ingested(here, listed(tmp_path / "first", films[:2], ["train"] * 2))
    engine = open_catalogue(here)
    study = datasets.candidates(engine)[0]
    turned = 1 - int(study.label or 0)
    (tmp_path / "new.csv").write_text(f"path,label\n{study.study_uid},{turned}\n")
    for number in range(1, 4):
        with meanwhile(
            lambda: labels.relabel(engine, {study.study_uid: turned}, "another", BY), "tasks/relabel.py", number
        ):
            said = relabel(tmp_path / "new.csv")
        history = len(list(_rows(here, "SELECT 1 FROM label WHERE label_version > 1")))
        assert said["n_changed"] + 1 >= history and said["n_changed"] in (0, 1)
        assert said["label_version"] == 2 and history == 1


def _rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        return connection.execute(sql).fetchall()


# What stands in a catalogue already: written by the very calls that an earlier freeze made, in its order.


def stale(engine: Engine) -> tuple[str, list]:
    """A story whose version is about to be stored from members that were read before."""
    _, records = db_story.ingest(engine)
    return records[2].image_uid, [db_story.member(one) for one in records]


def test_verify_finds_a_version_with_the_labels_of_an_earlier_label_version(catalogue: Engine) -> None:
    _, members = stale(catalogue)
    labels.relabel(catalogue, {"st-0002": 1}, "between reading and storing", BY)
    version = datasets.add_dataset(catalogue, members, BY)
    verdict = verify(catalogue)
    assert [one.kind for one in verdict.findings] == ["frozen_label"]
    assert verdict.findings[0].where == f"{version} study st-0002"
    assert "stands with label 0; label version 2, which the version names, gives it label 1" in (
        verdict.findings[0].message
    )


def test_verify_finds_a_version_that_holds_what_was_left_out_before(catalogue: Engine) -> None:
    image, members = stale(catalogue)
    exclusions.exclude(catalogue, image, "cast", BY)
    exclusions.exclude(catalogue, "st-0003", "another bone", BY)
    exclusions.exclude(catalogue, "pt-0004", "consent", BY)
    exclusions.exclude(catalogue, "pt-0004", "consent after all", BY, undo=True)
    version = datasets.add_dataset(catalogue, members, BY)
    found = verify(catalogue).findings
    assert {one.where for one in found} == {f"{version} image {uid}" for uid in (image, "im-0003-0", "im-0003-1")}
    assert {one.kind for one in found} == {"frozen_exclusion"}


def test_verify_is_content_where_labels_and_exclusions_come_after_the_version(catalogue: Engine) -> None:
    image, members = stale(catalogue)
    datasets.add_dataset(catalogue, members, BY)
    exclusions.exclude(catalogue, image, "cast", BY)
    labels.relabel(catalogue, {"st-0002": 1}, "after it", BY)
    assert verify(catalogue).findings == ()


def test_verify_tells_near_duplicates_across_splits_as_broken_before_and_as_a_warning_after(catalogue: Engine) -> None:
    _, members = stale(catalogue)
    pair = near_duplicates.NearDuplicate("im-0000-0", "im-0006-0", 2.0, 0.99, True)
    before = datasets.add_dataset(catalogue, members, BY)
    near_duplicates.add_near_duplicates(catalogue, [pair], BY)
    verdict = verify(catalogue)
    assert verdict.findings == () and [one.kind for one in verdict.warnings] == ["later_link"]
    assert before in verdict.warnings[0].where
    after = datasets.add_dataset(catalogue, members[:-1], BY)
    found = verify(catalogue).findings
    assert [one.kind for one in found] == ["split"] and after in found[0].where


def test_merged_patients_of_two_splits_lose_their_train_side_in_later_versions(catalogue: Engine) -> None:
    _, members = stale(catalogue)
    datasets.add_dataset(catalogue, members, BY)
    done = patient_identity.merge_patients(catalogue, "pt-0006", "pt-0001", "the PACS merged them", BY)
    assert done.splits == ("test", "train") and done.written
    assert not patient_identity.merge_patients(catalogue, "pt-0001", "pt-0006", "again", BY).written
    verdict = verify(catalogue)
    assert verdict.findings == () and [one.kind for one in verdict.warnings] == ["later_link"]
    with pytest.raises(LeakError, match="person"):
        datasets.add_dataset(catalogue, members[:-1], BY)
    found = datasets.candidates(catalogue)
    decided = leak_guard.decide(found)
    assert {one.patient_key for one in decided if one.excluded_reason == leak_guard.MERGED} == {"pt-0001"}
    assert {one.patient_key for one in decided if one.included} >= {"pt-0006", "pt-0000", "pt-0002"}
    report = leak_guard.guard(decided, found)
    report.refuse()
    assert [one.kind for one in report.kept_apart] == [leak_guard.MERGED]
    with pytest.raises(LeakError, match="merged patient"):
        leak_guard.guard(members, found).refuse()
    datasets.add_dataset(catalogue, decided, BY)
    assert verify(catalogue).findings == ()


def test_three_merged_patients_are_one_person_whatever_the_order(catalogue: Engine) -> None:
    stale(catalogue)
    for pair in (("pt-0000", "pt-0003"), ("pt-0003", "pt-0006"), ("pt-0000", "pt-0001")):
        patient_identity.merge_patients(catalogue, *pair, "one person", BY)
    decided = leak_guard.decide(datasets.candidates(catalogue))
    left_out = {one.patient_key for one in decided if one.excluded_reason == leak_guard.MERGED}
    assert left_out == {"pt-0000", "pt-0001", "pt-0003"}


# Counts of runs


def end_killed(engine: Engine, kind: str, run: str) -> None:
    """As after the machine that held the run's lease was switched off."""
    lease = leases.held(engine, f"{kind} {run}")
    assert lease is not None
    leases.forget(engine, lease)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lease SET boot_id = 'another', renewed = renewed - 1000")
    assert [one.run_id for one in end_abandoned(engine, BY)] == [run]


def test_a_killed_ingest_is_recorded_with_the_images_and_refusals_that_it_stored(catalogue: Engine) -> None:
    run = ingest_runs.begin_ingest(catalogue, "mura", BY)
    add_images(catalogue, run, [db_story.record(n) for n in range(5)])
    end_killed(catalogue, "ingest", run)
    with catalogue.connect() as connection:
        row = connection.exec_driver_sql(
            "SELECT status, n_new, n_quarantined, n_unchanged, n_ignored, n_seen FROM ingest_runs"
        ).one()
    assert tuple(row) == ("failed", 5, 0, None, None, None)
    assert verify(catalogue).findings == ()


def test_verify_finds_an_ingest_that_says_other_counts_than_its_rows(catalogue: Engine) -> None:
    run = ingest_runs.begin_ingest(catalogue, "mura", BY)
    add_images(catalogue, run, [db_story.record(n) for n in range(5)])
    zeros = {f"n_{name}": 0 for name in ("new", "unchanged", "changed", "filtered", "ignored", "quarantined")}
    with writing(catalogue) as connection:
        event = {"ingest_run_id": 1, "status": "failed", "reason": "x", **zeros, "seconds": None}
        append(connection, "ingest_event", [event], BY)
    found = verify(catalogue).findings
    assert [one.kind for one in found] == ["counts"] and "says 0 new" in found[0].message
    with writing(catalogue) as connection:  # as an upgrade marks what was there before
        append(connection, "fact", [{"name": "counts_of_rows_after", "value": "1000"}], BY)
    verdict = verify(catalogue)
    assert verdict.findings == () and [one.kind for one in verdict.warnings] == ["counts"]


def test_a_killed_evaluation_is_recorded_with_the_predictions_that_it_stored(catalogue: Engine) -> None:
    story = db_story.tell(catalogue)
    run = evaluations.begin_evaluation(
        catalogue,
        model_version_id=story.ensemble_id,
        dataset_id=None,
        purpose="prospective",
        facts=db_story.FACTS,
        by=BY,
    ).evaluation_id
    images = [ImagePrediction("im-0090-0", "st-0090", "pt-0090", None, None, 0.9)]
    predictions.add_predictions(catalogue, run, images, [StudyPrediction("st-0090", "pt-0090", None, None, 1, 0.9)], BY)
    end_killed(catalogue, "evaluation", run)
    with catalogue.connect() as connection:
        sql = "SELECT n_image_predictions, n_study_predictions FROM evaluation_event ORDER BY id DESC LIMIT 1"
        assert tuple(connection.exec_driver_sql(sql).one()) == (1, 1)
    assert verify(catalogue).findings == ()


def test_a_picture_that_is_gone_costs_its_study_alone_when_new_studies_are_scored(
    here: Path, tmp_path: Path, films: list[np.ndarray]
) -> None:
    from db.image_refs import refs_of_studies
    from tasks.raw_scores import broken_studies

    ingested(here, listed(tmp_path / "first", films[:3], ["train"] * 3))
    engine = open_catalogue(here)
    refs = refs_of_studies(engine, [one.study_uid for one in datasets.candidates(engine)])
    assert broken_studies(refs) == {}
    Path(refs[1].file).unlink()
    assert list(broken_studies(refs)) == [refs[1].study_uid]
