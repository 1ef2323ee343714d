"""How an evaluation's heat maps lie to the boxes that people drew, as it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.evaluations import evaluation_row
from db.lookups import every, one
from wrist_model.evidence_records import LocalisationMetric
from wrist_model.records import Provenance

_NEWEST = "(SELECT max(n.entry) FROM localisation_metric n WHERE n.evaluation_id = :id)"


def add_localisation_metrics(
    engine: Catalogue, evaluation_id: str, metrics: Sequence[LocalisationMetric], regions_sha256: str, by: Provenance
) -> int:
    """Store a measurement, whole; the newest counts. One on the same boxes as the newest is not stored again. Returns
    new rows. regions_sha256: of the boxes measured on (`db.regions.content_sha256`)."""
    with writing(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        if not metrics or _measured_on(connection, run.id) == regions_sha256:
            return 0
        rows = [{"evaluation_id": run.id, **asdict(metric), "regions_sha256": regions_sha256} for metric in metrics]
        append(connection, "localisation_metric", rows, by)
    return len(rows)


def measured_on(engine: Catalogue, evaluation_id: str) -> str | None:
    """The hash of the boxes that the newest measurement was on, None where there is none."""
    with reading(engine) as connection:
        return _measured_on(connection, evaluation_row(connection, evaluation_id).id)


def _measured_on(connection: Connection, run: int) -> str | None:
    row = one(connection, f"SELECT regions_sha256 FROM localisation_metric WHERE entry = {_NEWEST}", id=run)
    return None if row is None else str(row.regions_sha256)


def localisation_metrics(engine: Catalogue, evaluation_id: str) -> tuple[LocalisationMetric, ...]:
    """The newest measurement of an evaluation, in the order in which it was stored."""
    names = ", ".join(field.name for field in fields(LocalisationMetric))
    with reading(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        rows = every(
            connection, f"SELECT {names} FROM localisation_metric WHERE entry = {_NEWEST} ORDER BY id", id=run.id
        )
    return tuple(LocalisationMetric(*row) for row in rows)
