"""Stored heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.evaluations import evaluation_row
from db.lookups import every, new_id, one, row_ids
from wrist_model.errors import DataError
from wrist_model.records import (
    Explanation,
    Provenance,
)


def add_explanations(
    engine: Engine, evaluation_id: str, explanations: Sequence[Explanation], by: Provenance
) -> tuple[str, ...]:
    """Store heat maps of an evaluation's image predictions; the same file again stays one row. Returns their ids."""
    with writing(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        images = row_ids(connection, "image", "image_uid", [one_.image_uid for one_ in explanations])
        predictions = {
            row.image_id: row.id
            for row in every(
                connection, "SELECT id, image_id FROM image_prediction WHERE evaluation_id = :id", id=run.id
            )
        }
        ids, rows = [], []
        for one_ in explanations:
            prediction = predictions.get(images.get(one_.image_uid, 0))
            if prediction is None:
                raise DataError(f"{evaluation_id} has no prediction of {one_.image_uid} to explain.")
            found = one(
                connection,
                "SELECT explanation_id AS id FROM explanation WHERE image_prediction_id = :prediction "
                "AND method = :method AND file_sha256 = :sha",
                prediction=prediction,
                method=one_.method,
                sha=one_.file_sha256,
            )
            ids.append(found.id if found else new_id("ex"))
            if not found:
                values = asdict(one_)
                del values["image_uid"]
                rows.append({"explanation_id": ids[-1], "image_prediction_id": prediction, **values})
        if rows:
            append(connection, "explanation", rows, by)
    return tuple(ids)


def explanations(engine: Engine, evaluation_id: str) -> list[Explanation]:
    """The stored heat maps of an evaluation."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT i.image_uid, x.method, x.path, x.file_sha256, x.sanity_score, x.withheld, x.note, x.border_share "
            "FROM explanation x JOIN image_prediction p ON p.id = x.image_prediction_id "
            "JOIN image i ON i.id = p.image_id WHERE p.evaluation_id = :id ORDER BY x.id",
            id=evaluation_row(connection, evaluation_id).id,
        )
    return [Explanation(*(*row[:5], bool(row[5]), *row[6:])) for row in rows]
