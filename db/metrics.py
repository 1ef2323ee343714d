"""Stored metrics of an evaluation, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.evaluations import evaluation_row
from db.hold_outs import internal
from db.lookups import every, one
from wrist_model.records import Level, Metric, Provenance, Split

_KEY = ("split", "level", "subgroup", "operating_point", "metric")


def add_metrics(engine: Catalogue, evaluation_id: str, metrics: Sequence[Metric], by: Provenance) -> int:
    """Store metrics; one with the same split, level, subgroup, point and name stays as it is. Returns new rows."""
    with writing(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        stored = {
            tuple(row)
            for row in every(connection, f"SELECT {', '.join(_KEY)} FROM metric WHERE evaluation_id = :id", id=run.id)
        }
        rows = [
            {"evaluation_id": run.id, **asdict(metric)}
            for metric in metrics
            if tuple(getattr(metric, name) for name in _KEY) not in stored
        ]
        if rows:
            append(connection, "metric", rows, by)
    return len(rows)


def metrics(
    engine: Catalogue,
    evaluation_id: str,
    *,
    split: Split | None = None,
    level: Level | None = None,
    subgroup: str | None = None,
) -> list[Metric]:
    """The stored metrics (of one split, level, subgroup), in the order in which they were stored."""
    names = ", ".join(Metric.__dataclass_fields__)
    given = {"split": split, "level": level, "subgroup": subgroup}
    given = {name: value for name, value in given.items() if value is not None}
    where = "".join(f" AND {name} = :{name}" for name in given)
    with reading(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        rows = every(
            connection, f"SELECT {names} FROM metric WHERE evaluation_id = :id{where} ORDER BY id", id=run.id, **given
        )
    return [Metric(*row) for row in rows]


def are_measured(engine: Catalogue, evaluation_id: str, split: Split) -> bool:
    """Whether the metrics of this split are stored; they are written in one transaction, so all or none."""
    with reading(engine) as connection:
        run = evaluation_row(connection, evaluation_id)
        sql = "SELECT id FROM metric WHERE evaluation_id = :id AND split = :split LIMIT 1"
        return one(connection, sql, id=run.id, split=split) is not None


def first_test_auc(engine: Catalogue, model_version_id: str) -> float | None:
    """A model version's study-level internal test ROC AUC over all studies, of its first evaluation that has one."""
    with reading(engine) as connection:
        row = one(
            connection,
            "SELECT x.value FROM model_version m JOIN evaluation e ON e.model_version_id = m.id "
            "JOIN metric x ON x.evaluation_id = e.id WHERE m.model_version_id = :model AND x.split = 'test' "
            f"AND {internal('e')} "
            "AND x.level = 'study' AND x.subgroup = 'all' AND x.metric = 'roc_auc' ORDER BY e.id, x.id LIMIT 1",
            model=model_version_id,
        )
    return None if row is None else row.value
