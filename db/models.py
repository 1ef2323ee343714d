"""Model versions: networks and ensembles, and their operating points."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import among, every, one, row_id, row_ids
from db.schema.views import OF_REPLICATE
from wrist_model.errors import CatalogueError, DataError
from wrist_model.records import ENSEMBLE, OperatingPoint, Provenance

LAST_PROMOTION = "(SELECT max(id) FROM promotion WHERE decision IN ('promoted', 'rolled_back'))"
"""The decision that made the champion what it is: the newest that lets a model serve."""
SERVES = f"m.id = (SELECT model_version_id FROM promotion WHERE id = {LAST_PROMOTION})"


@dataclass(frozen=True)
class ModelVersion:
    """members: the model version ids of an ensemble; role: champion, challenger, retired, rejected or replicate."""

    model_version_id: str
    architecture: str
    training_run_id: str | None
    artifact_sha256: str
    members: tuple[str, ...]
    role: str
    recipe_sha256: str | None
    created_at: str


def ensemble_id(model_version_ids: Sequence[str]) -> str:
    """The id of the ensemble of these members, whether or not it is stored."""
    return "mv-" + hashlib.sha256("\n".join(sorted(model_version_ids)).encode()).hexdigest()[:12]


def add_ensemble(engine: Catalogue, model_version_ids: Sequence[str], by: Provenance) -> str:
    """The model version whose probability is the mean of these; the same members give the same id."""
    with writing(engine) as connection:
        ids = row_ids(connection, "model_version", "model_version_id", model_version_ids)
        if len(ids) < 2 or len(ids) != len(model_version_ids):
            raise DataError(f"An ensemble needs at least two different stored models; got {list(model_version_ids)}.")
        members = sorted(ids)
        by_id = dict(
            among(connection, "SELECT id, artifact_sha256 FROM model_version WHERE id IN :values", ids.values())
        )
        hashes = [by_id[ids[member]] for member in members]
        name = ensemble_id(members)
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
    engine: Catalogue, model_version_id: str, points: Sequence[OperatingPoint], by: Provenance
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


def operating_points(engine: Catalogue, model_version_id: str) -> tuple[OperatingPoint, ...]:
    """The locked operating points, in the order in which they were stored; empty before that."""
    with reading(engine) as connection:
        return _points(connection, model_version_id)


def model(engine: Catalogue, name: str | None = None) -> ModelVersion:
    """A model version by its id, `champion`, `challenger` (the newest), an architecture (its newest); None: champion.

    Raises DataError when there is none; where none serves, it names the challenger that was decided about last, or else
    the newest.
    """
    wanted = name or "champion"
    with reading(engine) as connection:
        if wanted == "champion":
            found = select_models(connection, SERVES)
        else:
            found = select_models(connection, "v.model_version_id = :id", id=wanted) or select_models(
                connection, "v.role = :name OR (v.architecture = :name AND v.role <> 'replicate')", name=wanted
            )
        waiting = _challenger(connection) if not found and wanted == "champion" else None
    if waiting is not None:
        raise DataError(
            f"No model serves yet. The challenger is {waiting.model_version_id} ({waiting.architecture}): use it with "
            f"`--model {waiting.model_version_id}`, or let it serve with `wrist promote {waiting.model_version_id}`."
        )
    if not found:
        listed = 'wrist sql "select model_version_id, architecture, role from model_versions"'
        raise DataError(f"No model {wanted!r}. `{listed}` lists those that are stored; `wrist retrain` trains one.")
    return found[-1]


def _challenger(connection: Connection) -> ModelVersion | None:
    """Of the challengers the one that was decided about last, else the newest."""
    found = select_models(connection, "v.role = 'challenger'")
    decided = one(
        connection,
        "SELECT v.model_version_id AS id FROM promotion p JOIN model_version m ON m.id = p.model_version_id "
        "JOIN model_versions v ON v.model_version_id = m.model_version_id WHERE v.role = 'challenger' "
        "ORDER BY p.id DESC LIMIT 1",
    )
    chosen = [model for model in found if decided is None or model.model_version_id == decided.id]
    return chosen[-1] if chosen else None


def refuse_replicate(connection: Connection, model_row: int, what: str) -> None:
    """Raises DataError for a model of a replicate training, which never serves. what: it can't do."""
    replicate = f"SELECT m.model_version_id AS id FROM model_version m WHERE m.id = :id AND {OF_REPLICATE}"
    if found := one(connection, replicate.format(model="m"), id=model_row):
        raise DataError(
            f"{found.id} is a replicate: it shows how far results depend on the seed, and can't {what}. "
            "Use the model of the recipe's own seed."
        )


def models_by_role(engine: Catalogue) -> dict[str, int]:
    """Role → how many model versions."""
    with reading(engine) as connection:
        rows = every(connection, "SELECT role, count(*) AS n FROM model_versions GROUP BY role ORDER BY role")
        return {row.role: int(row.n) for row in rows}


def select_models(connection: Connection, where: str, **values: Any) -> tuple[ModelVersion, ...]:
    """Model versions, oldest first. where: of m (model_version) and v (its view)."""
    rows = every(
        connection,
        "SELECT v.model_version_id, v.architecture, v.training_run_id, v.artifact_sha256, v.members, v.role, "
        "r.recipe_sha256, v.created_at FROM model_version m JOIN model_versions v "
        "ON v.model_version_id = m.model_version_id LEFT JOIN training_run t ON t.id = m.training_run_id "
        f"LEFT JOIN recipe r ON r.id = t.recipe_id WHERE {where} ORDER BY m.id",
        **values,
    )
    return tuple(
        ModelVersion(row[0], row[1], row[2], row[3], tuple((row[4] or "").split(",")) if row[4] else (), *row[5:])
        for row in rows
    )


def _points(connection: Connection, model_version_id: str) -> tuple[OperatingPoint, ...]:
    rows = every(
        connection,
        "SELECT o.level, o.name, o.threshold, o.target, o.slope, o.intercept, o.serving, o.engine, o.precision "
        "FROM operating_point o "
        "JOIN model_version m ON m.id = o.model_version_id WHERE m.model_version_id = :model ORDER BY o.id",
        model=model_version_id,
    )
    return tuple(OperatingPoint(*(*row[:6], bool(row[6]), *row[7:])) for row in rows)
