"""Training runs: their beginning, their epochs, their end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from db import leases
from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import environment, every, new_id, one, ran_forward, row_id
from db.recipes import add_recipe
from db.unended_runs import fail_if_abandoned, resource
from wrist_model.errors import DataError
from wrist_model.records import Epoch, Forward, LineageFacts, Provenance, StoredRecipe, TrainedModel

_LAST_EVENT = "LEFT JOIN training_event e ON e.id = (SELECT max(id) FROM training_event WHERE training_run_id = t.id)"

_UNENDED = (
    f"FROM training_run t {_LAST_EVENT} JOIN recipe r ON r.id = t.recipe_id WHERE t.dataset_version_id = :dataset "
    "AND t.architecture = :architecture AND t.seed = :seed AND coalesce(t.replicate, 0) = :replicate "
    "AND (e.status IS NULL OR e.status = 'resumed' OR e.resumable = 1)"
)


@dataclass(frozen=True)
class TrainingStart:
    """resumed: the run was begun before and not ended. lease: by which the caller holds the run until its end. begun:
    how its frozen part ran then; None: it stores no features, or began before that was stored."""

    training_run_id: str
    resumed: bool
    lease: leases.Lease
    begun: Forward | None = None


@dataclass(frozen=True)
class FinishedTraining:
    """A finished run, its model version, and the canonical JSON of its recipe. replicate: its number, of one that never
    serves."""

    training_run_id: str
    model_version_id: str
    recipe_json: str
    replicate: int | None = None


@dataclass(frozen=True)
class TrainingRun:
    """How a training run began and ended; best_epoch and seconds are None until it has. status: running, finished or
    failed."""

    training_run_id: str
    architecture: str
    dataset_id: str
    weights_source: str
    seed: int
    status: str
    epochs_run: int
    best_epoch: int | None
    seconds: float | None


@dataclass(frozen=True)
class FailedTraining:
    training_run_id: str
    architecture: str
    finished_at: str
    reason: str | None


def begin_training(
    engine: Catalogue,
    *,
    dataset_id: str,
    architecture: str,
    seed: int,
    recipe: StoredRecipe,
    facts: LineageFacts,
    by: Provenance,
    replicate: int | None = None,
) -> TrainingStart:
    """Write the start of a training, or go on with an unended one of the same version, recipe, network and seed.

    replicate: its number, from 1, of a training that shows the spread of seeds; its model never serves. Raises
    DataError for one that may serve with a seed that was tried as a replicate: seeds aren't chosen by results.

    The caller's context holds the run's lease from then on; what writes to the run checks it. Raises LeaseHeld when
    somebody else is at work on that run.
    """
    with writing(engine) as connection:
        dataset = row_id(connection, "dataset_version", "dataset_id", dataset_id)
        recipe_id = add_recipe(connection, recipe, by)
        if replicate is None:
            _refuse_tried_seed(connection, dataset, architecture, seed)
        found = one(
            connection,
            f"SELECT t.id, t.training_run_id, e.status, t.engine, t.precision {_UNENDED} AND t.recipe_id = :recipe "
            "ORDER BY t.id DESC",
            dataset=dataset,
            recipe=recipe_id,
            architecture=architecture,
            seed=seed,
            replicate=replicate or 0,
        )
        if found:
            ended = fail_if_abandoned(connection, "training", found.training_run_id, by)
            lease = leases.take(connection, resource("training", found.training_run_id), by.prefect_flow_run_id)
            if ended or found.status == "failed":
                append(connection, "training_event", [_event(found.id, "resumed")], by)
            begun = Forward(found.engine, found.precision) if found.engine else None
            return TrainingStart(found.training_run_id, True, lease, begun)
        row = {
            "training_run_id": new_id("tr"),
            "dataset_version_id": dataset,
            "recipe_id": recipe_id,
            "environment_id": environment(connection, facts, by),
            "architecture": architecture,
            "seed": seed,
            "weights_source": json.loads(recipe.canonical_json).get("network", {}).get("weights", "none"),
            "replicate": replicate,
            **ran_forward(facts),
        }
        append(connection, "training_run", [row], by)
        lease = leases.take(connection, resource("training", str(row["training_run_id"])), by.prefect_flow_run_id)
    return TrainingStart(str(row["training_run_id"]), False, lease, facts.forward)


def unended_recipes(
    engine: Catalogue, dataset_id: str, architecture: str, seed: int, replicate: int | None = None
) -> tuple[StoredRecipe, ...]:
    """The recipes by which trainings of this version, network and seed were begun and not ended, newest first."""
    with reading(engine) as connection:
        rows = every(
            connection,
            f"SELECT r.recipe_sha256, r.name, r.content {_UNENDED} ORDER BY t.id DESC",
            dataset=row_id(connection, "dataset_version", "dataset_id", dataset_id),
            architecture=architecture,
            seed=seed,
            replicate=replicate or 0,
        )
    return tuple(StoredRecipe(*row) for row in rows)


def finished_trainings(engine: Catalogue, dataset_id: str, architecture: str) -> tuple[FinishedTraining, ...]:
    """The finished trainings of a network on a data-set version with their recipes, replicates too, newest first."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT t.training_run_id, m.model_version_id, r.content, t.replicate FROM dataset_version d "
            "JOIN training_run t ON t.dataset_version_id = d.id JOIN model_version m ON m.training_run_id = t.id "
            f"JOIN recipe r ON r.id = t.recipe_id {_LAST_EVENT} WHERE d.dataset_id = :dataset "
            "AND t.architecture = :architecture AND e.status = 'finished' ORDER BY t.id DESC",
            dataset=dataset_id,
            architecture=architecture,
        )
    return tuple(FinishedTraining(*row) for row in rows)


def failed_trainings(engine: Catalogue, dataset_id: str) -> tuple[FailedTraining, ...]:
    """Networks whose newest training on a data-set version failed, in the order in which they were first trained."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT t.training_run_id, t.architecture, b.at, e.reason, e.status, t.replicate FROM dataset_version d "
            f"JOIN training_run t ON t.dataset_version_id = d.id {_LAST_EVENT} "
            "LEFT JOIN audit_entry b ON b.seq = e.entry WHERE d.dataset_id = :dataset ORDER BY t.id",
            dataset=dataset_id,
        )
    newest = {(row.architecture, row.replicate): row for row in rows}
    return tuple(FailedTraining(*row[:4]) for row in newest.values() if row.status == "failed")


def training_run(engine: Catalogue, training_run_id: str) -> TrainingRun:
    """One training run. Raises DataError when there is none of this id."""
    names = ", ".join(TrainingRun.__dataclass_fields__)
    with reading(engine) as connection:
        row = one(connection, f"SELECT {names} FROM training_runs WHERE training_run_id = :id", id=training_run_id)
    if row is None:
        raise DataError(f"No training run {training_run_id!r} in the catalogue.")
    return TrainingRun(*row)


def add_epoch(engine: Catalogue, training_run_id: str, epoch: Epoch, by: Provenance) -> None:
    """Write one epoch as it ends; an epoch that is there already stays as it is."""
    with writing(engine) as connection:
        leases.require(connection, resource("training", training_run_id))
        _add_epochs(connection, row_id(connection, "training_run", "training_run_id", training_run_id), [epoch], by)


def finish_training(engine: Catalogue, training_run_id: str, trained: TrainedModel, by: Provenance) -> str:
    """Write the end, epochs not yet stored, and the model version; returns its id. Again: the same id, nothing new."""
    with writing(engine) as connection:
        run = row_id(connection, "training_run", "training_run_id", training_run_id)
        found = one(connection, "SELECT model_version_id FROM model_version WHERE training_run_id = :run", run=run)
        if found:
            return str(found.model_version_id)
        leases.require(connection, resource("training", training_run_id))
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
        leases.give_back(connection, resource("training", training_run_id))
    return str(row["model_version_id"])


def fail_training(
    engine: Catalogue, training_run_id: str, reason: str, by: Provenance, *, resumable: bool = False
) -> None:
    """Write that a training failed, and why. resumable: `begin_training` may go on with it."""
    with writing(engine) as connection:
        run = row_id(connection, "training_run", "training_run_id", training_run_id)
        leases.require(connection, resource("training", training_run_id))
        event = {**_event(run, "failed"), "reason": reason, "resumable": int(resumable)}
        append(connection, "training_event", [event], by)
        leases.give_back(connection, resource("training", training_run_id))


def training_history(engine: Catalogue, training_run_id: str) -> tuple[Epoch, ...]:
    """The stored epochs, in order."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT epoch, loss, accuracy, val_loss, val_accuracy, learning_rate, seconds FROM training_history "
            "WHERE training_run_id = :run ORDER BY epoch",
            run=training_run_id,
        )
    return tuple(Epoch(*row) for row in rows)


def _refuse_tried_seed(connection: Connection, dataset: int, architecture: str, seed: int) -> None:
    tried = one(
        connection,
        "SELECT training_run_id FROM training_run WHERE dataset_version_id = :dataset AND architecture = :architecture "
        "AND seed = :seed AND replicate IS NOT NULL",
        dataset=dataset,
        architecture=architecture,
        seed=seed,
    )
    if tried:
        raise DataError(
            f"Seed {seed} was tried as a replicate ({tried.training_run_id}), and what serves isn't chosen by results. "
            "Name another training.seed in the recipe."
        )


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
