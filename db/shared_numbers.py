"""Patient numbers that two sources have in common: the same people filed twice, or others who happen to be called so.

A patient's key is bound to its source, so `jan` and `feb` know no common patient. Whoever reads a raw number (an
ingest) asks here with its keys under all sources. What two sources share is stored as a keyed hash of the number alone
(nu-…, in `patient_pseudonym`); it links nobody: `wrist split` and the report name it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import Connection

from db.audit.chain import append
from db.catalogue_settings import distinct_sources
from db.engine import Catalogue, reading, writing
from db.lookups import among, every, row_ids
from db.patient_identity import NUMBER
from wrist_model.evidence_records import Numbered
from wrist_model.records import Provenance


@dataclass(frozen=True)
class SharedNumbers:
    """patients: how many numbers both sources have; in_two_splits: of these, how many are in more than one split.
    declared: somebody said with --distinct-patients that they are different people."""

    sources: tuple[str, str]
    patients: int
    in_two_splits: int
    declared: bool


def sources(engine: Catalogue) -> tuple[str, ...]:
    """The name spaces of catalogued studies."""
    with reading(engine) as connection:
        return tuple(row.source for row in every(connection, "SELECT DISTINCT source FROM study ORDER BY source"))


def newest_study(engine: Catalogue) -> int:
    """The number of the study row that was written last, 0 without any."""
    with reading(engine) as connection:
        return int(every(connection, "SELECT coalesce(max(id), 0) AS newest FROM study")[0].newest)


def others_since(connection: Connection, source: str, study: int) -> bool:
    """Whether studies of other sources were written after this study row."""
    sql = "SELECT count(*) AS many FROM study WHERE id > :study AND source <> :source"
    return int(every(connection, sql, study=study, source=source)[0].many) > 0


def undeclared(engine: Catalogue, source: str, numbered: Collection[Numbered]) -> dict[str, int]:
    """Other source → how many patients new to `source` have a number there, where nobody declared them others."""
    with reading(engine) as connection:
        declared = distinct_sources(connection)
        if source in declared:
            return {}
        here = row_ids(connection, "patient", "patient_key", {one.key for one in numbered})
        held = _holders(connection, numbered)
    found: dict[str, set[str]] = defaultdict(set)
    for one in numbered:
        for other, key in one.others.items():
            if one.key not in here and key in held and other not in declared:
                found[other].add(one.number)
    return {other: len(numbers) for other, numbers in sorted(found.items())}


def remember(engine: Catalogue, numbered: Collection[Numbered], by: Provenance) -> None:
    """Store the numbers that catalogued patients of two sources share."""
    with writing(engine) as connection:
        held = _holders(connection, numbered)
        here = row_ids(connection, "patient", "patient_key", {one.key for one in numbered})
        wanted: set[tuple[int, str]] = set()
        for one in numbered:
            patients = {patient for key in one.others.values() for patient in held.get(key, ())}
            if patients and one.key in here:
                wanted.update((patient, one.number) for patient in (here[one.key], *patients))
        stored = {
            (row.patient_id, row.pseudonym)
            for row in among(
                connection,
                "SELECT patient_id, pseudonym FROM patient_pseudonym WHERE pseudonym IN :values",
                {number for _, number in wanted},
            )
        }
        fresh = [{"patient_id": patient, "pseudonym": number} for patient, number in sorted(wanted - stored)]
        if fresh:
            append(connection, "patient_pseudonym", fresh, by)


def shared_numbers(engine: Catalogue, patients: Collection[str] | None = None) -> tuple[SharedNumbers, ...]:
    """What each two sources share, among these patients (patient_key), or all that are catalogued."""
    with reading(engine) as connection:
        declared = distinct_sources(connection)
        rows = every(
            connection,
            "SELECT DISTINCT x.pseudonym, p.patient_key, p.split, s.source FROM patient_pseudonym x "
            f"JOIN patient p ON p.id = x.patient_id JOIN study s ON s.patient_id = p.id WHERE {NUMBER.format('x')}",
        )
    splits: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        if patients is None or row.patient_key in patients:
            splits[row.pseudonym][row.source].add(row.split)
    pairs: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for by_source in splits.values():
        for pair in combinations(sorted(by_source), 2):
            pairs[pair].append(len(by_source[pair[0]] | by_source[pair[1]]) > 1)
    return tuple(
        SharedNumbers(pair, len(apart), sum(apart), not declared.isdisjoint(pair))
        for pair, apart in sorted(pairs.items())
    )


def _holders(connection: Connection, numbered: Iterable[Numbered]) -> dict[str, set[int]]:
    """Key of another source → the patient rows that are called so."""
    found: dict[str, set[int]] = defaultdict(set)
    for row in among(
        connection,
        "SELECT patient_key AS name, id FROM patient WHERE patient_key IN :values "
        "UNION SELECT pseudonym, patient_id FROM patient_pseudonym WHERE pseudonym IN :values",
        {key for one in numbered for key in one.others.values()},
    ):
        found[row.name].add(row.id)
    return found
