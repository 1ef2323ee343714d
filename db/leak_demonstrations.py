"""Figures of the leaky protocol, stored beside the honest ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.lookups import every, row_id
from wrist_model.records import (
    Provenance,
)


@dataclass(frozen=True)
class LeakDemonstration:
    """protocol: image_split (the leaky one) or patient_split."""

    dataset_id: str
    architecture: str
    protocol: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n_images: int
    n_patients: int
    recipe_sha256: str | None = None
    note: str = ""


def add_leak_demonstration(engine: Engine, shown: LeakDemonstration, by: Provenance) -> None:
    """Write one number of the leaky protocol or of the honest one beside it; stands apart from all evaluations."""
    with writing(engine) as connection:
        row = asdict(shown)
        row["dataset_version_id"] = row_id(connection, "dataset_version", "dataset_id", row.pop("dataset_id"))
        append(connection, "leak_demonstration", [row], by)


def leak_demonstrations(engine: Engine, dataset_id: str) -> list[LeakDemonstration]:
    """The stored demonstrations on a version, in order."""
    names = ", ".join(LeakDemonstration.__dataclass_fields__)
    with reading(engine) as connection:
        rows = every(
            connection,
            f"SELECT {names} FROM leak_demonstrations WHERE dataset_id = :id ORDER BY created_at",
            id=dataset_id,
        )
    return [LeakDemonstration(*row) for row in rows]
