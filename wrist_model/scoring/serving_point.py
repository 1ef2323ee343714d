"""What the serving operating point selects: the point of a level, and the metrics that are read at it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wrist_model.errors import DataError
from wrist_model.records import Level, Metric, OperatingPoint, Split


def serving_point(points: Iterable[OperatingPoint], level: Level = "study") -> OperatingPoint | None:
    """The level's serving operating point; None where none is locked."""
    return next((point for point in points if point.serving and point.level == level), None)


def locked_serving_point(points: Iterable[OperatingPoint], level: Level = "study") -> OperatingPoint:
    """The same. Raises DataError where none is locked."""
    if (point := serving_point(points, level)) is None:
        raise DataError(
            f"No serving operating point at {level} level is locked: evaluate the model on validation first."
        )
    return point


def serving_metrics(
    metrics: Sequence[Metric],
    points: Iterable[OperatingPoint],
    *,
    split: Split = "test",
    level: Level = "study",
    subgroup: str = "all",
) -> dict[str, Metric]:
    """Name → metric over the rows of one split, level and subgroup: those from scores alone, and those at the level's
    serving operating point."""
    point = serving_point(points, level)
    names = (None,) if point is None else (None, point.name)
    return {
        one.metric: one
        for one in metrics
        if (one.split, one.level, one.subgroup) == (split, level, subgroup) and one.operating_point in names
    }
