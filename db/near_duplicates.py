"""Pairs of images that show the same radiograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.lookups import every, row_ids
from wrist_model.errors import DataError
from wrist_model.records import Provenance


@dataclass(frozen=True)
class NearDuplicate:
    image_a: str
    image_b: str
    distance: float | None
    correlation: float | None
    confirmed: bool


def add_near_duplicates(engine: Engine, pairs: Sequence[NearDuplicate], by: Provenance) -> int:
    """Write looked-at pairs; a pair that is there already stays as it is. Returns the new ones."""
    with writing(engine) as connection:
        ids = row_ids(connection, "image", "image_uid", [uid for pair in pairs for uid in (pair.image_a, pair.image_b)])
        rows = {}
        for pair in pairs:
            if pair.image_a not in ids or pair.image_b not in ids:
                raise DataError(f"Near duplicates {pair.image_a} and {pair.image_b}: not both are catalogued.")
            low, high = sorted((ids[pair.image_a], ids[pair.image_b]))
            values = {"distance": pair.distance, "correlation": pair.correlation, "confirmed": int(pair.confirmed)}
            rows[low, high] = {"image_a_id": low, "image_b_id": high, **values}
        stored = {tuple(row) for row in every(connection, "SELECT image_a_id, image_b_id FROM near_duplicate")}
        fresh = [row for key, row in sorted(rows.items()) if key not in stored]
        if fresh:
            append(connection, "near_duplicate", fresh, by)
    return len(fresh)


def near_duplicates(engine: Engine, confirmed: bool = True) -> list[tuple[str, str]]:
    """Pairs of image_uids; confirmed ones, or all that were looked at."""
    with reading(engine) as connection:
        rows = every(connection, "SELECT image_a, image_b, confirmed FROM near_duplicates ORDER BY image_a, image_b")
    return [(row.image_a, row.image_b) for row in rows if row.confirmed or not confirmed]
