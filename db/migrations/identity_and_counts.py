"""A part of revision 0003: patients' pseudonyms without an issuer, merged patients, and counts that nobody knows.

The migration calls `upgrade` and `downgrade`, inside its transaction. A catalogue that holds rows gets one fact,
`counts_of_rows_after`: the last link before the upgrade. Until then an ingest's counts could differ from its rows.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from db.audit.chain import append
from wrist_model.errors import CatalogueError
from wrist_model.records import Provenance

COUNTS = tuple(f"n_{name}" for name in ("new", "unchanged", "changed", "filtered", "ignored", "quarantined"))
SINCE = "counts_of_rows_after"
_SAYS = "is append-only: corrections are new rows"
_TABLES = {
    "patient_pseudonym": (
        """CREATE TABLE patient_pseudonym (
	id {big} NOT NULL,
	entry {big} NOT NULL,
	patient_id {big} NOT NULL,
	pseudonym TEXT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (patient_id, pseudonym),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq),
	FOREIGN KEY(patient_id) REFERENCES patient (id)
)""",
        "CREATE INDEX ix_patient_pseudonym_pseudonym ON patient_pseudonym (pseudonym)",
    ),
    "patient_merge": (
        """CREATE TABLE patient_merge (
	id {big} NOT NULL,
	entry {big} NOT NULL,
	patient_a_id {big} NOT NULL,
	patient_b_id {big} NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (patient_a_id, patient_b_id),
	CHECK (patient_a_id < patient_b_id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq),
	FOREIGN KEY(patient_a_id) REFERENCES patient (id),
	FOREIGN KEY(patient_b_id) REFERENCES patient (id)
)""",
    ),
}
_UNIQUE = {
    "patient_pseudonym": ("patient_id", "pseudonym"),
    "patient_merge": ("patient_a_id", "patient_b_id"),
}


def upgrade(connection: Connection) -> None:
    """Make the two tables, and let an ingest's counts be NULL."""
    sqlite = connection.dialect.name == "sqlite"
    for table, statements in _TABLES.items():
        for statement in statements:
            connection.exec_driver_sql(statement.format(big="INTEGER" if sqlite else "BIGINT"))
        for statement in _sqlite_triggers(table) if sqlite else _postgresql_triggers(table):
            connection.exec_driver_sql(statement)
        if not sqlite:
            _same_rights(connection, table)
    if sqlite:
        _remake_ingest_event(connection, nullable=True)
    else:
        for column in COUNTS:
            connection.exec_driver_sql(f"ALTER TABLE ingest_event ALTER COLUMN {column} DROP NOT NULL")
    last = connection.exec_driver_sql("SELECT max(seq) FROM audit_entry").scalar()
    marked = connection.exec_driver_sql(f"SELECT count(*) FROM fact WHERE name = '{SINCE}'").scalar()
    if last and not marked:
        append(connection, "fact", [{"name": SINCE, "value": str(last)}], Provenance("migration"))


def downgrade(connection: Connection, wanted: str) -> None:
    """Raises CatalogueError when a row needs what goes: without that its hash would not be its own."""
    unknown = " OR ".join(f"{column} IS NULL" for column in COUNTS)
    for table, where in (*((table, "1 = 1") for table in _TABLES), ("ingest_event", unknown)):
        held = connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {where}").scalar()
        if held and wanted != "base":
            raise CatalogueError(
                f"Schema 0002 can't hold {held} row(s) of {table}. "
                "Go back with `wrist db restore` and a backup made before the upgrade."
            )
    for table in reversed(_TABLES):
        connection.exec_driver_sql(f"DROP TABLE {table}")
    if connection.dialect.name == "sqlite":
        if wanted != "base":
            _remake_ingest_event(connection, nullable=False)
        return
    for column in COUNTS if wanted != "base" else ():
        connection.exec_driver_sql(f"ALTER TABLE ingest_event ALTER COLUMN {column} SET NOT NULL")


def _remake_ingest_event(connection: Connection, *, nullable: bool) -> None:
    """SQLite can't change a column: the table is made anew with the same rows, index and triggers."""
    first = (Path(__file__).parent / "versions" / "0001_sqlite.sql").read_text(encoding="utf-8")
    made = [part.strip() for part in first.split("\n-- next\n") if " ingest_event" in part.split("(")[0]]
    if nullable:
        for column in COUNTS:
            made[0] = made[0].replace(f"\t{column} INTEGER NOT NULL,", f"\t{column} INTEGER,")
    connection.exec_driver_sql("CREATE TEMP TABLE held AS SELECT * FROM ingest_event")
    connection.exec_driver_sql("DROP TABLE ingest_event")
    connection.exec_driver_sql(made[0])
    connection.exec_driver_sql("INSERT INTO ingest_event SELECT * FROM held ORDER BY id")
    connection.exec_driver_sql("DROP TABLE held")
    for statement in made[1:]:
        connection.exec_driver_sql(statement)


def _sqlite_triggers(table: str) -> list[str]:
    same = " AND ".join(f"{column} = NEW.{column}" for column in _UNIQUE[table])
    taken = f"NEW.id <= (SELECT coalesce(max(id), 0) FROM {table}) OR EXISTS (SELECT 1 FROM {table} WHERE {same})"
    return [
        f"CREATE TRIGGER {table}_no_{when.lower()} BEFORE {when} ON {table} FOR EACH ROW {condition}"
        f"BEGIN SELECT RAISE(ABORT, '{table} {_SAYS}'); END"
        for when, condition in (("UPDATE", ""), ("DELETE", ""), ("INSERT", f"WHEN {taken} "))
    ]


def _postgresql_triggers(table: str) -> list[str]:
    statements = []
    for name, event, each in (("no_change", "UPDATE OR DELETE", "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT")):
        statements += [
            f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION wrist_append_only()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}",
        ]
    return statements


def _same_rights(connection: Connection, table: str) -> None:
    """Give PostgreSQL's roles the rights on a new table that they have on `patient`."""
    rows = connection.exec_driver_sql(
        "SELECT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, "
        "g.privilege_type FROM pg_class c, aclexplode(c.relacl) g WHERE c.oid = 'patient'::regclass "
        "AND g.grantee <> c.relowner"
    )
    for role, right in list(rows):
        connection.exec_driver_sql(f"GRANT {right} ON {table} TO {role}")
