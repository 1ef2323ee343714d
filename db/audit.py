"""Trainings, models and promotions: append-only and chained. Each function is one transaction, all or nothing.

A killed run leaves its start and its epochs; calling `begin_training` again goes on with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Engine

from db.chain import append
from db.engine import reading, writing
from db.rows import environment, every, new_id, one, recipe, row_id, row_ids
from wrist_model.errors import CatalogueError, DataError
from wrist_model.records import ENSEMBLE, Epoch, LineageFacts, OperatingPoint, Provenance, TrainedModel, TuningTrial

Decision = Literal["promoted", "refused", "undecided", "rolled_back"]
_LAST_EVENT = "LEFT JOIN training_event e ON e.id = (SELECT max(id) FROM training_event WHERE training_run_id = t.id)"
_SERVING = "SELECT max(id) AS id FROM promotion WHERE decision IN ('promoted', 'rolled_back')"


@dataclass(frozen=True)
class TrainingStart:
    """resumed: the run was begun before and not ended."""

    training_run_id: str
    resumed: bool


@dataclass(frozen=True)
class FinishedTraining:
    training_run_id: str
    model_version_id: str
    recipe_json: str


@dataclass(frozen=True)
class ModelVersion:
    """members: the model version ids of an ensemble; role: champion, challenger, retired or rejected."""

    model_version_id: str
    architecture: str
    training_run_id: str | None
    artifact_sha256: str
    members: tuple[str, ...]
    role: str
    recipe_sha256: str | None
    created_at: str


def begin_training(
    engine: Engine,
    *,
    dataset_id: str,
    architecture: str,
    seed: int,
    recipe_sha256: str,
    recipe_json: str,
    recipe_name: str,
    weights_source: str,
    facts: LineageFacts,
    by: Provenance,
) -> TrainingStart:
    """Write the start of a training, or go on with an unended one of the same version, recipe, network and seed."""
    with writing(engine) as connection:
        dataset = row_id(connection, "dataset_version", "dataset_id", dataset_id)
        recipe_id = recipe(connection, recipe_sha256, recipe_name, recipe_json, by)
        found = one(
            connection,
            f"SELECT t.id, t.training_run_id, e.status FROM training_run t {_LAST_EVENT} "
            "WHERE t.dataset_version_id = :dataset AND t.recipe_id = :recipe AND t.architecture = :architecture "
            "AND t.seed = :seed AND (e.status IS NULL OR e.status = 'resumed' OR e.resumable = 1) ORDER BY t.id DESC",
            dataset=dataset,
            recipe=recipe_id,
            architecture=architecture,
            seed=seed,
        )
        if found:
            if found.status == "failed":
                append(connection, "training_event", [_event(found.id, "resumed")], by)
            return TrainingStart(found.training_run_id, True)
        row = {
            "training_run_id": new_id("tr"),
            "dataset_version_id": dataset,
            "recipe_id": recipe_id,
            "environment_id": environment(connection, facts, by),
            "architecture": architecture,
            "seed": seed,
            "weights_source": weights_source,
        }
        append(connection, "training_run", [row], by)
    return TrainingStart(str(row["training_run_id"]), False)


def finished_trainings(engine: Engine, dataset_id: str, architecture: str) -> tuple[FinishedTraining, ...]:
    """The finished trainings of a network on a data-set version with their recipes, newest first."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT t.training_run_id, m.model_version_id, r.content FROM training_runs t "
            "JOIN model_versions m ON m.training_run_id = t.training_run_id "
            "JOIN recipe r ON r.recipe_sha256 = t.recipe_sha256 "
            "WHERE t.dataset_id = :dataset AND t.architecture = :architecture AND t.status = 'finished' "
            "ORDER BY t.started_at DESC, t.training_run_id",
            dataset=dataset_id,
            architecture=architecture,
        )
    return tuple(FinishedTraining(*row) for row in rows)


def add_epoch(engine: Engine, training_run_id: str, epoch: Epoch, by: Provenance) -> None:
    """Write one epoch as it ends; an epoch that is there already stays as it is."""
    with writing(engine) as connection:
        _add_epochs(connection, row_id(connection, "training_run", "training_run_id", training_run_id), [epoch], by)


def finish_training(engine: Engine, training_run_id: str, trained: TrainedModel, by: Provenance) -> str:
    """Write the end, epochs not yet stored, and the model version; returns its id. Again: the same id, nothing new."""
    with writing(engine) as connection:
        run = row_id(connection, "training_run", "training_run_id", training_run_id)
        found = one(connection, "SELECT model_version_id FROM model_version WHERE training_run_id = :run", run=run)
        if found:
            return str(found.model_version_id)
        if trained.history:
            _add_epochs(connection, run, trained.history, by)
        event = _event(run, "finished")
        event |= {"weights_source": trained.weights_source, "weights_sha256": trained.weights_sha256}
        append(
            connection,
            "training_event",
            [{**event, "best_epoch": trained.best_epoch, "seconds": trained.seconds}],
            by,
        )
        name = hashlib.sha256(f"{training_run_id}\n{trained.artifact_sha256}".encode()).hexdigest()[:12]
        row = {
            "model_version_id": f"mv-{name}",
            "architecture": trained.architecture,
            "training_run_id": run,
            "artifact_sha256": trained.artifact_sha256,
        }
        append(connection, "model_version", [row], by)
    return str(row["model_version_id"])


def fail_training(
    engine: Engine, training_run_id: str, reason: str, by: Provenance, *, resumable: bool = False
) -> None:
    """Write that a training failed, and why. resumable: `begin_training` may go on with it."""
    with writing(engine) as connection:
        run = row_id(connection, "training_run", "training_run_id", training_run_id)
        event = {**_event(run, "failed"), "reason": reason, "resumable": int(resumable)}
        append(connection, "training_event", [event], by)


def add_ensemble(engine: Engine, model_version_ids: Sequence[str], by: Provenance) -> str:
    """The model version whose probability is the mean of these; the same members give the same id."""
    with writing(engine) as connection:
        ids = row_ids(connection, "model_version", "model_version_id", model_version_ids)
        if len(ids) < 2 or len(ids) != len(model_version_ids):
            raise DataError(f"An ensemble needs at least two different stored models; got {list(model_version_ids)}.")
        members = sorted(ids)
        hashes = [
            one(connection, "SELECT artifact_sha256 AS sha FROM model_version WHERE id = :id", id=ids[member]).sha
            for member in members
        ]
        name = "mv-" + hashlib.sha256("\n".join(members).encode()).hexdigest()[:12]
        if one(connection, "SELECT id FROM model_version WHERE model_version_id = :name", name=name):
            return name
        row = {
            "model_version_id": name,
            "architecture": ENSEMBLE,
            "training_run_id": None,
            "artifact_sha256": hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        }
        number = append(connection, "model_version", [row], by)
        rows = [{"model_version_id": number, "member_id": ids[member]} for member in members]
        append(connection, "model_member", rows, by)
    return name


def add_operating_points(
    engine: Engine, model_version_id: str, points: Sequence[OperatingPoint], by: Provenance
) -> None:
    """Lock a model's operating points. The same again: nothing. Raises CatalogueError for others: they are locked."""
    with writing(engine) as connection:
        model_id = row_id(connection, "model_version", "model_version_id", model_version_id)
        stored = _points(connection, model_version_id)
        if stored:
            if sorted(stored, key=repr) != sorted(points, key=repr):
                raise CatalogueError(
                    f"The operating points of {model_version_id} are locked since it was evaluated. "
                    "Train a new version to fix others."
                )
            return
        if not points:
            raise DataError(f"No operating points given for {model_version_id}.")
        append(connection, "operating_point", [{"model_version_id": model_id, **asdict(point)} for point in points], by)


def operating_points(engine: Engine, model_version_id: str) -> tuple[OperatingPoint, ...]:
    """The locked operating points, in the order in which they were stored; empty before that."""
    with reading(engine) as connection:
        return _points(connection, model_version_id)


def model(engine: Engine, name: str | None = None) -> ModelVersion:
    """A model version by its id, `champion`, `challenger` (the newest), an architecture (its newest); None: champion.

    Raises DataError when there is none.
    """
    known = models(engine)
    wanted = name or "champion"
    found = [one_ for one_ in known if wanted in (one_.model_version_id, one_.role, one_.architecture)]
    if not found:
        listed = 'wrist sql "select model_version_id, architecture, role from model_versions"'
        raise DataError(f"No model {wanted!r}. `{listed}` lists those that are stored; `wrist retrain` trains one.")
    return found[-1]


def models(engine: Engine) -> tuple[ModelVersion, ...]:
    """All model versions, oldest first."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT v.model_version_id, v.architecture, v.training_run_id, v.artifact_sha256, v.members, v.role, "
            "t.recipe_sha256, v.created_at FROM model_versions v JOIN model_version m "
            "ON m.model_version_id = v.model_version_id "
            "LEFT JOIN training_runs t ON t.training_run_id = v.training_run_id ORDER BY m.id",
        )
    return tuple(
        ModelVersion(row[0], row[1], row[2], row[3], tuple((row[4] or "").split(",")) if row[4] else (), *row[5:])
        for row in rows
    )


def champion(engine: Engine) -> ModelVersion | None:
    """The model that serves, or None."""
    return next((one_ for one_ in models(engine) if one_.role == "champion"), None)


def earlier_champions(engine: Engine) -> tuple[ModelVersion, ...]:
    """Those that served before, oldest first."""
    return tuple(one_ for one_ in models(engine) if one_.role == "retired")


def add_promotion(
    engine: Engine,
    model_version_id: str,
    decision: Decision,
    reason: str,
    by: Provenance,
    comparison_ids: Sequence[str] = (),
    decided_by: str | None = None,
) -> str:
    """Write a decision and the comparisons it rests on; returns promotion_id. decided_by: the actor unless given. What
    is rolled back points to the promotion that it takes back.
    """
    if decision not in get_args(Decision):
        raise DataError(f"Decision {decision!r}; expected one of {', '.join(get_args(Decision))}.")
    with writing(engine) as connection:
        row = {
            "promotion_id": new_id("pm"),
            "model_version_id": row_id(connection, "model_version", "model_version_id", model_version_id),
            "decision": decision,
            "reason": reason,
            "decided_by": decided_by or by.actor,
            "corrects_id": one(connection, _SERVING).id if decision == "rolled_back" else None,
        }
        number = append(connection, "promotion", [row], by)
        links = [
            {"promotion_id": number, "comparison_id": row_id(connection, "comparison", "comparison_id", one_)}
            for one_ in comparison_ids
        ]
        if links:
            append(connection, "promotion_comparison", links, by)
    return str(row["promotion_id"])


def recipe_json(engine: Engine, recipe_sha256: str) -> str:
    """The canonical JSON of a stored recipe."""
    with reading(engine) as connection:
        found = one(connection, "SELECT content FROM recipe WHERE recipe_sha256 = :sha", sha=recipe_sha256)
    if found is None:
        raise DataError(f"No recipe {recipe_sha256[:12]} in the catalogue.")
    return str(found.content)


def training_history(engine: Engine, training_run_id: str) -> tuple[Epoch, ...]:
    """The stored epochs, in order."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT epoch, loss, accuracy, val_loss, val_accuracy, learning_rate, seconds FROM training_history "
            "WHERE training_run_id = :run ORDER BY epoch",
            run=training_run_id,
        )
    return tuple(Epoch(*row) for row in rows)


def training_dataset(engine: Engine, training_run_id: str) -> str:
    """The data-set version that a training run learnt from."""
    with reading(engine) as connection:
        found = one(
            connection, "SELECT dataset_id FROM training_runs WHERE training_run_id = :run", run=training_run_id
        )
    if found is None:
        raise DataError(f"No training run {training_run_id!r} in the catalogue.")
    return str(found.dataset_id)


def trained_patients(engine: Engine, model_version_id: str) -> set[str]:
    """The train and validation patients of a model and of its members: those it must not be tested on."""
    with reading(engine) as connection:
        number = row_id(connection, "model_version", "model_version_id", model_version_id)
        rows = every(
            connection,
            "SELECT DISTINCT p.patient_key FROM model_version m JOIN training_run t ON t.id = m.training_run_id "
            "JOIN dataset_member d ON d.dataset_version_id = t.dataset_version_id AND d.included = 1 "
            "AND d.split <> 'test' JOIN patient p ON p.id = d.patient_id WHERE m.id = :id "
            "OR m.id IN (SELECT member_id FROM model_member WHERE model_version_id = :id)",
            id=number,
        )
    return {row.patient_key for row in rows}


def add_tuning_trial(engine: Engine, trial: TuningTrial, by: Provenance) -> None:
    """Write a trial's outcome; the same study, trial and state again: nothing."""
    with writing(engine) as connection:
        row = asdict(trial)
        key = {"study": trial.study_name, "trial": trial.trial, "state": trial.state}
        same = "SELECT id FROM tuning_trial WHERE study_name = :study AND trial = :trial AND state = :state"
        if one(connection, same, **key):
            return
        dataset_id = row.pop("dataset_id")
        row["parameters"] = json.dumps(dict(trial.parameters), sort_keys=True)
        row["dataset_version_id"] = (
            row_id(connection, "dataset_version", "dataset_id", dataset_id) if dataset_id else None
        )
        append(connection, "tuning_trial", [row], by)


def tuning_trials(engine: Engine, dataset_id: str) -> tuple[TuningTrial, ...]:
    """The stored trials on a data-set version, a study after the other, in order."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT t.study_name, t.trial, t.architecture, t.learning_rate, t.batch_size, t.value, t.state, t.seconds, "
            "t.parameters, d.dataset_id FROM tuning_trial t JOIN dataset_version d ON d.id = t.dataset_version_id "
            "WHERE d.dataset_id = :dataset ORDER BY t.study_name, t.trial, t.id",
            dataset=dataset_id,
        )
    return tuple(TuningTrial(*(*row[:8], tuple(json.loads(row[8]).items()), row[9])) for row in rows)


def _event(run: int, status: str) -> dict[str, Any]:
    names = ("reason", "weights_source", "weights_sha256", "best_epoch", "seconds")
    return {"training_run_id": run, "status": status, "resumable": 0, **dict.fromkeys(names)}


def _add_epochs(connection: Connection, run: int, epochs: Sequence[Epoch], by: Provenance) -> None:
    stored = {
        row[0] for row in every(connection, "SELECT epoch FROM training_epoch WHERE training_run_id = :run", run=run)
    }
    rows = [{"training_run_id": run, **asdict(epoch)} for epoch in epochs if epoch.epoch not in stored]
    if rows:
        append(connection, "training_epoch", rows, by)


def _points(connection: Connection, model_version_id: str) -> tuple[OperatingPoint, ...]:
    rows = every(
        connection,
        "SELECT o.level, o.name, o.threshold, o.target, o.slope, o.intercept, o.serving FROM operating_point o "
        "JOIN model_version m ON m.id = o.model_version_id WHERE m.model_version_id = :model ORDER BY o.id",
        model=model_version_id,
    )
    return tuple(OperatingPoint(*(*row[:6], bool(row[6]))) for row in rows)
