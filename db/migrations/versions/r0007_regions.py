"""Boxes that people drew on pictures, and how heat maps lie to them.

Rows written before are untouched.
"""

from __future__ import annotations

from alembic import context, op

from wrist_model.errors import CatalogueError

revision = "0007"
down_revision = "0006"
TABLES = {
    "region_list": (
        """CREATE TABLE region_list (
	id {big} NOT NULL,
	entry {big} NOT NULL,
	ingest_run_id {big} NOT NULL,
	source TEXT NOT NULL,
	root TEXT NOT NULL,
	name TEXT NOT NULL,
	kind TEXT NOT NULL,
	file_sha256 TEXT,
	content_sha256 TEXT NOT NULL,
	taken SMALLINT NOT NULL,
	supersedes_id {big},
	PRIMARY KEY (id),
	CONSTRAINT region_list_supersedes CHECK (supersedes_id < id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq),
	FOREIGN KEY(ingest_run_id) REFERENCES ingest_run (id),
	FOREIGN KEY(supersedes_id) REFERENCES region_list (id)
)""",
        "CREATE INDEX ix_region_list_supersedes_id ON region_list (supersedes_id)",
        "CREATE INDEX region_list_place ON region_list (source, name)",
    ),
    "region": (
        """CREATE TABLE region (
	id {big} NOT NULL,
	entry {big} NOT NULL,
	region_list_id {big} NOT NULL,
	image_id {big} NOT NULL,
	region_class TEXT NOT NULL,
	x_min {real} NOT NULL,
	y_min {real} NOT NULL,
	x_max {real} NOT NULL,
	y_max {real} NOT NULL,
	drawn_by TEXT,
	PRIMARY KEY (id),
	CONSTRAINT region_has_area CHECK (x_min >= 0 AND y_min >= 0 AND x_min < x_max AND y_min < y_max),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq),
	FOREIGN KEY(region_list_id) REFERENCES region_list (id),
	FOREIGN KEY(image_id) REFERENCES image (id)
)""",
        "CREATE INDEX ix_region_image_id ON region (image_id)",
        "CREATE INDEX ix_region_region_list_id ON region (region_list_id)",
    ),
    "refused_region": (
        """CREATE TABLE refused_region (
	id {big} NOT NULL,
	entry {big} NOT NULL,
	region_list_id {big} NOT NULL,
	place TEXT NOT NULL,
	reason_code TEXT NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq),
	FOREIGN KEY(region_list_id) REFERENCES region_list (id)
)""",
        "CREATE INDEX ix_refused_region_region_list_id ON refused_region (region_list_id)",
    ),
    "localisation_metric": (
        """CREATE TABLE localisation_metric (
	id {big} NOT NULL,
	entry {big} NOT NULL,
	evaluation_id {big} NOT NULL,
	split TEXT NOT NULL,
	region_class TEXT NOT NULL,
	metric TEXT NOT NULL,
	value {real},
	ci_low {real},
	ci_high {real},
	n_images {big} NOT NULL,
	n_patients {big} NOT NULL,
	n_resamples {big} NOT NULL,
	bootstrap_seed {big},
	note TEXT,
	regions_sha256 TEXT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT localisation_metric_split CHECK (split IN ('train', 'validation', 'test')),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq),
	FOREIGN KEY(evaluation_id) REFERENCES evaluation (id)
)""",
        "CREATE INDEX ix_localisation_metric_evaluation_id ON localisation_metric (evaluation_id)",
    ),
}
SAYS = "is append-only: corrections are new rows"


def upgrade() -> None:
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    kinds = {"big": "INTEGER" if sqlite else "BIGINT", "real": "DOUBLE" if sqlite else "DOUBLE PRECISION"}
    for table, statements in TABLES.items():
        for statement in statements:
            connection.exec_driver_sql(statement.format(**kinds))
        for statement in _sqlite_triggers(table) if sqlite else _postgresql_triggers(table):
            connection.exec_driver_sql(statement)
        if not sqlite:
            _same_rights(table)


def downgrade() -> None:
    """Raises CatalogueError when a list of boxes is stored: links of the chain would else hold nothing."""
    connection = op.get_bind()
    for what, table in (("list(s) of boxes", "region_list"), ("measurement(s) on boxes", "localisation_metric")):
        count = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
        if count and context.config.attributes["wanted"] != "base":
            raise CatalogueError(
                f"Schema {down_revision} can't hold {count} {what}. "
                "Go back with `wrist db restore` and a backup made before the upgrade."
            )
    for table in reversed(TABLES):
        connection.exec_driver_sql(f"DROP TABLE {table}")


def _sqlite_triggers(table: str) -> list[str]:
    taken = f"NEW.id <= (SELECT coalesce(max(id), 0) FROM {table})"
    return [
        f"CREATE TRIGGER {table}_no_{when.lower()} BEFORE {when} ON {table} FOR EACH ROW {condition}"
        f"BEGIN SELECT RAISE(ABORT, '{table} {SAYS}'); END"
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


def _same_rights(table: str) -> None:
    """Give PostgreSQL's roles the rights on a new table that they have on `promotion`."""
    rows = op.get_bind().exec_driver_sql(
        "SELECT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, "
        "g.privilege_type FROM pg_class c, aclexplode(c.relacl) g WHERE c.oid = 'promotion'::regclass "
        "AND g.grantee <> c.relowner"
    )
    for role, right in list(rows):
        op.get_bind().exec_driver_sql(f"GRANT {right} ON {table} TO {role}")
