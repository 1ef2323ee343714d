"""Sources that are designated hold-outs, and patients of whom a list or a source says where they stand.

A designation is `test`, or `external:NAME`: then the source is (a part of) the external set NAME. It is stored once for
each source and holds for all its patients. It is applied where patients are written, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import among, every, one
from db.patient_identity import shared_splits
from wrist_model.errors import OtherDesignation
from wrist_model.records import SPLIT_RANK, ImageRecord, Provenance, Split

FACT = "designation:"
EXTERNAL = "external:"


def designate(engine: Catalogue, source: str, designation: str, by: Provenance) -> None:
    """Store that a source is a hold-out, for good; the same again writes nothing.

    Raises OtherDesignation for a source that is designated otherwise, or is catalogued without being one.
    """
    with writing(engine) as connection:
        found = designations(connection).get(source)
        if found == designation:
            return
        studies = one(connection, "SELECT 1 AS one FROM study WHERE source = :source LIMIT 1", source=source)
        if found is None and studies is None:
            append(connection, "fact", [{"name": f"{FACT}{source}", "value": designation}], by)
            return
    was = f"designated {found!r}" if found else "catalogued already, and is no hold-out as a whole"
    raise OtherDesignation(
        f"Source {source!r} is {was}; this says {designation!r}. Patients never move: give what is to be a hold-out a "
        "source name of its own with --source, before any of it is catalogued."
    )


def designations(connection: Connection) -> dict[str, str]:
    """Source → its designation, of all that have one."""
    rows = every(connection, "SELECT name, value FROM fact WHERE name LIKE :begin", begin=f"{FACT}%")
    return {row.name.removeprefix(FACT): row.value for row in rows}


def designated(connection: Connection, records: Sequence[ImageRecord]) -> list[ImageRecord]:
    """The records as their sources' designations place them."""
    said = designations(connection)
    return [_placed(record, said[record.source]) if record.source in said else record for record in records]


def _placed(record: ImageRecord, designation: str) -> ImageRecord:
    name = designation.removeprefix(EXTERNAL) if designation.startswith(EXTERNAL) else None
    return replace(record, split="test", placed=True, hold_out=name)


def straddling(connection: Connection, records: Sequence[ImageRecord]) -> set[str]:
    """The image_uids of records that are said to be held out (or validated on) more strictly than where their patient
    stands already: patients never move. Of records that are written together the strictest holds (`add_studies`)."""
    placed = [record for record in records if record.placed]
    if not placed:
        return set()
    keys = {record.patient_key for record in placed}
    sql = "SELECT patient_key, split FROM patient WHERE patient_key IN :values"
    stands: dict[str, Split] = dict(among(connection, sql, keys))
    shared = shared_splits(connection, {one.patient_pseudonym for one in placed if one.patient_pseudonym})
    found = set()
    for record in placed:
        there = stands.get(record.patient_key) or shared.get(record.patient_pseudonym or "")
        if there is not None and SPLIT_RANK[record.split] < SPLIT_RANK[there]:
            found.add(record.image_uid)
    return found


def elsewhere(engine: Catalogue, root: str, said: Mapping[str, Split]) -> int:
    """How many catalogued images below a root a list puts into a stricter split than the one in which their patient
    stands. said: stored path → the list's split."""
    sql = (
        "SELECT l.path, p.split FROM image_location l JOIN image i ON i.id = l.image_id "
        "JOIN patient p ON p.id = i.patient_id WHERE l.root = :root AND l.path IN :values"
    )
    with reading(engine) as connection:
        rows = among(connection, sql, said, root=root)
    return sum(SPLIT_RANK[said[row.path]] < SPLIT_RANK[row.split] for row in rows)


def strictest(records: Sequence[ImageRecord]) -> dict[str, ImageRecord]:
    """patient_key → the record that places the patient: of those that a list or a person placed the strictest, else the
    first."""
    found: dict[str, ImageRecord] = {}
    for record in records:
        other = found.setdefault(record.patient_key, record)
        if record.placed and (not other.placed or SPLIT_RANK[record.split] < SPLIT_RANK[other.split]):
            found[record.patient_key] = record
    return found
