"""What each stage of a run cost: wall time, CPU time, peak memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.lookups import every
from wrist_model.records import Provenance


@dataclass(frozen=True)
class StageCost:
    """What a stage took; peak_bytes is the process's peak resident memory."""

    flow: str
    stage: str
    wall_seconds: float
    cpu_seconds: float | None = None
    peak_bytes: int | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class StoredCost:
    flow: str
    run_id: str | None
    stage: str
    wall_seconds: float
    cpu_seconds: float | None
    peak_bytes: int | None
    created_at: str


def add_stage_cost(engine: Engine, cost: StageCost, by: Provenance) -> None:
    """Write what a stage took."""
    with writing(engine) as connection:
        append(connection, "stage_cost", [asdict(cost)], by)


def stage_costs(engine: Engine, flow: str, last: int = 6) -> list[StoredCost]:
    """The costs of the last runs of a flow, oldest first; `last` counts runs, not rows."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT flow, run_id, stage, wall_seconds, cpu_seconds, peak_bytes, created_at FROM stage_costs "
            "WHERE flow = :flow ORDER BY created_at",
            flow=flow,
        )
    found = [StoredCost(*row) for row in rows]
    runs = list(dict.fromkeys(cost.run_id for cost in found))[-last:]
    return [cost for cost in found if cost.run_id in runs]
