"""External sets and the internal test split: which rows are of which, in one place.

A row of an external set has split `test` and the set's name in `hold_out`. Internal test means `hold_out IS NULL`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from db.engine import Catalogue, reading
from db.lookups import every, one, row_id
from db.patient_identity import persons
from wrist_model.errors import LeakError
from wrist_model.records import Member, Split


def internal(row: str) -> str:
    """SQL: whether a row is of no external set. row: its alias."""
    return f"({row}.hold_out IS NULL)"


def internal_test(row: str) -> str:
    """SQL: whether a row (of patient or dataset_member, or of a view with both columns) is of internal test."""
    return f"{row}.split = 'test' AND {internal(row)}"


def of_set(row: str) -> str:
    """SQL: whether a row is of the set `:hold_out`; '' there (see `named`): of none."""
    return f"coalesce({row}.hold_out, '') = :hold_out"


def named(hold_out: str | None) -> str:
    """The value of `:hold_out` in `of_set`."""
    return hold_out or ""


def internal_members(members: Iterable[Member], split: Split) -> list[Member]:
    """The included members of a split that are of no external set."""
    return [one for one in members if one.included and one.split == split and one.hold_out is None]


def newest_with(engine: Catalogue, hold_out: str) -> str | None:
    """The newest frozen version that has images of an external set as members, or None: also where all of them are
    left out there, since an older version that includes them would score what somebody has excluded."""
    with reading(engine) as connection:
        row = one(
            connection,
            "SELECT d.dataset_id FROM dataset_version d WHERE EXISTS (SELECT 1 FROM dataset_member m "
            f"WHERE m.dataset_version_id = d.id AND {of_set('m')}) ORDER BY d.id DESC LIMIT 1",
            hold_out=hold_out,
        )
    return row.dataset_id if row else None


def known_to(engine: Catalogue, model_version_id: str, dataset_id: str, hold_out: str) -> list[str]:
    """The images of an external set in a version that a model, or a member of it, has seen in train or validation, by
    image_uid: equal pixels, confirmed near-duplicates, or images of the same person."""
    with reading(engine) as connection:
        tested = _tested(connection, dataset_id, hold_out)
        known = _known(connection, _learnt(connection, model_version_id), tested, persons(connection))
    return [row.image_uid for row in known]


def refuse_known(engine: Catalogue, model_version_id: str, dataset_id: str, hold_out: str) -> None:
    """Raises LeakError where a model has learnt from images or people of an external set in a version."""
    if seen := known_to(engine, model_version_id, dataset_id, hold_out):
        raise LeakError(
            f"{model_version_id} was trained on pictures or patients of the external set {hold_out}: "
            f"{len(seen)} image(s), {', '.join(seen[:3])} first. Leave them out with `wrist exclude ID --reason …` and "
            "freeze again (`wrist split --freeze`), or retrain, which leaves the train side out."
        )


def known_patients(engine: Catalogue, model_version_ids: Iterable[str], dataset_id: str) -> dict[str, frozenset[str]]:
    """Model → the patients, by key, of a version's internal test split whom it, or a member of it, has learnt from: by
    the rule of `known_to`, and with each of them every patient of the same person."""
    found = {}
    with reading(engine) as connection:
        person = persons(connection)
        inside = _tested(connection, dataset_id, None)
        for model in model_version_ids:
            found[model] = _patients(connection, _learnt(connection, model), inside, person)
    return found


def known_to_version(engine: Catalogue, dataset_id: str) -> frozenset[str]:
    """`known_patients` of a model that is trained on this version itself: nobody, unless a merge or a copy came to
    light after it was frozen."""
    with reading(engine) as connection:
        version = row_id(connection, "dataset_version", "dataset_id", dataset_id)
        inside = _tested(connection, dataset_id, None)
        learnt = every(connection, _LEARNT.format("d.dataset_version_id = :version"), version=version)
        return _patients(connection, learnt, inside, persons(connection))


def _tested(connection: Connection, dataset_id: str, hold_out: str | None) -> Sequence[Any]:
    """The included test images of a version that are of a set."""
    return every(
        connection,
        "SELECT i.id, i.image_uid, i.pixel_sha256, i.patient_id, p.patient_key FROM dataset_member m "
        "JOIN image i ON i.id = m.image_id JOIN patient p ON p.id = i.patient_id WHERE m.dataset_version_id = :version "
        f"AND m.included = 1 AND m.split = 'test' AND {of_set('m')} ORDER BY i.image_uid",
        version=row_id(connection, "dataset_version", "dataset_id", dataset_id),
        hold_out=named(hold_out),
    )


_LEARNT = (
    "SELECT DISTINCT i.id, i.pixel_sha256, i.patient_id FROM dataset_member d JOIN image i ON i.id = d.image_id "
    "WHERE d.included = 1 AND d.split <> 'test' AND {}"
)


def _learnt(connection: Connection, model_version_id: str) -> Sequence[Any]:
    """The images that a model, or a member of it, was trained and calibrated on."""
    versions = (
        "d.dataset_version_id IN (SELECT t.dataset_version_id FROM model_version m "
        "JOIN training_run t ON t.id = m.training_run_id WHERE m.id = :model "
        "OR m.id IN (SELECT member_id FROM model_member WHERE model_version_id = :model))"
    )
    model = row_id(connection, "model_version", "model_version_id", model_version_id)
    return every(connection, _LEARNT.format(versions), model=model)


def _known(
    connection: Connection, learnt: Sequence[Any], tested: Sequence[Any], person: Mapping[int, int]
) -> Sequence[Any]:
    """Of the tested images those that say something about one that was learnt from: the one owner of that rule."""
    pairs = every(connection, "SELECT image_a_id AS one, image_b_id AS other FROM near_duplicate WHERE confirmed = 1")
    images, pixels = {row.id for row in learnt}, {row.pixel_sha256 for row in learnt}
    people = {_person(row, person) for row in learnt}
    near = {a for pair in pairs for a, b in ((pair.one, pair.other), (pair.other, pair.one)) if b in images}
    return [row for row in tested if row.id in near or row.pixel_sha256 in pixels or _person(row, person) in people]


def _patients(
    connection: Connection, learnt: Sequence[Any], tested: Sequence[Any], person: Mapping[int, int]
) -> frozenset[str]:
    """The patients of known images, by key, and with each of them every tested patient of the same person."""
    people = {_person(row, person) for row in _known(connection, learnt, tested, person)}
    return frozenset(row.patient_key for row in tested if _person(row, person) in people)


def _person(row: Any, person: Mapping[int, int]) -> int:
    return person.get(row.patient_id, row.patient_id)


def all_sets(engine: Catalogue) -> tuple[str, ...]:
    """The names of all external sets that are catalogued, sorted."""
    with reading(engine) as connection:
        rows = every(connection, "SELECT DISTINCT hold_out FROM patient WHERE hold_out IS NOT NULL ORDER BY hold_out")
    return tuple(row.hold_out for row in rows)


def left_out(engine: Catalogue, dataset_id: str, hold_out: str) -> dict[str, int]:
    """Reason → how many images of an external set a frozen version leaves out by it."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT m.excluded_reason AS reason, count(*) AS n FROM dataset_member m "
            f"WHERE m.dataset_version_id = :version AND m.included = 0 AND {of_set('m')} "
            "GROUP BY m.excluded_reason ORDER BY m.excluded_reason",
            version=row_id(connection, "dataset_version", "dataset_id", dataset_id),
            hold_out=hold_out,
        )
    return {row.reason: row.n for row in rows}


def not_in(engine: Catalogue, dataset_id: str, hold_out: str) -> int:
    """How many images of an external set are catalogued that a frozen version has not as members, taken or left out:
    they came after it was frozen."""
    with reading(engine) as connection:
        row = one(
            connection,
            f"SELECT count(*) AS n FROM image i JOIN patient p ON p.id = i.patient_id WHERE {of_set('p')} "
            "AND NOT EXISTS (SELECT 1 FROM dataset_member m "
            "WHERE m.dataset_version_id = :version AND m.image_id = i.id)",
            version=row_id(connection, "dataset_version", "dataset_id", dataset_id),
            hold_out=hold_out,
        )
    return int(row.n)


def sets_in(engine: Catalogue, dataset_id: str) -> tuple[str, ...]:
    """The external sets of which a frozen version includes images, sorted."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT DISTINCT m.hold_out FROM dataset_member m WHERE m.dataset_version_id = :version "
            "AND m.included = 1 AND m.hold_out IS NOT NULL ORDER BY m.hold_out",
            version=row_id(connection, "dataset_version", "dataset_id", dataset_id),
        )
    return tuple(row.hold_out for row in rows)
