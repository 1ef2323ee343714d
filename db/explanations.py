"""Stored heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.evaluations import evaluation_row
from db.lookups import among, every, new_id
from wrist_model.errors import DataError
from wrist_model.evidence_records import Explanation
from wrist_model.records import Provenance


def add_explanations(
    engine: Catalogue, evaluation_id: str, explanations: Sequence[Explanation], by: Provenance
) -> tuple[str, ...]:
    """Store heat maps of an evaluation's image predictions; the same file again stays one row. Returns their ids."""
    with writing(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        predictions = {
            row.image_uid: row.id
            for row in among(
                connection,
                "SELECT p.id, i.image_uid FROM image i JOIN image_prediction p ON p.image_id = i.id "
                "WHERE i.image_uid IN :values AND p.evaluation_id = :run",
                [one_.image_uid for one_ in explanations],
                run=run.id,
            )
        }
        stored = {
            (row.image_prediction_id, row.method, row.file_sha256): row.explanation_id
            for row in among(
                connection,
                "SELECT image_prediction_id, method, file_sha256, explanation_id FROM explanation "
                "WHERE image_prediction_id IN :values",
                predictions.values(),
            )
        }
        ids, rows = [], []
        for one_ in explanations:
            prediction = predictions.get(one_.image_uid)
            if prediction is None:
                raise DataError(f"{evaluation_id} has no prediction of {one_.image_uid} to explain.")
            found = stored.get((prediction, one_.method, one_.file_sha256))
            ids.append(found or new_id("ex"))
            if found is None:
                values = asdict(one_)
                del values["image_uid"]
                rows.append({"explanation_id": ids[-1], "image_prediction_id": prediction, **values})
        if rows:
            append(connection, "explanation", rows, by)
    return tuple(ids)


def explanations(engine: Catalogue, evaluation_id: str) -> list[Explanation]:
    """The stored heat maps of an evaluation."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT i.image_uid, x.method, x.path, x.file_sha256, x.sanity_score, x.withheld, x.note, x.border_share, "
            "x.sanity_similarity, x.sanity_p_value, x.sanity_rule "
            "FROM explanation x JOIN image_prediction p ON p.id = x.image_prediction_id "
            "JOIN image i ON i.id = p.image_id WHERE p.evaluation_id = :id ORDER BY x.id",
            id=evaluation_row(connection, evaluation_id).id,
        )
    return [Explanation(*(*row[:5], bool(row[5]), *row[6:])) for row in rows]
