"""Freeze a data-set version: decide each image's place, let the guard look, store it under its hash."""

from __future__ import annotations

from prefect import get_run_logger, task

from db import datasets, near_duplicates
from db.engine import open_catalogue
from tasks.near_duplicates import link_near_duplicates
from tasks.runtime.provenance import provenance
from tasks.split_preview import sentence
from wrist_model.cohort import class_counts, leak_guard


@task(name="freeze", task_run_name="freeze the data set", tags=["catalogue"])
def freeze(*, need_both_classes: bool = True) -> str:
    """Writes one data-set version (or finds the same one) and gives its id.

    Raises LeakError when the guard finds a patient or a picture on two sides, DataError when, for training, a split
    lacks a class.
    """
    engine = open_catalogue()
    link_near_duplicates(engine, provenance())
    near = near_duplicates.near_duplicates(engine)
    found = datasets.candidates(engine)
    members = leak_guard.decide(found, near)
    if need_both_classes:
        class_counts.require(members)
    report = leak_guard.guard(members, found, near)
    report.refuse()
    dataset_id = datasets.add_dataset(engine, members, provenance(), guard=sentence(report))
    counts = "; ".join(f"{split}: {studies} studies, {images} images" for split, _, studies, images, _ in report.counts)
    left_out = sum(number for _, number in report.excluded)
    get_run_logger().info("Data set %s: %s; %d images left out.", dataset_id, counts, left_out)
    return dataset_id
