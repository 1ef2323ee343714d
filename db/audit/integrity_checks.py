"""What `verify` checks besides the chain: the schema's guards, foreign keys, splits, content hashes, files, orphans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, text

from db.audit import (
    known_file_checks,
    postgresql_definitions,
    postgresql_surroundings,
    sqlite_definitions,
    superseded_checks,
)
from db.audit.anchor_file import Found
from db.home import model_file
from db.lookups import environment_sha256
from db.schema.all_tables import AUDITED, METADATA
from db.schema.revisions import HEAD, VERSIONS
from db.unended_runs import unended

KEPT = 20
Ends = Mapping[str, int]
"""Audited table → its last row that is not looked at; those that are not named are looked at whole."""
NOTHING: Ends = {}


def guards(connection: Connection, pages: bool = True) -> Iterator[Found]:
    """Tables, append-only triggers, views and all else that is missing, not ours, or not what the migrations make.
    pages: SQLite's own look at the whole file, too."""
    if connection.dialect.name == "sqlite":
        if pages:
            yield from sqlite_definitions.pages(connection)
        yield from sqlite_definitions.compare(connection)
    else:
        connection.exec_driver_sql(
            "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
        )
        yield from postgresql_definitions.compare(connection)
        yield from postgresql_surroundings.compare(connection)
    found = list(connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalars())
    if found != [HEAD]:
        yield "schema", VERSIONS, f"It says {', '.join(map(repr, found)) or 'nothing'}; this schema is {HEAD}."


def foreign_keys(connection: Connection) -> Iterator[Found]:
    """Rows that point to nothing. PostgreSQL: only if a constraint was dropped or disabled."""
    if connection.dialect.name == "sqlite":
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(KEPT):
            yield "foreign_key", f"{row[0]} row {row[1]}", f"It refers to a row of {row[2]} that is not there."
        return
    yield from _keys_without_a_row(connection, METADATA.sorted_tables, {})


def new_foreign_keys(connection: Connection, after: Ends) -> Iterator[Found]:
    """The same of the audited rows after these."""
    yield from _keys_without_a_row(connection, [METADATA.tables[table] for table in AUDITED], after)


def _keys_without_a_row(connection: Connection, tables: Iterable[Table], after: Ends) -> Iterator[Found]:
    for table in tables:
        column = "seq" if table.name == "audit_entry" else next(iter(table.primary_key.columns)).name
        for key in table.foreign_key_constraints:
            pairs = [(item.parent.name, item.column.name) for item in key.elements]
            other = key.referred_table.name
            joined = " AND ".join(f"o.{theirs} = t.{ours}" for ours, theirs in pairs)
            given = " AND ".join(f"t.{ours} IS NOT NULL" for ours, _ in pairs)
            since = f"t.{column} > {after[table.name]:d} AND " if table.name in after else ""
            broken = connection.execute(
                text(
                    f"SELECT t.{column} AS id FROM {table.name} t WHERE {since}{given} "
                    f"AND NOT EXISTS (SELECT 1 FROM {other} o WHERE {joined}) LIMIT 1"
                )
            ).first()
            if broken is not None:
                yield (
                    "foreign_key",
                    f"{table.name} row {broken.id}",
                    f"It refers to a row of {other} that is not there.",
                )


def _since(after: Ends) -> str:
    """Frozen versions `d` that have a row, or a member, after these: a condition."""
    version, member = (after.get(table, 0) for table in ("dataset_version", "dataset_member"))
    if not version:
        return "1 = 1"
    members = f"SELECT x.dataset_version_id FROM dataset_member x WHERE x.id > {member:d}"
    return f"d.id IN (SELECT v.id FROM dataset_version v WHERE v.id > {version:d} UNION {members})"


def split_guard(connection: Connection, after: Ends = NOTHING) -> Iterator[Found]:
    """Included patients, pictures or confirmed near-duplicates that stand in two splits of one version.
    after: only of versions that have rows after these."""
    checks = (
        ("patient", "p.patient_key", "JOIN patient p ON p.id = m.patient_id"),
        ("pixels", "i.pixel_sha256", "JOIN image i ON i.id = m.image_id"),
    )
    for kind, column, join in checks:
        rows = connection.execute(
            text(
                f"SELECT d.dataset_id, {column} AS what, min(m.split) AS one, max(m.split) AS other "
                f"FROM dataset_member m JOIN dataset_version d ON d.id = m.dataset_version_id {join} "
                f"WHERE m.included = 1 AND {_since(after)} "
                f"GROUP BY d.dataset_id, {column} HAVING min(m.split) <> max(m.split)"
            )
        ).fetchmany(KEPT)
        for row in rows:
            yield "split", f"{row.dataset_id} {kind} {row.what[:19]}", f"It stands in {row.one} and in {row.other}."
    moved = connection.execute(
        text(
            "SELECT d.dataset_id, p.patient_key, coalesce(p.hold_out, p.split) AS fixed, "
            "coalesce(m.hold_out, m.split) AS split FROM dataset_member m "
            "JOIN dataset_version d ON d.id = m.dataset_version_id JOIN patient p ON p.id = m.patient_id "
            "WHERE (m.split <> p.split OR coalesce(m.hold_out, '') <> coalesce(p.hold_out, '')) "
            f"AND {_since(after)}"
        )
    ).fetchmany(KEPT)
    for row in moved:
        yield (
            "split",
            f"{row.dataset_id} patient {row.patient_key}",
            f"Its split is {row.fixed}; here it is {row.split}.",
        )


def content_hashes(connection: Connection, after: Ends = NOTHING) -> Iterator[Found]:
    """Recipes, plans, environments, ensembles and manifests whose hash is not of their content.
    after: only of rows after these."""
    for table, column in (("recipe", "recipe_sha256"), ("plan", "content_sha256")):
        for row in connection.execute(
            text(f"SELECT id, {column} AS sha256, content FROM {table} WHERE id > {after.get(table, 0):d}")
        ):
            if hashlib.sha256(row.content.encode()).hexdigest() != row.sha256:
                yield "hash", f"{table} row {row.id}", "Its hash is not of its content."
    for facts in connection.execute(
        text(f"SELECT * FROM environment WHERE id > {after.get('environment', 0):d}")
    ).mappings():
        if environment_sha256(dict(facts)) != facts["environment_sha256"]:
            yield "hash", f"environment row {facts['id']}", "Its hash is not of its content."
    for version in connection.execute(
        text(f"SELECT id, dataset_id, manifest_sha256, label_version FROM dataset_version d WHERE {_since(after)}")
    ).all():
        digest = hashlib.sha256(f"label version {version.label_version}\n".encode())
        rows = connection.execute(
            text(
                "SELECT i.image_uid, i.pixel_sha256, s.study_uid, p.patient_key, m.split, m.label, m.included, "
                "m.excluded_reason, m.hold_out FROM dataset_member m JOIN image i ON i.id = m.image_id "
                "JOIN study s ON s.id = m.study_id JOIN patient p ON p.id = m.patient_id "
                "WHERE m.dataset_version_id = :id"
            ),
            {"id": version.id},
        ).all()
        for fields in sorted((list(one) for one in rows), key=lambda one: one[0]):
            fields = fields if fields[-1] is not None else fields[:-1]
            digest.update(json.dumps(fields, separators=(",", ":")).encode() + b"\n")
        if digest.hexdigest() != version.manifest_sha256:
            yield "hash", version.dataset_id, "Its members are not those that its manifest's hash is of."


def corrections(connection: Connection) -> Iterator[Found]:
    """Corrections that point elsewhere than to the row that held before them."""
    for table, same in (
        ("label", "o.study_id = n.study_id"),
        (
            "exclusion",
            "(o.image_id = n.image_id OR o.study_id = n.study_id OR o.patient_id = n.patient_id)",
        ),
        ("promotion", "o.decision IN ('promoted', 'rolled_back')"),
    ):
        rows = connection.execute(
            text(
                f"SELECT n.id, n.corrects_id FROM {table} n WHERE n.corrects_id IS NOT NULL AND n.corrects_id <> "
                f"coalesce((SELECT max(o.id) FROM {table} o WHERE {same} AND o.id < n.id), 0) ORDER BY n.id"
            )
        ).fetchmany(KEPT)
        for row in rows:
            yield "correction", f"{table} row {row.id}", f"It says to correct row {row.corrects_id}, which it can't."


CONTENT: tuple[tuple[str, Callable[[Connection], Iterable[Found]]], ...] = (
    ("foreign keys", foreign_keys),
    ("split guard", split_guard),
    ("content hashes", content_hashes),
    ("corrections", corrections),
    ("predictions", superseded_checks.predictions),
    ("known files", known_file_checks.known_files),
)

NEW: tuple[Callable[[Connection, Ends], Iterable[Found]], ...] = (new_foreign_keys, split_guard, content_hashes)
"""What `verify --new` asks of the rows after those."""


def stored_files(connection: Connection, home: Path, after: Ends = NOTHING) -> Iterator[tuple[Path, str, str]]:
    """(file, its stored SHA-256, what refers to it): models, explanations, reports. after: of rows after these."""
    for row in connection.execute(
        text(
            "SELECT model_version_id, artifact_sha256 FROM model_version WHERE training_run_id IS NOT NULL "
            f"AND id > {after.get('model_version', 0):d} ORDER BY id"
        )
    ):
        yield model_file(home, row[1]), row[1], row[0]
    for row in connection.execute(
        text(
            "SELECT explanation_id, path, file_sha256 FROM explanation "
            f"WHERE id > {after.get('explanation', 0):d} ORDER BY id"
        )
    ):
        yield home / row[1], row[2], row[0]
    for path, sha256, report_id in superseded_checks.standing_reports(connection, after.get("report", 0)):
        yield home / path, sha256, report_id


def orphans(engine: Engine) -> Iterator[Found]:
    """Runs without an end that nobody works on."""
    for run in unended(engine):
        if run.lost is not None:
            said = (
                f"This {run.kind} began {run.since} and was never ended ({run.lost}): `wrist status` says what to do."
            )
            yield "orphan", run.run_id, said
