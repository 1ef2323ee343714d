"""Freeze a data-set version: decide each image's place, let the guard look, store it under its hash."""

from __future__ import annotations

from prefect import get_run_logger, task
from sqlalchemy import Connection

from db import datasets, near_duplicates
from db.catalogue_settings import label_meaning
from db.engine import open_catalogue, writing
from tasks.near_duplicates import comparable, link_near_duplicates
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from tasks.split_preview import counted, sentence
from wrist_model.cohort import class_counts, leak_guard
from wrist_model.cohort.leak_guard import GuardReport
from wrist_model.errors import DataError

SEARCHES = 3
"""How often near-duplicates are searched while others may write; after that they wait for one more search."""


@task(name="freeze", task_run_name="freeze the data set", tags=["catalogue"], **BUSY)
def freeze(*, need_both_classes: bool = True, mixed_labels: bool = False) -> str:
    """Writes one data-set version (or finds the same one) and gives its id.

    Near-duplicates are searched while others may write, for it takes long. What is frozen is read, decided, guarded
    and stored in one transaction; where other images can be frozen by then than were searched, the search goes on.
    Raises LeakError when the guard finds a patient or a picture on two sides, DataError when, for training, a split
    lacks a class, or, without mixed_labels, labels of its sources mean different things.
    """
    engine = open_catalogue()
    found = None
    for _ in range(SEARCHES):
        searched = link_near_duplicates(engine, provenance())
        with writing(engine) as connection:
            if searched == frozenset(comparable(connection)):
                found = _decided_and_stored(connection, need_both_classes, mixed_labels)
        if found is not None:
            break
    else:
        with writing(engine) as connection:
            link_near_duplicates(connection, provenance())
            found = _decided_and_stored(connection, need_both_classes, mixed_labels)
    dataset_id, report = found
    counts = "; ".join(
        f"{split}: {studies} studies, {images} images" for split, _, studies, images, _ in counted(report)
    )
    left_out = sum(number for _, number in report.excluded)
    get_run_logger().info("Data set %s: %s; %d images left out.", dataset_id, counts, left_out)
    if dataset_id != (newest := datasets.dataset(engine).dataset_id):
        get_run_logger().warning(
            "%s was frozen before and is what would be frozen now, but %s is newer: `wrist evaluate`, `wrist plan` and "
            "`wrist report` go by the newest where no --dataset is given.",
            dataset_id,
            newest,
        )
    return dataset_id


def _decided_and_stored(connection: Connection, need_both_classes: bool, mixed_labels: bool) -> tuple[str, GuardReport]:
    """The version's id, and the guard's report on what is stored. Raising rolls the caller's transaction back."""
    near = near_duplicates.near_duplicates(connection)
    found = datasets.candidates(connection)
    members = leak_guard.decide(found, near)
    if need_both_classes:
        class_counts.require(members)
    report = leak_guard.guard(members, found, near)
    report.refuse()
    dataset_id = datasets.add_dataset(connection, members, provenance(), guard=sentence(report))
    stored = leak_guard.guard(datasets.members(connection, dataset_id), found, near)
    stored.refuse()
    if not mixed_labels:
        _refuse_mixture(connection, dataset_id)
    return dataset_id, stored


def _refuse_mixture(connection: Connection, dataset_id: str) -> None:
    """Raises DataError for a version whose sources mean different things by a positive label; external sets aside."""
    meanings: dict[str, list[str]] = {}
    for source in datasets.sources(connection, dataset_id, included=True):
        meanings.setdefault(label_meaning(connection, source), []).append(source)
    if len(meanings) > 1:
        said = " and ".join(f"{meaning!r} ({', '.join(sources)})" for meaning, sources in meanings.items())
        raise DataError(
            f"Not frozen: a positive label means {said}. Train on one kind, each in a WRIST_HOME of its own; "
            "or take both for one thing: `mixed_labels = true` below [data] in the recipe, or `wrist split --freeze "
            "--mixed-labels`."
        )
