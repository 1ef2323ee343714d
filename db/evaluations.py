"""Evaluations, predictions, metrics, comparisons, explanations and reports: append-only and chained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine

from db.chain import append, append_rows
from db.engine import reading, writing
from db.labels import current_version
from db.rows import environment, every, new_id, one, row_id, row_ids
from wrist_model.errors import CatalogueError, DataError
from wrist_model.records import (
    Comparison,
    Explanation,
    ImagePrediction,
    LineageFacts,
    Metric,
    Provenance,
    Split,
    StudyPrediction,
)

Purpose = Literal["evaluation", "prospective"]


@dataclass(frozen=True)
class EvaluationStart:
    """resumed: begun before; complete: finished before, its predictions and metrics can be read back."""

    evaluation_id: str
    resumed: bool
    complete: bool


@dataclass(frozen=True)
class EvaluationRow:
    evaluation_id: str
    purpose: str
    model_version_id: str
    architecture: str
    dataset_id: str | None
    label_version: int
    status: str
    created_at: str


@dataclass(frozen=True)
class LeakDemonstration:
    """protocol: image_split (the leaky one) or patient_split."""

    dataset_id: str
    architecture: str
    protocol: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n_images: int
    n_patients: int
    recipe_sha256: str | None = None
    note: str = ""


def begin_evaluation(
    engine: Engine,
    *,
    model_version_id: str,
    dataset_id: str | None,
    purpose: Purpose,
    facts: LineageFacts,
    by: Provenance,
    recipe_sha256: str | None = None,
) -> EvaluationStart:
    """Write the start of an evaluation, or take up the one of the same model, version and purpose whose recipe says
    the same of evaluation, also one that failed: what it has stored is not stored twice.

    Evaluations on a frozen version are taken up finished or not, prospective ones never. recipe_sha256: of a stored
    recipe, whose [evaluation] decides intervals and operating points; another margin is no reason for another look.
    """
    if (purpose == "evaluation") != (dataset_id is not None):
        raise DataError("An evaluation needs a data-set version; a prospective scoring has none.")
    with writing(engine) as connection:
        model = row_id(connection, "model_version", "model_version_id", model_version_id)
        dataset = row_id(connection, "dataset_version", "dataset_id", dataset_id) if dataset_id else None
        recipe = row_id(connection, "recipe", "recipe_sha256", recipe_sha256) if recipe_sha256 else None
        if purpose == "evaluation":
            said = one(connection, "SELECT content FROM recipe WHERE id = :id", id=recipe)
            wanted = _of_evaluation(said.content if said else None)
            for row in every(
                connection,
                "SELECT e.evaluation_id, r.content, v.status FROM evaluation e "
                "LEFT JOIN recipe r ON r.id = e.recipe_id "
                "LEFT JOIN evaluation_event v ON v.id = (SELECT max(id) FROM evaluation_event "
                "WHERE evaluation_id = e.id) WHERE e.model_version_id = :model "
                "AND e.dataset_version_id = :dataset AND e.purpose = 'evaluation' ORDER BY e.id DESC",
                model=model,
                dataset=dataset,
            ):
                if _of_evaluation(row.content) != wanted:
                    continue
                if row.status == "failed":
                    number = row_id(connection, "evaluation", "evaluation_id", row.evaluation_id)
                    counts = {"n_image_predictions": 0, "n_study_predictions": 0}
                    event = {"evaluation_id": number, "status": "resumed", "reason": None, **counts}
                    append(connection, "evaluation_event", [event], by)
                return EvaluationStart(row.evaluation_id, True, row.status == "finished")
        version = (
            one(connection, "SELECT label_version AS v FROM dataset_version WHERE id = :id", id=dataset).v
            if dataset
            else current_version(connection)
        )
        row = {
            "evaluation_id": new_id("ev"),
            "purpose": purpose,
            "model_version_id": model,
            "dataset_version_id": dataset,
            "label_version": version,
            "recipe_id": recipe,
            "environment_id": environment(connection, facts, by),
        }
        append(connection, "evaluation", [row], by)
    return EvaluationStart(str(row["evaluation_id"]), False, False)


def _of_evaluation(recipe_json: str | None) -> Any:
    """What a recipe says of evaluation; None without a recipe."""
    return None if recipe_json is None else json.loads(recipe_json).get("evaluation", {})


def add_predictions(
    engine: Engine,
    evaluation_id: str,
    images: Sequence[ImagePrediction],
    studies: Sequence[StudyPrediction],
    by: Provenance,
) -> int:
    """Store predictions of images and studies in one transaction; those there already are left out. Returns new rows.

    Raises CatalogueError for test rows of a model whose operating points are not locked, or a threshold other than
    the locked one; DataError for an unknown image or study. The first test rows of an evaluation on a frozen version
    write a look at the hold-out.
    """
    both: list[Any] = [*images, *studies]
    with writing(engine) as connection:
        run = _evaluation(connection, evaluation_id)
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
        added = _store(connection, run.id, "image", images, points, by)
        added += _store(connection, run.id, "study", studies, points, by)
        tested = run.dataset_version_id is not None and any(row.split == "test" for row in both)
        if tested and not one(connection, "SELECT id FROM holdout_look WHERE evaluation_id = :id", id=run.id):
            session = by.prefect_flow_run_id or evaluation_id
            look = {"evaluation_id": run.id, "dataset_version_id": run.dataset_version_id, "session": session}
            append(connection, "holdout_look", [look], by)
    return added


def finish_evaluation(
    engine: Engine,
    evaluation_id: str,
    by: Provenance,
    status: Literal["finished", "failed"] = "finished",
    reason: str | None = None,
) -> None:
    """Write how an evaluation ended. Raises DataError that names what is missing when a frozen version's validation
    or test images or studies have no prediction."""
    with writing(engine) as connection:
        run = _evaluation(connection, evaluation_id)
        if status == "finished" and run.dataset_version_id is not None:
            _refuse_incomplete(connection, run)
        counts = {
            f"n_{level}_predictions": one(
                connection, f"SELECT count(*) AS n FROM {level}_prediction WHERE evaluation_id = :id", id=run.id
            ).n
            for level in ("image", "study")
        }
        row = {"evaluation_id": run.id, "status": status, "reason": reason, **counts}
        append(connection, "evaluation_event", [row], by)


def image_predictions(engine: Engine, evaluation_id: str, split: Split | None = None) -> list[ImagePrediction]:
    """The stored rows of an evaluation (of one split), by image_uid."""
    columns = "image_uid, study_uid, patient_key, split, label, raw_probability, probability, operating_point, "
    return [
        ImagePrediction(*row)
        for row in _stored(engine, "image", columns + "threshold, predicted_label", evaluation_id, split)
    ]


def study_predictions(engine: Engine, evaluation_id: str, split: Split | None = None) -> list[StudyPrediction]:
    """The stored rows of an evaluation (of one split), by study_uid."""
    columns = "study_uid, patient_key, split, label, n_images, raw_probability, probability, operating_point, "
    return [
        StudyPrediction(*row)
        for row in _stored(engine, "study", columns + "threshold, predicted_label", evaluation_id, split)
    ]


def add_metrics(engine: Engine, evaluation_id: str, metrics: Sequence[Metric], by: Provenance) -> int:
    """Store metrics; one with the same split, level, subgroup, point and name stays as it is. Returns new rows."""
    with writing(engine) as connection:
        run = _evaluation(connection, evaluation_id)
        key = ("split", "level", "subgroup", "operating_point", "metric")
        stored = {
            tuple(row)
            for row in every(connection, f"SELECT {', '.join(key)} FROM metric WHERE evaluation_id = :id", id=run.id)
        }
        rows = [
            {"evaluation_id": run.id, **asdict(metric)}
            for metric in metrics
            if tuple(getattr(metric, name) for name in key) not in stored
        ]
        if rows:
            append(connection, "metric", rows, by)
    return len(rows)


def metrics(engine: Engine, evaluation_id: str) -> list[Metric]:
    """The stored metrics, in the order in which they were stored."""
    names = ", ".join(Metric.__dataclass_fields__)
    with reading(engine) as connection:
        run = _evaluation(connection, evaluation_id)
        rows = every(connection, f"SELECT {names} FROM metric WHERE evaluation_id = :id ORDER BY id", id=run.id)
    return [Metric(*row) for row in rows]


def add_comparisons(
    engine: Engine, evaluation_id: str, comparisons: Sequence[Comparison], by: Provenance
) -> tuple[str, ...]:
    """Store paired comparisons (challenger and reference are model version ids); returns their ids, in order.

    One with the same pair, metric and method in this evaluation stays as it is.
    """
    with writing(engine) as connection:
        run = _evaluation(connection, evaluation_id)
        looks = _looks(connection, run.dataset_version_id) if run.dataset_version_id else 0
        stored = {
            tuple(row[1:]): row[0]
            for row in every(
                connection,
                "SELECT comparison_id, challenger_id, reference_id, metric, method FROM comparison "
                "WHERE evaluation_id = :id",
                id=run.id,
            )
        }
        ids, rows = [], []
        for one_ in comparisons:
            values: dict[str, Any] = asdict(one_)
            for side in ("challenger", "reference"):
                values[f"{side}_id"] = row_id(connection, "model_version", "model_version_id", values.pop(side))
            key = (values["challenger_id"], values["reference_id"], one_.metric, one_.method)
            if key not in stored:
                stored[key] = new_id("cm")
                head = {"comparison_id": stored[key], "evaluation_id": run.id, "holdout_looks": looks}
                rows.append({**head, **values})
            ids.append(stored[key])
        if rows:
            append(connection, "comparison", rows, by)
    return tuple(ids)


def comparisons(engine: Engine, evaluation_id: str) -> list[tuple[str, Comparison, int]]:
    """(comparison_id, comparison, looks at the hold-out by then), in the order in which they were stored."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT c.comparison_id, x.model_version_id, y.model_version_id, c.metric, c.difference, c.ci_low, "
            "c.ci_high, c.method, c.n_patients, c.p_value, c.holdout_looks FROM comparison c "
            "JOIN model_version x ON x.id = c.challenger_id JOIN model_version y ON y.id = c.reference_id "
            "WHERE c.evaluation_id = :id ORDER BY c.id",
            id=_evaluation(connection, evaluation_id).id,
        )
    return [(row[0], Comparison(*row[1:10]), row[10]) for row in rows]


def holdout_looks(engine: Engine, dataset_id: str) -> int:
    """How often the most often looked-at test patient of this version was scored; one session is one look."""
    with reading(engine) as connection:
        return _looks(connection, row_id(connection, "dataset_version", "dataset_id", dataset_id))


def add_explanations(
    engine: Engine, evaluation_id: str, explanations: Sequence[Explanation], by: Provenance
) -> tuple[str, ...]:
    """Store heat maps of an evaluation's image predictions; the same file again stays one row. Returns their ids."""
    with writing(engine) as connection:
        run = _evaluation(connection, evaluation_id)
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
            id=_evaluation(connection, evaluation_id).id,
        )
    return [Explanation(*(*row[:5], bool(row[5]), *row[6:])) for row in rows]


def evaluation(engine: Engine, evaluation_id: str) -> EvaluationRow:
    """One evaluation. Raises DataError when there is none of that id."""
    found = [row for row in evaluations(engine) if row.evaluation_id == evaluation_id]
    if not found:
        raise DataError(f"No evaluation {evaluation_id!r} in the catalogue.")
    return found[0]


def evaluations(
    engine: Engine, dataset_id: str | None = None, model_version_id: str | None = None
) -> list[EvaluationRow]:
    """All evaluations (of a version, of a model), oldest first."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT v.evaluation_id, v.purpose, v.model_version_id, v.architecture, v.dataset_id, v.label_version, "
            "v.status, v.started_at FROM evaluations v JOIN evaluation e ON e.evaluation_id = v.evaluation_id "
            "ORDER BY e.id",
        )
    found = [EvaluationRow(*row) for row in rows]
    return [
        row
        for row in found
        if dataset_id in (None, row.dataset_id) and model_version_id in (None, row.model_version_id)
    ]


def add_report(
    engine: Engine,
    *,
    path: str,
    file_sha256: str,
    kind: str,
    dataset_id: str | None,
    evaluation_ids: Sequence[str],
    by: Provenance,
) -> str:
    """Write that a report (or model card, checklist) was made; path below WRIST_HOME. Returns report_id."""
    with writing(engine) as connection:
        dataset = row_id(connection, "dataset_version", "dataset_id", dataset_id) if dataset_id else None
        row = {
            "report_id": new_id("rp"),
            "kind": kind,
            "path": path,
            "file_sha256": file_sha256,
            "dataset_version_id": dataset,
            "evaluation_ids": json.dumps(list(evaluation_ids)),
        }
        append(connection, "report", [row], by)
    return str(row["report_id"])


def add_leak_demonstration(engine: Engine, shown: LeakDemonstration, by: Provenance) -> None:
    """Write one number of the leaky protocol or of the honest one beside it; stands apart from all evaluations."""
    with writing(engine) as connection:
        row = asdict(shown)
        row["dataset_version_id"] = row_id(connection, "dataset_version", "dataset_id", row.pop("dataset_id"))
        append(connection, "leak_demonstration", [row], by)


def leak_demonstrations(engine: Engine, dataset_id: str) -> list[LeakDemonstration]:
    """The stored demonstrations on a version, in order."""
    names = ", ".join(LeakDemonstration.__dataclass_fields__)
    with reading(engine) as connection:
        rows = every(
            connection,
            f"SELECT {names} FROM leak_demonstrations WHERE dataset_id = :id ORDER BY created_at",
            id=dataset_id,
        )
    return [LeakDemonstration(*row) for row in rows]


def _evaluation(connection: Connection, evaluation_id: str) -> Any:
    found = one(
        connection,
        "SELECT id, model_version_id, dataset_version_id FROM evaluation WHERE evaluation_id = :id",
        id=evaluation_id,
    )
    if found is None:
        raise DataError(f"No evaluation {evaluation_id!r} in the catalogue.")
    return found


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
        tail = (float(row.raw_probability), probability, point, row.predicted_label)
        rows.append((*head, row.split, row.label, *tail))
    if not rows:
        return 0
    names = ["evaluation_id", f"{level}_id", *(["n_images"] if level == "study" else []), "split", "label"]
    names += ["raw_probability", "probability", "operating_point_id", "predicted_label"]
    rows.sort(key=lambda values: values[1])
    append_rows(connection, f"{level}_prediction", names, rows, by)
    return len(rows)


def _refuse_incomplete(connection: Connection, run: Any) -> None:
    for level in ("image", "study"):
        missing = every(
            connection,
            f"SELECT DISTINCT x.{'image_uid' if level == 'image' else 'study_uid'} AS uid FROM dataset_member m "
            f"JOIN {level} x ON x.id = m.{level}_id WHERE m.dataset_version_id = :dataset AND m.included = 1 "
            f"AND m.split IN ('validation', 'test') AND NOT EXISTS (SELECT 1 FROM {level}_prediction p "
            f"WHERE p.evaluation_id = :run AND p.{level}_id = m.{level}_id) ORDER BY 1",
            dataset=run.dataset_version_id,
            run=run.id,
        )
        if missing:
            names = ", ".join(row.uid for row in missing[:3])
            raise DataError(f"Evaluation not finished: {len(missing)} {level}(s) have no prediction: {names} …")


def _stored(engine: Engine, level: str, columns: str, evaluation_id: str, split: str | None) -> Sequence[Any]:
    condition = "" if split is None else "AND split = :split "
    values = {"id": evaluation_id} if split is None else {"id": evaluation_id, "split": split}
    with reading(engine) as connection:
        _evaluation(connection, evaluation_id)
        return every(
            connection,
            f"SELECT {columns} FROM {level}_predictions WHERE evaluation_id = :id {condition}ORDER BY {level}_uid",
            **values,
        )


def _looks(connection: Connection, dataset: int) -> int:
    found = one(
        connection,
        "SELECT coalesce(max(n), 0) AS n FROM (SELECT t.patient_id, count(DISTINCT h.session) AS n FROM holdout_look h "
        "JOIN dataset_patient t ON t.dataset_version_id = h.dataset_version_id AND t.split = 'test' "
        "JOIN dataset_patient mine ON mine.patient_id = t.patient_id AND mine.dataset_version_id = :dataset "
        "AND mine.split = 'test' GROUP BY t.patient_id) counted",
        dataset=dataset,
    )
    return int(found.n)
