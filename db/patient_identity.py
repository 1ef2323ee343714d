"""Which patients are one person for splitting: by their numbers with and without an issuer, and by a person's word.

A DICOM patient has two keyed pseudonyms: `patient_key` of its number with the issuer (0010,0021), where the header
states one, and in `patient_pseudonym` that of the number alone. Strangers who stand together can't leak, one person
who stands apart does: so a new patient takes the split of those with the same number, and patients of whom one states
no issuer, or whom `wrist merge-patients` says to be one, are one person. Where they already stand in two splits,
later data-set versions leave the train (or validation) side out. No row is keyed anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import among, every, one, row_ids
from wrist_model.errors import DataError
from wrist_model.records import SPLIT_RANK, ImageRecord, Provenance, Split

NUMBER = "substr({0}.pseudonym, 1, 3) = 'nu-'"
"""Which rows of patient_pseudonym, named so in a query, are numbers that two sources share (db.shared_numbers)."""

UNREAD = (
    "i.format = 'dicom' AND p.patient_known = 1 "
    f"AND NOT EXISTS (SELECT 1 FROM patient_pseudonym x WHERE x.patient_id = p.id AND NOT {NUMBER.format('x')})"
)


@dataclass(frozen=True)
class Merge:
    """What a merge says. splits: those of the person's patients; with two of them, one side is left out from now on.
    written: False when it was stored before."""

    patients: tuple[str, str]
    splits: tuple[Split, ...]
    written: bool


def merge_patients(engine: Catalogue, first: str, second: str, reason: str, by: Provenance) -> Merge:
    """Store that two patients (pt-…) are one person. A pair that is stored stays as it is.

    Raises DataError for an unknown patient, one and the same, or an empty reason.
    """
    if not reason.strip():
        raise DataError(f"Merging {first} and {second} needs a reason: --reason TEXT.")
    if first == second:
        raise DataError(f"{first} stands twice; give the two patients that are one.")
    with writing(engine) as connection:
        rows = row_ids(connection, "patient", "patient_key", (first, second))
        for key in (first, second):
            if key not in rows:
                raise DataError(f"No patient {key!r} in the catalogue; expected a patient_key (pt-…) of `studies`.")
        low, high = sorted(rows.values())
        pair = {"patient_a_id": low, "patient_b_id": high}
        stored = one(
            connection,
            "SELECT id FROM patient_merge WHERE patient_a_id = :patient_a_id AND patient_b_id = :patient_b_id",
            **pair,
        )
        if stored is None:
            append(connection, "patient_merge", [{**pair, "reason": reason.strip()}], by)
        person = persons(connection)
        same = [patient for patient in person if person[patient] == person[low]]
        found = among(connection, "SELECT split FROM patient WHERE id IN :values", same)
    splits = tuple(sorted({row.split for row in found}, key=SPLIT_RANK.__getitem__))
    return Merge((first, second), splits, stored is None)


def persons(connection: Connection, before: int | None = None) -> dict[int, int]:
    """Patient row → the lowest patient row of the same person, of all patients that are not alone.

    before: only what links below this one said.
    """
    limit = {} if before is None else {"before": before}
    pairs = every(
        connection,
        "SELECT patient_a_id AS one, patient_b_id AS other FROM patient_merge"
        + ("" if before is None else " WHERE entry < :before"),
        **limit,
    )
    pairs += every(
        connection,
        "SELECT p.id AS one, x.patient_id AS other FROM patient p "
        "JOIN patient_pseudonym x ON x.pseudonym = p.patient_key AND x.patient_id <> p.id"
        + ("" if before is None else " WHERE x.entry < :before AND p.entry < :before"),
        **limit,
    )
    lowest: dict[int, int] = {}

    def root(patient: int) -> int:
        while lowest.setdefault(patient, patient) != patient:
            patient = lowest[patient]
        return patient

    for pair in pairs:
        low, high = sorted((root(pair.one), root(pair.other)))
        lowest[high] = low
    return {patient: root(patient) for patient in lowest}


def apart(connection: Connection, records: Sequence[ImageRecord]) -> set[str]:
    """The image_uids of files whose patient is another one than their study's.

    Where the study is catalogued, its patient holds; where it is not, none of the study's files can be believed.
    """
    by_study: dict[str, list[ImageRecord]] = {}
    for record in records:
        by_study.setdefault(record.study_uid, []).append(record)
    stored = dict(
        among(
            connection,
            "SELECT s.study_uid, p.patient_key FROM study s JOIN patient p ON p.id = s.patient_id "
            "WHERE s.study_uid IN :values",
            by_study,
        )
    )
    doubtful = {
        uid
        for uid, group in by_study.items()
        if len({record.patient_key for record in group} | ({stored[uid]} if uid in stored else set())) > 1
    }
    if not doubtful:
        return set()
    keys = {record.patient_key for uid in doubtful for record in by_study[uid]}
    names = _names(connection, keys | {stored[uid] for uid in doubtful if uid in stored})
    found: set[str] = set()
    for uid in doubtful:
        group = by_study[uid]
        theirs = names[stored[uid]] if uid in stored else _of(group[0], names)
        strangers = [record.image_uid for record in group if theirs.isdisjoint(_of(record, names))]
        found.update(strangers if uid in stored or not strangers else (record.image_uid for record in group))
    return found


def shared_splits(connection: Connection, pseudonyms: Iterable[str]) -> dict[str, Split]:
    """Pseudonym without issuer → the split of the patients who have it: test before validation before train."""
    rows = among(
        connection,
        "SELECT x.pseudonym, p.split FROM patient_pseudonym x JOIN patient p ON p.id = x.patient_id "
        "WHERE x.pseudonym IN :values UNION SELECT patient_key, split FROM patient WHERE patient_key IN :values",
        pseudonyms,
    )
    found: dict[str, Split] = {}
    for row in sorted(rows, key=lambda row: SPLIT_RANK[row.split]):
        found.setdefault(row.pseudonym, row.split)
    return found


def remember_pseudonyms(engine: Catalogue, pairs: Mapping[str, str], by: Provenance) -> int:
    """Store patient_key → pseudonym without issuer, of catalogued patients that have none yet. Returns new rows."""
    with writing(engine) as connection:
        rows = row_ids(connection, "patient", "patient_key", pairs)
        stored = {
            (row.patient_id, row.pseudonym)
            for row in among(
                connection,
                "SELECT patient_id, pseudonym FROM patient_pseudonym WHERE patient_id IN :values",
                rows.values(),
            )
        }
        fresh = [
            {"patient_id": rows[key], "pseudonym": pairs[key]}
            for key in sorted(rows)
            if (rows[key], pairs[key]) not in stored
        ]
        if fresh:
            append(connection, "patient_pseudonym", fresh, by)
    return len(fresh)


def unread_patients(engine: Catalogue) -> int:
    """DICOM patients catalogued before the pseudonym without issuer was kept: one re-read of their headers adds it."""
    with reading(engine) as connection:
        sql = f"SELECT count(DISTINCT p.id) AS n FROM patient p JOIN image i ON i.patient_id = p.id WHERE {UNREAD}"
        return int(one(connection, sql).n)


def unread_paths(engine: Catalogue, root: str) -> set[str]:
    """The stored paths below a root at which such a patient's header can be read."""
    sql = (
        "SELECT l.path FROM image_location l JOIN image i ON i.id = l.image_id JOIN patient p ON p.id = i.patient_id "
        f"WHERE l.root = :root AND {UNREAD}"
    )
    with reading(engine) as connection:
        return {row.path for row in every(connection, sql, root=root)}


def _names(connection: Connection, keys: Iterable[str]) -> dict[str, set[str]]:
    """patient_key → everything that names the same person, of catalogued patients; else the key alone."""
    keys = set(keys)
    rows = row_ids(connection, "patient", "patient_key", keys)
    person = persons(connection)
    same: dict[int, list[int]] = {}
    for patient, lowest in person.items():
        same.setdefault(lowest, []).append(patient)
    groups = {key: same.get(person.get(row, -1), [row]) for key, row in rows.items()}
    patients = {patient for group in groups.values() for patient in group}
    called: dict[int, set[str]] = {}
    for row in among(
        connection,
        "SELECT id, patient_key AS name FROM patient WHERE id IN :values "
        "UNION SELECT patient_id, pseudonym FROM patient_pseudonym WHERE patient_id IN :values",
        patients,
    ):
        called.setdefault(row.id, set()).add(row.name)
    return {key: {key}.union(*(called[patient] for patient in groups.get(key, ()))) for key in keys}


def _of(record: ImageRecord, names: Mapping[str, set[str]]) -> set[str]:
    alone = {record.patient_pseudonym} if record.patient_pseudonym else set()
    return names[record.patient_key] | alone
