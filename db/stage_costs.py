"""What each stage of a run cost: wall time, CPU time, peak memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
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


def add_stage_cost(engine: Catalogue, cost: StageCost, by: Provenance) -> None:
    """Write what a stage took."""
    with writing(engine) as connection:
        append(connection, "stage_cost", [asdict(cost)], by)


def stage_costs(engine: Catalogue, flow: str, last: int = 6) -> list[StoredCost]:
    """The costs of the last runs of a flow, oldest first; `last` counts runs, not rows."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT c.flow, c.run_id, c.stage, c.wall_seconds, c.cpu_seconds, c.peak_bytes, a.at FROM stage_cost c "
            "JOIN audit_entry a ON a.seq = c.entry WHERE c.flow = :flow AND coalesce(c.run_id, '') IN "
            "(SELECT coalesce(run_id, '') FROM stage_cost WHERE flow = :flow GROUP BY run_id "
            "ORDER BY min(id) DESC LIMIT :last) ORDER BY c.id",
            flow=flow,
            last=last,
        )
    return [StoredCost(*row) for row in rows]
