"""What a report, a gate and a console ask of the catalogue beside its rows: counts, names, the last decision.

All from the public views, so that people who query them see the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine

from db.engine import reading
from db.lookups import every, one
from wrist_model.errors import DataError


@dataclass(frozen=True)
class TrainingFacts:
    """How a training run began and ended; best_epoch and seconds are None until it has."""

    weights_source: str
    seed: int
    status: str
    epochs_run: int
    best_epoch: int | None
    seconds: float | None


@dataclass(frozen=True)
class LastDecision:
    """The newest promotion row of a model version."""

    decision: str
    reason: str
    decided_by: str
    created_at: str


def patients_known(engine: Engine, dataset_id: str) -> bool:
    """Whether the source names a patient for every included image of this version."""
    sql = (
        "SELECT min(s.patient_known) AS known FROM dataset_members m JOIN studies s ON s.study_uid = m.study_uid "
        "WHERE m.dataset_id = :id AND m.included = 1"
    )
    with reading(engine) as connection:
        return bool(one(connection, sql, id=dataset_id).known)


def sources(engine: Engine, dataset_id: str) -> tuple[str, ...]:
    """The sources of this version's studies, sorted."""
    sql = (
        "SELECT DISTINCT s.source FROM dataset_members m JOIN studies s ON s.study_uid = m.study_uid "
        "WHERE m.dataset_id = :id ORDER BY s.source"
    )
    with reading(engine) as connection:
        return tuple(row.source for row in every(connection, sql, id=dataset_id))


def files_seen(engine: Engine) -> int:
    """How many files are known: catalogued (frames of one file counted once) and quarantined."""
    sql = (
        "SELECT (SELECT count(*) FROM (SELECT DISTINCT root, path FROM image_location) AS a) "
        "+ (SELECT count(*) FROM (SELECT DISTINCT path FROM quarantined_files) AS b) AS n"
    )
    with reading(engine) as connection:
        return int(one(connection, sql).n)


def quarantine_counts(engine: Engine) -> dict[str, int]:
    """reason_code → how many files."""
    sql = "SELECT reason_code, count(DISTINCT path) AS n FROM quarantined_files GROUP BY reason_code ORDER BY 1"
    with reading(engine) as connection:
        return {row.reason_code: int(row.n) for row in every(connection, sql)}


def suspicious_counts(engine: Engine, image_uids: Iterable[str]) -> dict[str, int]:
    """What looks wrong about these images though they decoded → how many."""
    wanted = set(image_uids)
    with reading(engine) as connection:
        rows = every(connection, "SELECT image_uid, suspicious FROM images WHERE suspicious IS NOT NULL")
    return dict(Counter(row.suspicious for row in rows if row.image_uid in wanted))


def training(engine: Engine, training_run_id: str) -> TrainingFacts:
    """A training run. DataError when there is none of this id."""
    sql = (
        "SELECT weights_source, seed, status, epochs_run, best_epoch, seconds FROM training_runs "
        "WHERE training_run_id = :id"
    )
    with reading(engine) as connection:
        row = one(connection, sql, id=training_run_id)
    if row is None:
        raise DataError(f"No training run {training_run_id!r} in the catalogue.")
    return TrainingFacts(*row)


def recipe_name(engine: Engine, recipe_sha256: str) -> str:
    """The name under which a recipe was first used."""
    with reading(engine) as connection:
        row = one(connection, "SELECT name FROM recipe WHERE recipe_sha256 = :sha", sha=recipe_sha256)
    if row is None:
        raise DataError(f"No recipe {recipe_sha256[:12]}… in the catalogue.")
    return str(row.name)


def last_decision(engine: Engine, model_version_id: str) -> LastDecision | None:
    """What was last decided about a model version, or None."""
    sql = (
        "SELECT decision, reason, decided_by, created_at FROM promotions WHERE model_version_id = :id "
        "ORDER BY created_at DESC LIMIT 1"
    )
    with reading(engine) as connection:
        row = one(connection, sql, id=model_version_id)
    return LastDecision(*row) if row else None


def recipe_of_evaluation(engine: Engine, evaluation_id: str) -> tuple[str, str]:
    """(canonical JSON, name) of the recipe that an evaluation was made with. Raises DataError where it has none."""
    with reading(engine) as connection:
        row = one(
            connection,
            "SELECT r.content, r.name FROM evaluation e JOIN recipe r ON r.id = e.recipe_id "
            "WHERE e.evaluation_id = :id",
            id=evaluation_id,
        )
    if row is None:
        raise DataError(f"{evaluation_id} is no evaluation with a stored recipe.")
    return str(row.content), str(row.name)
