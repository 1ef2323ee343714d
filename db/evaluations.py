"""Evaluations: a model version on a frozen data-set version, and the looks at its hold-out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from db import leases
from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.hold_outs import internal, named, of_set
from db.ingest_counts import evaluation_counts
from db.labels import current_version
from db.lookups import environment, every, new_id, one, ran_forward, row_id
from db.models import refuse_replicate
from db.recipes import add_recipe
from db.schema.views import OF_REPLICATE
from db.unended_runs import fail_if_abandoned, resource
from wrist_model.errors import DataError
from wrist_model.records import EVALUATED_SPLITS, Forward, LineageFacts, Provenance, Split, StoredRecipe

Purpose = Literal["evaluation", "prospective"]
_LAST_EVENT = (
    "LEFT JOIN evaluation_event v ON v.id = (SELECT max(x.id) FROM evaluation_event x WHERE x.evaluation_id = e.id)"
)


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
    hold_out: str | None = None  # the external set that it scored; None: validation and the internal test split
    engine: str = "tensorflow"  # as in Forward
    precision: str = "f32"

    @property
    def splits(self) -> tuple[Split, ...]:
        return scored_splits(self.hold_out)

    @property
    def frozen_dataset_id(self) -> str:
        """The data-set version. Raises DataError for an evaluation of new studies, which has none."""
        if self.dataset_id is None:
            raise DataError(f"{self.evaluation_id} scored new studies: it has no data-set version to measure on.")
        return self.dataset_id


def scored_splits(hold_out: str | None) -> tuple[Split, ...]:
    """What an evaluation scores, in this order: of an external set there is test alone."""
    return EVALUATED_SPLITS if hold_out is None else ("test",)


def begin_evaluation(
    engine: Catalogue,
    *,
    model_version_id: str,
    dataset_id: str | None,
    purpose: Purpose,
    facts: LineageFacts,
    by: Provenance,
    recipe: StoredRecipe | None = None,
    hold_out: str | None = None,
) -> EvaluationStart:
    """Write the start of an evaluation, or take up the one of the same model, version, set and purpose whose recipe
    says the same of evaluation, also one that failed: what it has stored is not stored twice.

    Evaluations on a frozen version are taken up finished, or not where the engine is still the same, prospective ones
    never. recipe: stored
    too, also where an evaluation is taken up; its [evaluation] decides intervals and operating points, another margin
    is no reason for another look. hold_out: the external set that is scored. Raises DataError for a replicate that
    would score new studies or an external set.
    """
    if (purpose == "evaluation") != (dataset_id is not None):
        raise DataError("An evaluation needs a data-set version; a prospective scoring has none.")
    with writing(engine) as connection:
        model = row_id(connection, "model_version", "model_version_id", model_version_id)
        dataset = row_id(connection, "dataset_version", "dataset_id", dataset_id) if dataset_id else None
        if purpose == "prospective" or hold_out:
            refuse_replicate(connection, model, "score other studies than its own version's")
        recipe_id = add_recipe(connection, recipe, by) if recipe else None
        if purpose == "evaluation":
            wanted = _of_evaluation(recipe.canonical_json if recipe else None)
            for row in every(
                connection,
                "SELECT e.evaluation_id, r.content, v.status, coalesce(e.engine, 'tensorflow') AS engine, "
                "coalesce(e.precision, 'f32') AS precision FROM evaluation e "
                "LEFT JOIN recipe r ON r.id = e.recipe_id "
                f"{_LAST_EVENT} WHERE e.model_version_id = :model "
                f"AND e.dataset_version_id = :dataset AND e.purpose = 'evaluation' AND {of_set('e')} "
                "ORDER BY e.id DESC",
                model=model,
                dataset=dataset,
                hold_out=named(hold_out),
            ):
                if _of_evaluation(row.content) != wanted:
                    continue
                if row.status == "finished":
                    return EvaluationStart(row.evaluation_id, True, True)
                if facts.forward and facts.forward != Forward(row.engine, row.precision):
                    continue  # half of its scores would be of one engine, half of another
                ended = fail_if_abandoned(connection, "evaluation", row.evaluation_id, by)
                leases.take(connection, resource("evaluation", row.evaluation_id), by.prefect_flow_run_id)
                if ended or row.status == "failed":
                    number = row_id(connection, "evaluation", "evaluation_id", row.evaluation_id)
                    counts = {"n_image_predictions": 0, "n_study_predictions": 0}
                    event = {"evaluation_id": number, "status": "resumed", "reason": None, **counts}
                    append(connection, "evaluation_event", [event], by)
                return EvaluationStart(row.evaluation_id, True, False)
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
            "recipe_id": recipe_id,
            "environment_id": environment(connection, facts, by),
            "hold_out": hold_out,
            **ran_forward(facts),
        }
        append(connection, "evaluation", [row], by)
        leases.take(connection, resource("evaluation", str(row["evaluation_id"])), by.prefect_flow_run_id)
    return EvaluationStart(str(row["evaluation_id"]), False, False)


def _of_evaluation(recipe_json: str | None) -> Any:
    """What a recipe says of evaluation; None without a recipe."""
    return None if recipe_json is None else json.loads(recipe_json).get("evaluation", {})


def finish_evaluation(
    engine: Catalogue,
    evaluation_id: str,
    by: Provenance,
    status: Literal["finished", "failed"] = "finished",
    reason: str | None = None,
) -> None:
    """Write how an evaluation ended. Raises DataError that names what is missing when a frozen version's validation
    or internal test images or studies (or the external set's) have no prediction."""
    with writing(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        leases.require(connection, resource("evaluation", evaluation_id))
        if status == "finished" and run.dataset_version_id is not None:
            _refuse_incomplete(connection, run)
        row = {"evaluation_id": run.id, "status": status, "reason": reason, **evaluation_counts(connection, run.id)}
        append(connection, "evaluation_event", [row], by)
        leases.give_back(connection, resource("evaluation", evaluation_id))


def holdout_looks(engine: Catalogue, dataset_id: str, hold_out: str | None = None) -> int:
    """How often the most often looked-at patient of this version's internal test split, or of an external set in it,
    was scored; one session is one look. That of a replicate is none: no decision can follow from it."""
    with reading(engine) as connection:
        return looks_at(connection, row_id(connection, "dataset_version", "dataset_id", dataset_id), hold_out)


def evaluation(engine: Catalogue, evaluation_id: str) -> EvaluationRow:
    """One evaluation. Raises DataError when there is none of that id."""
    found = _rows(engine, "e.evaluation_id = :id", id=evaluation_id)
    if not found:
        raise DataError(f"No evaluation {evaluation_id!r} in the catalogue.")
    return found[0]


def newest_finished(engine: Catalogue, dataset_id: str) -> list[EvaluationRow]:
    """The newest finished evaluation of each model version, replicates left out, on a data-set version's validation and
    internal test split, models in the order in which they were first evaluated on it."""
    rows = _rows(
        engine,
        f"d.dataset_id = :dataset AND e.purpose = 'evaluation' AND v.status = 'finished' AND {internal('e')} "
        f"AND NOT {OF_REPLICATE.format(model='m')}",
        dataset=dataset_id,
    )
    return list({row.model_version_id: row for row in rows}.values())


def newest_evaluated(engine: Catalogue) -> str | None:
    """The newest data-set version on whose validation and internal test split a model is evaluated, or None."""
    with reading(engine) as connection:
        row = one(
            connection,
            "SELECT d.dataset_id FROM dataset_version d WHERE EXISTS (SELECT 1 FROM evaluation e "
            "JOIN evaluation_event v ON v.evaluation_id = e.id AND v.status = 'finished' "
            f"WHERE e.dataset_version_id = d.id AND {internal('e')}) ORDER BY d.id DESC LIMIT 1",
        )
    return row.dataset_id if row else None


def finished_inside(engine: Catalogue, model_version_id: str) -> EvaluationRow | None:
    """The newest finished evaluation of a model version on validation and an internal test split, or None."""
    where = "m.model_version_id = :model AND e.purpose = 'evaluation' AND v.status = 'finished'"
    return next(reversed(_rows(engine, f"{where} AND {internal('e')}", model=model_version_id)), None)


def finished_outside(engine: Catalogue, model_version_id: str) -> list[EvaluationRow]:
    """The newest finished evaluation of a model version on each external set, by the sets' names."""
    where = "m.model_version_id = :model AND e.purpose = 'evaluation' AND v.status = 'finished'"
    rows = _rows(engine, f"{where} AND NOT {internal('e')}", model=model_version_id)
    return sorted({row.hold_out: row for row in rows}.values(), key=lambda row: str(row.hold_out))


def _rows(engine: Catalogue, where: str, **values: Any) -> list[EvaluationRow]:
    """Evaluations, oldest first. where: of e (evaluation), m (model_version), d (dataset_version), v (last event)."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT e.evaluation_id, e.purpose, m.model_version_id, m.architecture, d.dataset_id, e.label_version, "
            "coalesce(v.status, 'running') AS status, a.at, e.hold_out, coalesce(e.engine, 'tensorflow') AS engine, "
            "coalesce(e.precision, 'f32') AS precision FROM evaluation e "
            "JOIN model_version m ON m.id = e.model_version_id JOIN audit_entry a ON a.seq = e.entry "
            "LEFT JOIN dataset_version d ON d.id = e.dataset_version_id "
            f"{_LAST_EVENT} WHERE {where} ORDER BY e.id",
            **values,
        )
    return [EvaluationRow(*row) for row in rows]


def evaluation_row(connection: Connection, evaluation_id: str) -> Any:
    """(id, model_version_id, dataset_version_id, hold_out) of an evaluation. Raises DataError for an unknown id."""
    found = one(
        connection,
        "SELECT id, model_version_id, dataset_version_id, hold_out FROM evaluation WHERE evaluation_id = :id",
        id=evaluation_id,
    )
    if found is None:
        raise DataError(f"No evaluation {evaluation_id!r} in the catalogue.")
    return found


def looks_at(connection: Connection, dataset: int, hold_out: str | None = None) -> int:
    """`holdout_looks` by the version's row."""
    found = one(
        connection,
        "SELECT coalesce(max(n), 0) AS n FROM (SELECT t.patient_id, count(DISTINCT h.session) AS n FROM holdout_look h "
        f"JOIN evaluation e ON e.id = h.evaluation_id AND {of_set('e')} "
        f"JOIN model_version m ON m.id = e.model_version_id AND NOT {OF_REPLICATE.format(model='m')} "
        "JOIN dataset_patient t ON t.dataset_version_id = h.dataset_version_id AND t.split = 'test' "
        f"JOIN patient p ON p.id = t.patient_id AND {of_set('p')} "
        "JOIN dataset_patient mine ON mine.patient_id = t.patient_id AND mine.dataset_version_id = :dataset "
        "GROUP BY t.patient_id) counted",
        dataset=dataset,
        hold_out=named(hold_out),
    )
    return int(found.n)


def _refuse_incomplete(connection: Connection, run: Any) -> None:
    splits = "'test'" if run.hold_out else "'validation', 'test'"
    for level in ("image", "study"):
        missing = every(
            connection,
            f"SELECT DISTINCT x.{'image_uid' if level == 'image' else 'study_uid'} AS uid FROM dataset_member m "
            f"JOIN {level} x ON x.id = m.{level}_id WHERE m.dataset_version_id = :dataset AND m.included = 1 "
            f"AND m.split IN ({splits}) AND {of_set('m')} AND NOT EXISTS (SELECT 1 FROM {level}_prediction p "
            f"WHERE p.evaluation_id = :run AND p.{level}_id = m.{level}_id) ORDER BY 1",
            dataset=run.dataset_version_id,
            run=run.id,
            hold_out=named(run.hold_out),
        )
        if missing:
            names = ", ".join(row.uid for row in missing[:3])
            raise DataError(f"Evaluation not finished: {len(missing)} {level}(s) have no prediction: {names} …")
