"""Drift checks: stored looks at whether new studies differ from those that the champion learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.lookups import every, new_id, row_id
from wrist_model.records import Provenance


@dataclass(frozen=True)
class DriftCheck:
    feature: str
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    psi: float | None
    alert: bool
    n_reference: int
    n_current: int


@dataclass(frozen=True)
class StoredDrift:
    drift_id: str
    model_version_id: str | None
    created_at: str
    checks: tuple[DriftCheck, ...]


def add_drift_checks(engine: Engine, checks: Sequence[DriftCheck], model_version_id: str | None, by: Provenance) -> str:
    """Write one check of new studies, a row a feature; returns drift_id."""
    drift_id = new_id("dr")
    with writing(engine) as connection:
        model = row_id(connection, "model_version", "model_version_id", model_version_id) if model_version_id else None
        head = {"drift_id": drift_id, "model_version_id": model}
        append(connection, "drift_check", [{**head, **asdict(check)} for check in checks], by)
    return drift_id


def drift_checks(engine: Engine, last: int = 1) -> list[StoredDrift]:
    """The newest checks, newest first."""
    names = ", ".join(DriftCheck.__dataclass_fields__)
    with reading(engine) as connection:
        ids = every(
            connection,
            "SELECT d.drift_id, m.model_version_id, a.at, min(d.id) AS first FROM drift_check d "
            "JOIN audit_entry a ON a.seq = d.entry LEFT JOIN model_version m ON m.id = d.model_version_id "
            "GROUP BY d.drift_id, m.model_version_id, a.at ORDER BY first DESC LIMIT :last",
            last=last,
        )
        found = []
        for row in ids:
            rows = every(connection, f"SELECT {names} FROM drift_check WHERE drift_id = :id ORDER BY id", id=row[0])
            checks = tuple(DriftCheck(*(*one_[:5], bool(one_[5]), *one_[6:])) for one_ in rows)
            found.append(StoredDrift(row[0], row[1], row[2], checks))
    return found
