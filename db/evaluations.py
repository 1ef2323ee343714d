"""Evaluations: a model version on a frozen data-set version, and the looks at its hold-out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.labels import current_version
from db.lookups import environment, every, new_id, one, row_id
from wrist_model.errors import DataError
from wrist_model.records import (
    LineageFacts,
    Provenance,
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
        run = evaluation_row(connection, evaluation_id)
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


def holdout_looks(engine: Engine, dataset_id: str) -> int:
    """How often the most often looked-at test patient of this version was scored; one session is one look."""
    with reading(engine) as connection:
        return looks_at(connection, row_id(connection, "dataset_version", "dataset_id", dataset_id))


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


def evaluation_row(connection: Connection, evaluation_id: str) -> Any:
    found = one(
        connection,
        "SELECT id, model_version_id, dataset_version_id FROM evaluation WHERE evaluation_id = :id",
        id=evaluation_id,
    )
    if found is None:
        raise DataError(f"No evaluation {evaluation_id!r} in the catalogue.")
    return found


def looks_at(connection: Connection, dataset: int) -> int:
    found = one(
        connection,
        "SELECT coalesce(max(n), 0) AS n FROM (SELECT t.patient_id, count(DISTINCT h.session) AS n FROM holdout_look h "
        "JOIN dataset_patient t ON t.dataset_version_id = h.dataset_version_id AND t.split = 'test' "
        "JOIN dataset_patient mine ON mine.patient_id = t.patient_id AND mine.dataset_version_id = :dataset "
        "AND mine.split = 'test' GROUP BY t.patient_id) counted",
        dataset=dataset,
    )
    return int(found.n)


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
