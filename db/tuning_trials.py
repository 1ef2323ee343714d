"""Trials of a hyperparameter search that ended."""

from __future__ import annotations

import json
from dataclasses import asdict

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.lookups import every, one, row_id
from wrist_model.records import Provenance, TuningTrial


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
