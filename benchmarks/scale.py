"""A generated catalogue of any size, for the audit trail's benchmarks."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from db import audit, catalogue, chain, datasets, evaluations
from db.chain import append_rows
from db.engine import open_catalogue, reading, writing
from db.rows import every
from wrist_model.records import (
    ImagePrediction,
    ImageRecord,
    LineageFacts,
    Member,
    OperatingPoint,
    Provenance,
    Split,
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
    run = catalogue.begin_ingest(engine, "generated", BY)
    for first in range(0, images, CHUNK):
        catalogue.add_images(engine, run, records(first, min(CHUNK, images - first)), BY)
    members = [
        Member(one.image_uid, one.study_uid, one.patient_key, one.split, one.label, True)
        for one in datasets.candidates(engine)
    ]
    dataset_id = datasets.add_dataset(engine, members, BY)
    recipe = "{}"
    start = audit.begin_training(
        engine,
        dataset_id=dataset_id,
        architecture="resnet50",
        seed=1,
        recipe_sha256=hashlib.sha256(recipe.encode()).hexdigest(),
        recipe_json=recipe,
        recipe_name="generated",
        weights_source="none",
        facts=FACTS,
        by=BY,
    )
    trained = TrainedModel("resnet50", "0" * 64, "none", None, 1, 1.0, ())
    model = audit.finish_training(engine, start.training_run_id, trained, BY)
    audit.add_operating_points(engine, model, POINTS, BY)
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
