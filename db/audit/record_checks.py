"""What `verify` checks of records that were decided on others: frozen versions, and the counts of ingests.

What held when a version was frozen is what links below its own said; times play no part, for a clock may be set back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from db.audit.anchor_file import Found
from db.lookups import every, one
from db.patient_identity import UNREAD, persons
from db.schema.views import OF_REPLICATE

KEPT = 20
SINCE = "counts_of_rows_after"
"""The fact that an upgraded catalogue has: the last link that was written by a Wrist that counted apart from rows."""


def frozen_labels(connection: Connection) -> Iterator[Found]:
    """Members whose label is not the one that their version's label version gives their study."""
    rows = connection.execute(
        text(
            "SELECT d.dataset_id, s.study_uid, min(m.label) AS said, min(l.label) AS held, d.label_version "
            "FROM dataset_version d JOIN dataset_member m ON m.dataset_version_id = d.id "
            "JOIN study s ON s.id = m.study_id LEFT JOIN label l ON l.id = (SELECT x.id FROM label x "
            "WHERE x.study_id = m.study_id AND x.label_version <= d.label_version AND x.entry < d.entry "
            "ORDER BY x.label_version DESC LIMIT 1) WHERE coalesce(m.label, -1) <> coalesce(l.label, -1) "
            "AND (m.label IS NOT NULL OR m.excluded_reason = 'unlabelled') "
            "GROUP BY d.id, d.dataset_id, s.study_uid, d.label_version ORDER BY d.id, s.study_uid"
        )
    ).fetchmany(KEPT)
    for row in rows:
        said, held = ("no label" if value is None else f"label {value}" for value in (row.said, row.held))
        yield (
            "frozen_label",
            f"{row.dataset_id} study {row.study_uid}",
            f"It stands with {said}; label version {row.label_version}, which the version names, gives it {held}.",
        )


def frozen_exclusions(connection: Connection) -> Iterator[Found]:
    """Included members that a person had left out by then."""
    left_out = " OR ".join(
        f"0 = (SELECT x.undone FROM exclusion x WHERE x.{kind}_id = m.{kind}_id AND x.entry < d.entry "
        "ORDER BY x.id DESC LIMIT 1)"
        for kind in ("image", "study", "patient")
    )
    rows = connection.execute(
        text(
            "SELECT d.dataset_id, i.image_uid FROM dataset_version d JOIN dataset_member m ON "
            "m.dataset_version_id = d.id JOIN image i ON i.id = m.image_id "
            f"WHERE m.included = 1 AND ({left_out}) ORDER BY d.id, i.image_uid"
        )
    ).fetchmany(KEPT)
    for row in rows:
        said = "It is included, and was left out (`wrist exclude`) before the version was frozen."
        yield "frozen_exclusion", f"{row.dataset_id} image {row.image_uid}", said


def frozen_links(connection: Connection) -> Iterator[Found]:
    """Near-duplicates and merged patients that were known when a version was frozen, and stand in two of its splits."""
    for row in _near(connection, "n.entry < d.entry"):
        said = "Both are included, in two splits; they were confirmed as near-duplicates before."
        yield "split", f"{row.dataset_id} images {row.one} {row.other}", said
    for version in _versions(connection):
        yield from _persons(connection, version, persons(connection, version.entry), "were one person by then")


def later_links(connection: Connection) -> Iterator[Found]:
    """The same, where the link was found after the version was frozen: it can't be mended, a new version can."""
    for row in _near(connection, "n.entry > d.entry"):
        said = "Both are included, in two splits; since then they are known as near-duplicates: freeze a new version."
        yield "later_link", f"{row.dataset_id} images {row.one} {row.other}", said
    person = persons(connection)
    for version in _versions(connection) if person else ():
        before = persons(connection, version.entry)
        fresh = {patient: lowest for patient, lowest in person.items() if before.get(patient) != lowest}
        said = "are known as one person since then: freeze a new version"
        yield from (("later_link", *found[1:]) for found in _persons(connection, version, fresh, said))


def counts(connection: Connection) -> Iterator[Found]:
    """Ingests and evaluations that say other counts than their rows, of those that this Wrist wrote."""
    return _counts(connection, "e.entry > :since")


def earlier_counts(connection: Connection) -> Iterator[Found]:
    """The same, of those written before the upgrade: a killed ingest was stored with zeros. Audited rows stay as they
    are, so that is told, and makes no catalogue wrong."""
    return _counts(connection, "e.entry <= :since")


def unread_headers(connection: Connection) -> Iterator[Found]:
    """DICOM patients whose number without issuer is not known yet."""
    row = one(
        connection,
        f"SELECT count(DISTINCT p.id) AS n FROM patient p JOIN image i ON i.patient_id = p.id WHERE {UNREAD}",
    )
    if row.n:
        yield (
            "headers",
            f"{row.n} DICOM patient(s)",
            "The same number with and without IssuerOfPatientID can't be linked: ingest their folders once more, then "
            "their headers are read again.",
        )


def _near(connection: Connection, when: str) -> Sequence[Any]:
    return connection.execute(
        text(
            "SELECT d.dataset_id, i.image_uid AS one, j.image_uid AS other FROM near_duplicate n "
            "JOIN dataset_member x ON x.image_id = n.image_a_id AND x.included = 1 "
            "JOIN dataset_member y ON y.image_id = n.image_b_id AND y.included = 1 "
            "AND y.dataset_version_id = x.dataset_version_id AND y.split <> x.split "
            "JOIN dataset_version d ON d.id = x.dataset_version_id JOIN image i ON i.id = n.image_a_id "
            f"JOIN image j ON j.id = n.image_b_id WHERE n.confirmed = 1 AND {when} ORDER BY d.id, n.id"
        )
    ).fetchmany(KEPT)


def _versions(connection: Connection) -> list[Any]:
    return every(connection, "SELECT id, dataset_id, entry FROM dataset_version ORDER BY id")


def _persons(connection: Connection, version: Any, person: dict[int, int], said: str) -> Iterator[Found]:
    """Persons of whom included patients stand in two splits of a version."""
    if not person:
        return
    places: dict[int, dict[str, str]] = {}
    for row in every(
        connection,
        "SELECT DISTINCT m.patient_id, p.patient_key, m.split FROM dataset_member m "
        "JOIN patient p ON p.id = m.patient_id WHERE m.dataset_version_id = :version AND m.included = 1",
        version=version.id,
    ):
        if row.patient_id in person:
            places.setdefault(person[row.patient_id], {})[row.split] = row.patient_key
    for found in places.values():
        if len(found) > 1:
            where = " and ".join(f"{key} ({split})" for split, key in sorted(found.items()))
            yield "split", f"{version.dataset_id} patients", f"{where} {said}."


def _counts(connection: Connection, when: str) -> Iterator[Found]:
    fact = one(connection, "SELECT value FROM fact WHERE name = :name", name=SINCE)
    since = int(fact.value) if fact else 0
    for row in connection.execute(
        text(
            "SELECT r.ingest_run_id, e.n_new, coalesce(i.n, 0) AS images, e.n_quarantined, coalesce(q.n, 0) AS refused "
            "FROM ingest_event e JOIN ingest_run r ON r.id = e.ingest_run_id LEFT JOIN (SELECT ingest_run_id, "
            "count(DISTINCT path) AS n FROM image GROUP BY ingest_run_id) i ON i.ingest_run_id = r.id "
            "LEFT JOIN (SELECT ingest_run_id, count(DISTINCT path) AS n FROM quarantined_file GROUP BY ingest_run_id) "
            "q ON q.ingest_run_id = r.id "
            f"WHERE {when} AND (e.n_new <> coalesce(i.n, 0) OR e.n_quarantined < coalesce(q.n, 0)) ORDER BY e.id"
        ),
        {"since": since},
    ).fetchmany(KEPT):
        yield (
            "counts",
            f"ingest {row.ingest_run_id}",
            f"It says {row.n_new} new and {row.n_quarantined} quarantined files; its rows are of {row.images} and "
            f"{row.refused}.",
        )

    for row in connection.execute(
        text(
            "SELECT * FROM (SELECT v.id, v.evaluation_id AS run, e.n_image_predictions AS said, "
            "e.n_study_predictions AS studies, (SELECT count(*) FROM image_prediction p WHERE p.evaluation_id = v.id) "
            "AS images, (SELECT count(*) FROM study_prediction p WHERE p.evaluation_id = v.id) AS held "
            f"FROM evaluation_event e JOIN evaluation v ON v.id = e.evaluation_id WHERE {when}) c "
            "WHERE said <> images OR studies <> held ORDER BY id"
        ),
        {"since": since},
    ).fetchmany(KEPT):
        yield (
            "counts",
            f"evaluation {row.run}",
            f"It says {row.said} image and {row.studies} study predictions; it stored {row.images} and {row.held}.",
        )


def boxes(connection: Connection) -> Iterator[Found]:
    """Boxes that stand out of their picture, and lists that supersede another name's or one that another superseded."""
    for row in connection.execute(
        text(
            "SELECT r.id, i.image_uid FROM region r JOIN image i ON i.id = r.image_id "
            "WHERE r.x_max > i.columns OR r.y_max > i.rows ORDER BY r.id"
        )
    ).fetchmany(KEPT):
        yield "region", f"region {row.id}", f"It stands out of its picture {row.image_uid}."
    for row in connection.execute(
        text(
            "SELECT l.id, o.id AS before FROM region_list l JOIN region_list o ON o.id = l.supersedes_id "
            "WHERE l.source <> o.source OR l.name <> o.name OR l.taken = 0 OR EXISTS (SELECT 1 FROM region_list n "
            "WHERE n.supersedes_id = l.supersedes_id AND n.id < l.id) ORDER BY l.id"
        )
    ).fetchmany(KEPT):
        said = f"It takes the place of list {row.before}, which is of another name or was superseded before."
        yield "region", f"list of boxes {row.id}", said


def replicates(connection: Connection) -> Iterator[Found]:
    """Decisions about models of replicate trainings, which can't serve."""
    for row in connection.execute(
        text(
            "SELECT p.promotion_id, m.model_version_id, p.decision FROM promotion p JOIN model_version m "
            f"ON m.id = p.model_version_id WHERE {OF_REPLICATE.format(model='m')} ORDER BY p.id"
        )
    ).fetchmany(KEPT):
        yield (
            "replicate",
            f"promotion {row.promotion_id}",
            f"{row.model_version_id} is a replicate, and {row.decision}.",
        )


def precisions(connection: Connection) -> Iterator[Found]:
    """Scores of another precision than that which their model's thresholds were locked with."""
    for row in connection.execute(
        text(
            "SELECT e.evaluation_id, m.model_version_id, coalesce(e.precision, 'f32') AS said, "
            "min(coalesce(o.precision, 'f32')) AS held FROM evaluation e "
            "JOIN model_version m ON m.id = e.model_version_id JOIN operating_point o ON o.model_version_id = m.id "
            "WHERE coalesce(e.precision, 'f32') <> coalesce(o.precision, 'f32') AND EXISTS "
            "(SELECT 1 FROM image_prediction p WHERE p.evaluation_id = e.id) "
            "GROUP BY e.id, e.evaluation_id, m.model_version_id, e.precision ORDER BY e.id"
        )
    ).fetchmany(KEPT):
        yield (
            "precision",
            f"evaluation {row.evaluation_id}",
            f"It scored in {row.said}; the thresholds of {row.model_version_id} were locked in {row.held}.",
        )


Check = Callable[[Connection], Iterable[Found]]
RECORDS: tuple[tuple[str, Check], ...] = (
    ("labels of frozen versions", frozen_labels),
    ("exclusions of frozen versions", frozen_exclusions),
    ("links between splits", frozen_links),
    ("counts of runs", counts),
    ("boxes on pictures", boxes),
    ("replicates", replicates),
    ("precision of scores", precisions),
)
LOOK_AT: tuple[Check, ...] = (later_links, earlier_counts, unread_headers)
