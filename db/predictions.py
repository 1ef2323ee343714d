"""Stored predictions, of images and of studies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from sqlalchemy import Connection

from db import leases
from db.audit.chain import append, append_rows
from db.engine import Catalogue, reading, writing
from db.evaluations import evaluation_row
from db.hold_outs import named, of_set
from db.lookups import among, every, one, row_ids
from db.unended_runs import resource
from wrist_model.errors import CatalogueError, DataError
from wrist_model.records import (
    ImagePrediction,
    Provenance,
    Split,
    StudyPrediction,
)


def add_predictions(
    engine: Catalogue,
    evaluation_id: str,
    images: Sequence[ImagePrediction],
    studies: Sequence[StudyPrediction],
    by: Provenance,
) -> int:
    """Store predictions of images and studies in one transaction; those there already are left out. Returns new rows.

    Raises CatalogueError for test rows of a model whose operating points are not locked, or a threshold other than
    the locked one, or of another set than the evaluation's; DataError for an unknown image or study. The first test
    rows of an evaluation on a frozen version write a look at the hold-out.
    """
    both: list[Any] = [*images, *studies]
    with writing(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        leases.require(connection, resource("evaluation", evaluation_id))
        points = {
            (row.level, row.name): (row.id, row.threshold)
            for row in every(
                connection,
                "SELECT id, level, name, threshold FROM operating_point WHERE model_version_id = :model",
                model=run.model_version_id,
            )
        }
        if not points and any(row.split == "test" for row in both):
            raise CatalogueError(
                f"{evaluation_id}: the test split is scored only by a model with locked operating points; "
                "fix them on validation first."
            )
        if run.dataset_version_id is not None:
            _refuse_other_sets(connection, evaluation_id, run.hold_out, [row.study_uid for row in both])
        added = _store(connection, run.id, "image", images, points, by)
        added += _store(connection, run.id, "study", studies, points, by)
        tested = run.dataset_version_id is not None and any(row.split == "test" for row in both)
        if tested and not one(connection, "SELECT id FROM holdout_look WHERE evaluation_id = :id", id=run.id):
            session = by.prefect_flow_run_id or evaluation_id
            look = {"evaluation_id": run.id, "dataset_version_id": run.dataset_version_id, "session": session}
            append(connection, "holdout_look", [look], by)
    return added


def image_predictions(engine: Catalogue, evaluation_id: str, split: Split | None = None) -> list[ImagePrediction]:
    """The stored rows of an evaluation (of one split), by image_uid."""
    columns = "image_uid, study_uid, patient_key, split, label, raw_probability, probability, operating_point, "
    return [
        ImagePrediction(*row)
        for row in _stored(engine, "image", columns + "threshold, predicted_label, logit", evaluation_id, split)
    ]


def study_predictions(engine: Catalogue, evaluation_id: str, split: Split | None = None) -> list[StudyPrediction]:
    """The stored rows of an evaluation (of one split), by study_uid."""
    columns = "study_uid, patient_key, split, label, n_images, raw_probability, probability, operating_point, "
    return [
        StudyPrediction(*row)
        for row in _stored(engine, "study", columns + "threshold, predicted_label, logit", evaluation_id, split)
    ]


def images_scored(engine: Catalogue, model_version_id: str, image_uids: Iterable[str]) -> set[str]:
    """Of these images those that a model version has scored as images of new studies."""
    with reading(engine) as connection:
        rows = among(
            connection,
            # CROSS JOIN: SQLite begins with the images, and doesn't go through all evaluations of the model.
            "SELECT DISTINCT i.image_uid FROM image i CROSS JOIN image_prediction p "
            "CROSS JOIN evaluation e CROSS JOIN model_version m WHERE i.image_uid IN :values AND p.image_id = i.id "
            "AND e.id = p.evaluation_id AND e.purpose = 'prospective' AND m.id = e.model_version_id "
            "AND m.model_version_id = :model",
            image_uids,
            model=model_version_id,
        )
    return {row.image_uid for row in rows}


def _refuse_other_sets(connection: Connection, evaluation_id: str, hold_out: str | None, studies: list[str]) -> None:
    """Raises CatalogueError for studies of another set than the evaluation's: each set has its own looks."""
    others = among(
        connection,
        "SELECT s.study_uid FROM study s JOIN patient p ON p.id = s.patient_id "
        f"WHERE s.study_uid IN :values AND NOT {of_set('p')} ORDER BY s.study_uid",
        studies,
        hold_out=named(hold_out),
    )
    if others:
        what = f"the external set {hold_out}" if hold_out else "no external set"
        raise CatalogueError(f"{evaluation_id} is of {what}, and {others[0].study_uid} is not. Nothing was stored.")


def _store(
    connection: Connection,
    run: int,
    level: Literal["image", "study"],
    predictions: Sequence[Any],
    points: dict[tuple[str, str], tuple[int, float]],
    by: Provenance,
) -> int:
    if not predictions:
        return 0
    column = f"{level}_uid"
    ids = row_ids(connection, level, column, [getattr(row, column) for row in predictions])
    stored = {
        row[0]
        for row in every(connection, f"SELECT {level}_id FROM {level}_prediction WHERE evaluation_id = :id", id=run)
    }
    rows = []
    for row in predictions:
        uid = getattr(row, column)
        if uid not in ids:
            raise DataError(f"{level.capitalize()} {uid} was predicted but is not in the catalogue.")
        number = ids[uid]
        if number in stored:
            continue
        stored.add(number)
        if not 0 <= row.raw_probability <= 1:
            raise DataError(f"{uid}: probability {row.raw_probability}; expected 0 to 1. Nothing was stored.")
        point = None
        if row.operating_point is not None:
            point, threshold = points.get((level, row.operating_point), (None, None))
            if point is None or threshold != row.threshold:
                raise CatalogueError(
                    f"{uid}: operating point {row.operating_point} at {row.threshold} is not the model's locked one."
                )
        head = (run, number) if level == "image" else (run, number, int(row.n_images))
        probability = None if row.probability is None else float(row.probability)
        logit = None if row.logit is None else float(row.logit)
        tail = (float(row.raw_probability), probability, point, row.predicted_label, logit)
        rows.append((*head, row.split, row.label, *tail))
    if not rows:
        return 0
    names = ["evaluation_id", f"{level}_id", *(["n_images"] if level == "study" else []), "split", "label"]
    names += ["raw_probability", "probability", "operating_point_id", "predicted_label", "logit"]
    rows.sort(key=lambda values: values[1])
    append_rows(connection, f"{level}_prediction", names, rows, by)
    return len(rows)


def _stored(engine: Catalogue, level: str, columns: str, evaluation_id: str, split: str | None) -> Sequence[Any]:
    condition = "" if split is None else "AND split = :split "
    values = {"id": evaluation_id} if split is None else {"id": evaluation_id, "split": split}
    with reading(engine) as connection:
        evaluation_row(connection, evaluation_id)
        return every(
            connection,
            f"SELECT {columns} FROM {level}_predictions WHERE evaluation_id = :id {condition}ORDER BY {level}_uid",
            **values,
        )
