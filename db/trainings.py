"""Training runs: their beginning, their epochs, their end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.lookups import environment, every, new_id, one, recipe, row_id
from wrist_model.errors import DataError
from wrist_model.records import Epoch, LineageFacts, Provenance, TrainedModel

_LAST_EVENT = "LEFT JOIN training_event e ON e.id = (SELECT max(id) FROM training_event WHERE training_run_id = t.id)"


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
