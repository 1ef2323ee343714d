"""Pairs of images that show the same radiograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import among, every, row_ids
from wrist_model.errors import DataError
from wrist_model.records import Provenance


@dataclass(frozen=True)
class NearDuplicate:
    image_a: str
    image_b: str
    distance: float | None
    correlation: float | None
    confirmed: bool


def add_near_duplicates(engine: Catalogue, pairs: Sequence[NearDuplicate], by: Provenance) -> int:
    """Write compared pairs; a pair that is there already stays as it is. Returns the new ones."""
    with writing(engine) as connection:
        ids = row_ids(connection, "image", "image_uid", [uid for pair in pairs for uid in (pair.image_a, pair.image_b)])
        rows = {}
        for pair in pairs:
            if pair.image_a not in ids or pair.image_b not in ids:
                raise DataError(f"Near duplicates {pair.image_a} and {pair.image_b}: not both are catalogued.")
            low, high = sorted((ids[pair.image_a], ids[pair.image_b]))
            values = {"distance": pair.distance, "correlation": pair.correlation, "confirmed": int(pair.confirmed)}
            rows[low, high] = {"image_a_id": low, "image_b_id": high, **values}
        sql = "SELECT image_a_id, image_b_id FROM near_duplicate WHERE image_a_id IN :values"
        stored = {tuple(row) for row in among(connection, sql, {low for low, _ in rows})}
        fresh = [row for key, row in sorted(rows.items()) if key not in stored]
        if fresh:
            append(connection, "near_duplicate", fresh, by)
    return len(fresh)


def near_duplicates(engine: Catalogue, confirmed: bool = True) -> list[tuple[str, str]]:
    """Pairs of image_uids; confirmed ones, or all that were compared."""
    sql = (
        "SELECT i.image_uid AS image_a, j.image_uid AS image_b FROM near_duplicate n "
        "JOIN image i ON i.id = n.image_a_id JOIN image j ON j.id = n.image_b_id "
        "WHERE n.confirmed >= :least ORDER BY 1, 2"
    )
    with reading(engine) as connection:
        return [(row.image_a, row.image_b) for row in every(connection, sql, least=int(confirmed))]
