"""A generated catalogue of any size, for the audit trail's benchmarks."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from db import datasets, evaluations, ingest_runs, models, trainings
from db.audit import chain
from db.audit.chain import append_rows
from db.engine import open_catalogue, reading, writing
from db.images import add_images
from db.lookups import every
from wrist_model.records import (
    ImagePrediction,
    ImageRecord,
    LineageFacts,
    Member,
    OperatingPoint,
    Provenance,
    Split,
    StoredRecipe,
    StudyPrediction,
    TrainedModel,
)

BY = Provenance("benchmark")
FACTS = LineageFacts("0" * 40, False, (), ())
PER_STUDY = 4
POINTS = (
    OperatingPoint("image", "youden", 0.5, None, 1.0, 0.0, True),
    OperatingPoint("study", "youden", 0.5, None, 1.0, 0.0, True),
)
CHUNK = 20_000


def records(first: int, number: int) -> list[ImageRecord]:
    """Images first … first + number - 1; four to a study, one study a patient."""
    made = []
    for n in range(first, first + number):
        study = n // PER_STUDY
        split: Split = ("train", "train", "train", "validation", "test")[study % 5]
        sha256 = hashlib.sha256(str(n).encode()).hexdigest()
        made.append(
            ImageRecord(
                image_uid=f"im-{sha256[:32]}",
                study_uid=f"st-{_hex(study)}",
                patient_key=f"pt-{_hex(study)}",
                patient_known=True,
                source="generated",
                body_part="WRIST",
                root="/generated",
                path=f"patient{study:07d}/study1/image{n % PER_STUDY}.png",
                format="png",
                frame=0,
                file_sha256=sha256,
                file_size=90_000,
                file_mtime_ns=n,
                pixel_sha256=sha256,
                rows=512,
                columns=400,
                photometric="L",
                inverted=False,
                multi_view=False,
                decode_steps=("png:L",),
                split=split,
                label=study % 2,
                perceptual_hash=sha256[:16],
                mean_intensity=100.5,
            )
        )
    return made


def _hex(number: int) -> str:
    return hashlib.sha256(f"n{number}".encode()).hexdigest()[:32]


def made(home: Path, images: int) -> tuple[Engine, str, str]:
    """A catalogue of so many images, frozen, with one locked model: (engine, dataset_id, model_version_id)."""
    engine = open_catalogue(home)
    run = ingest_runs.begin_ingest(engine, "generated", BY)
    for first in range(0, images, CHUNK):
        add_images(engine, run, records(first, min(CHUNK, images - first)), BY)
    members = [
        Member(one.image_uid, one.study_uid, one.patient_key, one.split, one.label, True)
        for one in datasets.candidates(engine)
    ]
    dataset_id = datasets.add_dataset(engine, members, BY)
    recipe = "{}"
    start = trainings.begin_training(
        engine,
        dataset_id=dataset_id,
        architecture="resnet50",
        seed=1,
        recipe=StoredRecipe(hashlib.sha256(recipe.encode()).hexdigest(), "generated", recipe),
        facts=FACTS,
        by=BY,
    )
    trained = TrainedModel("resnet50", "0" * 64, "none", None, 1, 1.0, ())
    model = trainings.finish_training(engine, start.training_run_id, trained, BY)
    models.add_operating_points(engine, model, POINTS, BY)
    return engine, dataset_id, model


def predictions(first: int, number: int, seed: int) -> tuple[list[ImagePrediction], list[StudyPrediction]]:
    """Prospective predictions of those images and of their studies."""
    drawn = random.Random(seed)
    images, studies = [], []
    for one in records(first, number):
        p = drawn.random()
        images.append(
            ImagePrediction(
                one.image_uid, one.study_uid, one.patient_key, None, one.label, p, p, "youden", 0.5, int(p >= 0.5)
            )
        )
    for place in range(0, len(images), PER_STUDY):
        one_ = images[place]
        p = sum(row.raw_probability for row in images[place : place + PER_STUDY]) / PER_STUDY
        studies.append(
            StudyPrediction(
                one_.study_uid, one_.patient_key, None, one_.label, PER_STUDY, p, p, "youden", 0.5, int(p >= 0.5)
            )
        )
    return images, studies


def begin(engine: Engine, model: str) -> str:
    return evaluations.begin_evaluation(
        engine, model_version_id=model, dataset_id=None, purpose="prospective", facts=FACTS, by=BY
    ).evaluation_id


def fill(engine: Engine, model: str, images: int, rows: int) -> float:
    """Add evaluations of all images by the quickest way until there are so many image rows; returns rows/s in all.

    The evaluations are spread over a year: the trail's clock is set for them.
    """
    with reading(engine) as connection:
        ids = [row.id for row in every(connection, "SELECT id FROM image ORDER BY id")]
    rounds = -(-rows // images)
    drawn, begun, written, true_now = random.Random(1), time.perf_counter(), 0, chain.now
    point = (("image", 1), ("study", 2))
    try:
        for turn in range(rounds):
            days = 366 * turn // rounds
            stamp = (datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            chain.now = lambda stamp=stamp: stamp  # type: ignore[misc]
            evaluation_id = begin(engine, model)
            for first in range(0, images, 4 * CHUNK):
                chunk: Sequence[int] = ids[first : first + 4 * CHUNK]
                with writing(engine) as connection:
                    number = connection.exec_driver_sql("SELECT max(id) FROM evaluation").scalar()
                    studies = sorted({(image - 1) // PER_STUDY + 1 for image in chunk})
                    for (level, locked), subjects in zip(point, (chunk, studies), strict=True):
                        values = []
                        for subject in subjects:
                            p = drawn.random()
                            values.append((number, subject, PER_STUDY, subject % 2, p, p, locked, int(p >= 0.5)))
                        names = [*("evaluation_id", f"{level}_id", "n_images", "label", "raw_probability")]
                        names += ["probability", "operating_point_id", "predicted_label"]
                        if level == "image":
                            values = [(*row[:2], *row[3:]) for row in values]  # type: ignore[misc]
                            names.remove("n_images")
                        append_rows(connection, f"{level}_prediction", names, values, BY)
                        written += len(values)
            evaluations.finish_evaluation(engine, evaluation_id, BY)
    finally:
        chain.now = true_now
    return written / (time.perf_counter() - begun)


def pour(home: Path, images: int, rows: int) -> None:
    """A catalogue of so many images and image predictions by SQL alone, for look-ups: its hashes are not true.

    Twelve months of evaluations of all images; ids as `records` makes them.
    """
    engine, _, _ = made(home, PER_STUDY * 100)
    engine.dispose()
    file = sqlite3.connect(home / "catalogue.sqlite", isolation_level=None)
    file.create_function("sha", 1, lambda value: hashlib.sha256(str(value).encode()).hexdigest(), deterministic=True)
    run = file.execute
    run("PRAGMA synchronous = OFF")
    run("PRAGMA cache_size = -500000")
    guards = run("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_no_insert'").fetchall()
    for name, _ in guards:
        run(f"DROP TRIGGER {name}")
    studies, first = images // PER_STUDY, 101
    counted = "WITH RECURSIVE n(i) AS (SELECT {0} UNION ALL SELECT i + 1 FROM n WHERE i < {1}) "
    split = "CASE (i - 1) % 5 WHEN 3 THEN 'validation' WHEN 4 THEN 'test' ELSE 'train' END"
    uid = "substr(sha('n' || (i - 1)), 1, 32)"
    of_studies, of_images = counted.format(first, studies), counted.format(first * PER_STUDY - 3, images)
    run("BEGIN")
    run(
        f"INSERT INTO patient (id, entry, patient_key, patient_known, split) {of_studies}"
        f"SELECT i, 1, 'pt-' || {uid}, 1, {split} FROM n"
    )
    run(
        f"INSERT INTO study (id, entry, study_uid, patient_id, source, body_part) {of_studies}"
        f"SELECT i, 1, 'st-' || {uid}, i, 'generated', 'WRIST' FROM n"
    )
    run(
        f"INSERT INTO label (id, entry, label_version, study_id, label) {of_studies}"
        "SELECT i, 1, 1, i, (i - 1) % 2 FROM n"
    )
    kept = [row[1] for row in run("PRAGMA table_info(image)") if row[1] not in KEYS]
    listed = ", ".join(f'"{name}"' for name in kept)
    example = ", ".join(f'x."{name}"' for name in kept)
    run(
        "INSERT INTO image (id, entry, image_uid, study_id, patient_id, file_sha256, pixel_sha256, "
        f"{listed}) {of_images}"
        "SELECT i, 1, 'im-' || substr(sha(i - 1), 1, 32), (i - 1) / 4 + 1, (i - 1) / 4 + 1, sha(i - 1), sha(i - 1), "
        f"{example} FROM n JOIN image x ON x.id = 1"
    )
    run(
        "INSERT INTO dataset_patient (id, entry, dataset_version_id, patient_id, split) "
        f"SELECT id, 1, 1, id, split FROM patient WHERE id >= {first}"
    )
    run(
        "INSERT INTO dataset_pixels (id, entry, dataset_version_id, pixel_sha256, split) "
        "SELECT i.id, 1, 1, i.pixel_sha256, p.split FROM image i JOIN patient p ON p.id = i.patient_id "
        f"WHERE i.id > {PER_STUDY * 100}"
    )
    run(
        "INSERT INTO dataset_member (id, entry, dataset_version_id, image_id, study_id, patient_id, split, label, "
        "included, pixel_guard) SELECT i.id, 1, 1, i.id, i.study_id, i.patient_id, p.split, (i.study_id - 1) % 2, 1, "
        f"i.pixel_sha256 FROM image i JOIN patient p ON p.id = i.patient_id WHERE i.id > {PER_STUDY * 100}"
    )
    run("COMMIT")
    rounds = -(-rows // images)
    for turn in range(rounds):
        stamp = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=365 * turn // rounds)
        run("BEGIN")
        seq = run("SELECT max(seq) + 1 FROM audit_entry").fetchone()[0]
        number = turn + 1
        at = stamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        run(
            "INSERT INTO audit_entry SELECT ?, table_name, first_row, last_row, n_rows, batch_sha256, marks, "
            "chain_sha256, "
            "actor, ?, NULL FROM audit_entry WHERE seq = 1",
            (seq, at),
        )
        run(
            "INSERT INTO evaluation (id, entry, evaluation_id, purpose, model_version_id, label_version, "
            "environment_id) "
            "VALUES (?, ?, ?, 'prospective', 1, 1, 1)",
            (number, seq, f"ev-{number}"),
        )
        drawn = "abs(random()) / 9223372036854775807.0 AS p"
        for level, subject, extra, n in (("image", "image", "", images), ("study", "study", f"{PER_STUDY}, ", studies)):
            point = 1 if level == "image" else 2
            columns = "" if level == "image" else "n_images, "
            run(
                f"INSERT INTO {level}_prediction (id, entry, evaluation_id, {subject}_id, {columns}label, "
                "raw_probability, probability, operating_point_id, predicted_label) "
                f"SELECT {turn * n} + id, {seq}, {number}, id, {extra}"
                f"id % 2, p, p, {point}, p >= 0.5 FROM (SELECT id, {drawn} FROM {subject} ORDER BY id)"
            )
        run("COMMIT")
    for _, guard in guards:
        run(guard)
    run("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    engine = open_catalogue(home)
    with writing(engine) as connection:
        chain.count(connection)  # as the last batch would have done
    engine.dispose()


KEYS = ("id", "entry", "image_uid", "study_id", "patient_id", "file_sha256", "pixel_sha256")
