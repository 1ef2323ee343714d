"""Plans are stored before a hold-out is looked at, with the looks made under them; predictions keep their logits.

Predictions written before keep NULL: their logit is that of the stored probability.
"""

from __future__ import annotations

from alembic import context, op

from wrist_model.errors import CatalogueError

revision = "0005"
down_revision = "0004"
TABLES = {
    "plan": (
        """CREATE TABLE plan (
	id {big} NOT NULL,
	entry {big} NOT NULL,
	plan_id TEXT NOT NULL,
	content_sha256 TEXT NOT NULL,
	content TEXT NOT NULL,
	recipe_id {big} NOT NULL,
	dataset_version_id {big} NOT NULL,
	rule TEXT NOT NULL,
	looks_planned {big} NOT NULL,
	looks_before {big} NOT NULL,
	alpha_spent {real} NOT NULL,
	begins_id {big},
	new_patients_only SMALLINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (recipe_id, dataset_version_id),
	CONSTRAINT plan_begins CHECK (begins_id < id),
	CONSTRAINT plan_rule CHECK (rule IN ('bootstrap', 'score')),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq),
	UNIQUE (plan_id),
	FOREIGN KEY(recipe_id) REFERENCES recipe (id),
	FOREIGN KEY(dataset_version_id) REFERENCES dataset_version (id),
	FOREIGN KEY(begins_id) REFERENCES plan (id)
)""",
        "CREATE INDEX ix_plan_dataset_version_id ON plan (dataset_version_id)",
    ),
    "plan_look": (
        """CREATE TABLE plan_look (
	id {big} NOT NULL,
	entry {big} NOT NULL,
	plan_id {big} NOT NULL,
	promotion_id {big} NOT NULL,
	look {big} NOT NULL,
	alpha {real} NOT NULL,
	evaluation_ids TEXT NOT NULL,
	compared TEXT,
	PRIMARY KEY (id),
	FOREIGN KEY(entry) REFERENCES audit_entry (seq),
	FOREIGN KEY(plan_id) REFERENCES plan (id),
	FOREIGN KEY(promotion_id) REFERENCES promotion (id)
)""",
        "CREATE INDEX ix_plan_look_plan_id ON plan_look (plan_id)",
        "CREATE INDEX ix_plan_look_promotion_id ON plan_look (promotion_id)",
    ),
}
PREDICTIONS = ("image_prediction", "study_prediction")
UNIQUE: dict[str, tuple[tuple[str, ...], ...]] = {"plan": (("plan_id",), ("recipe_id", "dataset_version_id"))}
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
    for table in PREDICTIONS:
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN logit {kinds['real']}")


def downgrade() -> None:
    """Raises CatalogueError when a plan or a logit is stored: links of the chain would else hold nothing."""
    connection = op.get_bind()
    held = {"plan(s)": "plan", **{f"logit(s) of {table}": f"{table} WHERE logit IS NOT NULL" for table in PREDICTIONS}}
    for what, rows in held.items():
        count = connection.exec_driver_sql(f"SELECT count(*) FROM {rows}").scalar()
        if count and context.config.attributes["wanted"] != "base":
            raise CatalogueError(
                f"Schema {down_revision} can't hold {count} {what}. "
                "Go back with `wrist db restore` and a backup made before the upgrade."
            )
    for table in PREDICTIONS:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN logit")
    for table in reversed(TABLES):
        connection.exec_driver_sql(f"DROP TABLE {table}")


def _sqlite_triggers(table: str) -> list[str]:
    taken = [f"NEW.id <= (SELECT coalesce(max(id), 0) FROM {table})"]
    for columns in UNIQUE.get(table, ()):
        same = " AND ".join(f"{column} = NEW.{column}" for column in columns)
        taken.append(f"EXISTS (SELECT 1 FROM {table} WHERE {same})")
    return [
        f"CREATE TRIGGER {table}_no_{when.lower()} BEFORE {when} ON {table} FOR EACH ROW {condition}"
        f"BEGIN SELECT RAISE(ABORT, '{table} {SAYS}'); END"
        for when, condition in (("UPDATE", ""), ("DELETE", ""), ("INSERT", f"WHEN {' OR '.join(taken)} "))
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
