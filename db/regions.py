"""Boxes that people drew on pictures: read with the pictures, stored in pixels, replaced by newer lists of a name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import Any

from sqlalchemy import Connection

from db.audit.canonical_json import encode
from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.ingest_runs import ingest_run_row
from db.lookups import among, row_ids
from wrist_model.evidence_records import Region, RegionList
from wrist_model.records import Provenance

BATCH = 500
"""Lists a transaction."""


@dataclass(frozen=True)
class Picture:
    """A catalogued picture. columns, rows: of its pixels."""

    image_uid: str
    columns: int
    rows: int


@dataclass
class Added:
    """What became of some lists: boxes stored, boxes that stand as they did, and boxes refused by reason."""

    new: int = 0
    unchanged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def pictures_at(engine: Catalogue, root: str, paths: Iterable[str]) -> dict[str, list[Picture]]:
    """Stored path below a root → its pictures: one, or one for each frame; of one frame the newest row."""
    sql = (
        "SELECT l.path, i.frame, i.image_uid, i.columns, i.rows FROM image_location l "
        "JOIN image i ON i.id = l.image_id WHERE l.root = :root AND l.path IN :values ORDER BY i.id"
    )
    found: dict[str, dict[int, Picture]] = {}
    with reading(engine) as connection:
        for row in among(connection, sql, paths, root=root):
            found.setdefault(row.path, {})[row.frame] = Picture(row.image_uid, row.columns, row.rows)
    return {path: list(frames.values()) for path, frames in found.items()}


def pictures_named(engine: Catalogue, image_uids: Iterable[str], source: str) -> dict[str, Picture]:
    """image_uid → its picture, of those of a source."""
    sql = (
        "SELECT i.image_uid, i.columns, i.rows FROM image i JOIN study s ON s.id = i.study_id "
        "WHERE s.source = :source AND i.image_uid IN :values"
    )
    with reading(engine) as connection:
        return {row.image_uid: Picture(*row) for row in among(connection, sql, image_uids, source=source)}


def add_region_lists(
    engine: Catalogue,
    ingest_run_id: str,
    lists: Sequence[RegionList],
    by: Provenance | None = None,
    still: Callable[[RegionList], bool] = lambda _: True,
) -> Added:
    """Store what files of boxes say; one transaction for each BATCH of them.

    A list that says what the newest of its source, root and name says is not stored again. Else it is, whole, and
    counts in the other's place; where it could not be read at all (`taken` False), the other goes on counting. A list
    of the same name under another root is the same one, moved, where both have boxes on one picture.
    still: asked in the transaction whether a list is as it was read; what isn't is left out, for whoever reads it anew.
    """
    done = Added()
    for start in range(0, len(lists), BATCH):
        with writing(engine) as connection:
            run, by = ingest_run_row(connection, ingest_run_id, by)
            _add(connection, run, [one for one in lists[start : start + BATCH] if still(one)], by, done)
    return done


def _add(connection: Connection, run: int, lists: Sequence[RegionList], by: Provenance, done: Added) -> None:
    uids = {one.image_uid for each in lists for one in each.regions}
    images = row_ids(connection, "image", "image_uid", uids)
    stored = _stored(connection, lists)
    fresh: list[RegionList] = []
    rows: list[dict[str, Any]] = []
    for each in lists:
        done.reasons.update(refused.reason_code for refused in each.refused)
        sha256 = _sha256([each.kind, each.taken, [*map(astuple, each.regions)], [*map(astuple, each.refused)]])
        named = stored.get((each.source, each.name), [])
        here = [one for one in named if one.root == each.root]
        before = [one for one in here if one.taken][-1:] or _moved(connection, named, each, images)
        if sha256 in [one.content_sha256 for one in (*here[-1:], *(before if not here else ()))]:
            done.unchanged += len(each.regions)
            continue
        row = {name: getattr(each, name) for name in ("source", "root", "name", "kind", "file_sha256")}
        row |= {"ingest_run_id": run, "content_sha256": sha256, "taken": int(each.taken)}
        rows.append({**row, "supersedes_id": before[0].id if before and each.taken else None})
        fresh.append(each)
    if not fresh:
        return
    first = append(connection, "region_list", rows, by)
    regions, refused = [], []
    for number, each in enumerate(fresh, start=first):
        for one in each.regions:
            row = {**asdict(one), "region_list_id": number, "image_id": images[one.image_uid]}
            row |= {"region_class": row.pop("name"), "drawn_by": one.drawn_by or None}
            del row["image_uid"]
            regions.append(row)
        refused += [{"region_list_id": number, **asdict(one)} for one in each.refused]
    for table, held in (("region", regions), ("refused_region", refused)):
        if held:
            append(connection, table, held, by)
    done.new += len(regions)


def _stored(connection: Connection, lists: Sequence[RegionList]) -> dict[tuple[str, str], list[Any]]:
    """(source, name) → the lists of that name that no other supersedes, oldest first."""
    sql = (
        "SELECT id, source, root, name, content_sha256, taken FROM region_list l WHERE source = :source "
        "AND name IN :values AND NOT EXISTS (SELECT 1 FROM region_list n WHERE n.supersedes_id = l.id) ORDER BY id"
    )
    found: dict[tuple[str, str], list[Any]] = {}
    for source in {each.source for each in lists}:
        for row in among(connection, sql, [each.name for each in lists if each.source == source], source=source):
            found.setdefault((row.source, row.name), []).append(row)
    return found


def _moved(connection: Connection, named: Sequence[Any], each: RegionList, images: Mapping[str, int]) -> list[Any]:
    """The newest list of this name under another root that has a box on a picture of this one, if there is one."""
    others = {one.id: one for one in named if one.root != each.root and one.taken}
    if not others:
        return []
    pictures = {images[one.image_uid] for one in each.regions}
    sql = "SELECT DISTINCT region_list_id AS id FROM region WHERE image_id IN :values"
    shared = [row.id for row in among(connection, sql, pictures) if row.id in others]
    return [others[max(shared)]] if shared else []


def regions_of(engine: Catalogue, image_uids: Iterable[str]) -> dict[str, tuple[Region, ...]]:
    """image_uid → the boxes on it that count now, of those of these that have any."""
    sql = (
        "SELECT image_uid, \"class\" AS name, x_min, y_min, x_max, y_max, coalesce(drawn_by, '') AS drawn_by "
        "FROM regions WHERE image_uid IN :values ORDER BY 1, 2, 3, 4, 5, 6, 7"
    )
    found: dict[str, list[Region]] = {}
    with reading(engine) as connection:
        for row in among(connection, sql, image_uids):
            found.setdefault(row.image_uid, []).append(Region(*row))
    return {uid: tuple(held) for uid, held in found.items()}


def content_sha256(regions: Mapping[str, Sequence[Region]]) -> str:
    """The hash of some pictures' boxes."""
    return _sha256([astuple(one) for uid in sorted(regions) for one in regions[uid]])


def _sha256(content: list[Any]) -> str:
    return hashlib.sha256(encode(content).encode()).hexdigest()
