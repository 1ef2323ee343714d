"""Somebody with every right on the server changes what the database is, not what it holds: `verify` finds it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from db_tamper import does, home_of
from sqlalchemy import Engine, create_engine

from db.audit import postgresql_definitions
from db.audit.verify import verify
from db.engine import make_engine
from db.maintenance.grants import grant_sql
from db.schema import views


def view(dialect: str, name: str, old: str, new: str) -> list[str]:
    """The statements that make a public view say something else."""
    made = next(one for one in views.create_statements(dialect) if one.strip().startswith(f"CREATE VIEW {name} "))
    assert old in made
    return [f"DROP VIEW {name}", made.replace(old, new)]


def schema_edit(name: str, old: str, new: str) -> list[str]:
    """SQLite: a definition changed where SQLite keeps it, which no statement could."""
    quoted = (one.replace("'", "''") for one in (old, new, name, old))
    return [
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, '{}', '{}') WHERE name = '{}' AND instr(sql, '{}')".format(
            *quoted
        ),
        "PRAGMA writable_schema = OFF",
    ]


def lying_index(table: str, columns: str, index: str, condition: str) -> list[str]:
    """SQLite: the index goes on under its name and definition, without the rows that don't fit the condition."""
    return [
        f"CREATE INDEX other ON {table} ({columns}) WHERE {condition}",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = CASE name WHEN 'other' THEN "
        f"(SELECT rootpage FROM sqlite_master WHERE name = '{index}') ELSE "
        f"(SELECT rootpage FROM sqlite_master WHERE name = 'other') END WHERE name IN ('other', '{index}')",
        "DELETE FROM sqlite_master WHERE name = 'other'",
        "PRAGMA writable_schema = OFF",
    ]


BOTH = {
    "a view that makes every value better": lambda d: view(
        d, "evaluation_metrics", "x.value,", "x.value*1.02 AS value,"
    ),
    "a view that inverts the labels": lambda d: view(d, "label_history", "l.label,", "1 - l.label AS label,"),
    "a view that leaves rows out": lambda d: view(
        d, "promotions", "JOIN audit_entry a ON a.seq = p.entry", "JOIN audit_entry a ON a.seq = p.entry AND p.id > 1"
    ),
    "a view that shows a constant": lambda d: view(d, "drift_checks", "c.alert,", "0 AS alert,"),
    "a view that names another actor": lambda d: view(d, "exclusions", "a.actor,", "'ada' AS actor,"),
    "a view that is a table now": lambda _: [
        "CREATE TABLE kept AS SELECT * FROM tuning_trials",
        "DROP VIEW tuning_trials",
        "ALTER TABLE kept RENAME TO tuning_trials",
    ],
    "an index dropped": lambda _: ["DROP INDEX ix_metric_evaluation_id"],
    "an index on other columns under its name": lambda _: [
        "DROP INDEX ix_metric_evaluation_id",
        "CREATE INDEX ix_metric_evaluation_id ON metric (value)",
    ],
    "a partial index under an index's name": lambda _: [
        "DROP INDEX ix_metric_evaluation_id",
        "CREATE INDEX ix_metric_evaluation_id ON metric (evaluation_id) WHERE id > 1",
    ],
    "an index that is not ours": lambda _: ["CREATE INDEX helpful ON metric (value)"],
    "a unique index that refuses what comes": lambda _: ["CREATE UNIQUE INDEX helpful ON stage_cost ((1))"],
    "a column added": lambda _: ["ALTER TABLE metric ADD COLUMN better double precision"],
    "a column added with a default": lambda _: ["ALTER TABLE label ADD COLUMN note text DEFAULT 'checked'"],
    "a column of an unaudited table dropped": lambda _: ["ALTER TABLE file DROP COLUMN reason_code"],
    "a column renamed": lambda _: ["ALTER TABLE stage_cost RENAME COLUMN cpu_seconds TO seconds"],
    "a trigger on an unaudited table": lambda d: [
        "CREATE TRIGGER helpful AFTER INSERT ON file BEGIN DELETE FROM file; END"
        if d == "sqlite"
        else "CREATE TRIGGER helpful AFTER INSERT ON file FOR EACH ROW EXECUTE FUNCTION wrist_append_only()"
    ],
    "a second schema revision": lambda _: ["INSERT INTO alembic_version VALUES ('0001')"],
}

SQLITE = {
    "an index without a label": lying_index("label", "study_id, label_version", "sqlite_autoindex_label_1", "id <> 9"),
    "an index without a prediction": lying_index(
        "study_prediction", "evaluation_id, study_id", "sqlite_autoindex_study_prediction_1", "id NOT IN (1, 2)"
    ),
    "an index of the trail without a link": lying_index("audit_entry", "at", "ix_audit_entry_at", "seq <> 9"),
    "an index with no rows": lying_index("metric", "evaluation_id", "ix_metric_evaluation_id", "0"),
    "an index that has other values": [
        "CREATE INDEX other ON study (CASE patient_id WHEN 1 THEN 2 ELSE patient_id END)",
        *lying_index("study", "patient_id", "ix_study_patient_id", "1")[1:],
    ],
    "a trigger whose name begins as SQLite's": [
        "CREATE TRIGGER sqliteXhelper AFTER INSERT ON metric BEGIN SELECT 1; END"
    ],
    "a trigger with a name of SQLite's own": [
        "CREATE TRIGGER helper AFTER INSERT ON metric BEGIN SELECT 1; END",
        *schema_edit("helper", "TRIGGER helper", "TRIGGER sqlite_helper"),
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET name = 'sqlite_helper' WHERE name = 'helper'",
    ],
    "a view that is not ours": ["CREATE VIEW best AS SELECT 0.999 AS roc_auc"],
    "a table that is not ours": ["CREATE TABLE results (roc_auc)"],
    "a table whose name begins as SQLite's": ["CREATE TABLE sqliteXresults (roc_auc)"],
    "a virtual table": ["CREATE VIRTUAL TABLE results USING fts5(roc_auc)"],
    "a temporary name of a migration": ["CREATE TABLE held AS SELECT * FROM metric"],
    "a trigger in the place of a view's refusal": [
        "CREATE TRIGGER helpful INSTEAD OF INSERT ON studies BEGIN SELECT 1; END"
    ],
    "a trigger moved to another table": [
        "DROP TRIGGER metric_no_update",
        "CREATE TRIGGER metric_no_update BEFORE UPDATE ON file FOR EACH ROW "
        "BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END",
    ],
    "a trigger for one column alone": [
        "DROP TRIGGER metric_no_update",
        "CREATE TRIGGER metric_no_update BEFORE UPDATE OF note ON metric FOR EACH ROW "
        "BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END",
    ],
    "a trigger for no row": [
        "DROP TRIGGER metric_no_delete",
        "CREATE TRIGGER metric_no_delete BEFORE DELETE ON metric FOR EACH ROW WHEN 0 "
        "BEGIN SELECT RAISE(ABORT, 'metric is append-only: corrections are new rows'); END",
    ],
    "a trigger that passes over the statement": schema_edit(
        "label_no_update", "ABORT, 'label is append-only: corrections are new rows'", "IGNORE"
    ),
    "a CHECK taken away": schema_edit("label", "CHECK (label IN (0, 1))", "CHECK (1)"),
    "a NOT NULL taken away": schema_edit("metric", "split TEXT NOT NULL", "split TEXT"),
    "a default given": schema_edit("exclusion", "undone SMALLINT NOT NULL", "undone SMALLINT NOT NULL DEFAULT 1"),
    "a column that ignores case": schema_edit("patient", "patient_key TEXT", "patient_key TEXT COLLATE NOCASE"),
    "a column of another type": schema_edit("metric", "value DOUBLE", "value TEXT"),
    "a foreign key that deletes": schema_edit("metric", "evaluation (id)", "evaluation (id) ON DELETE CASCADE"),
    "a unique key taken away": [
        *schema_edit("near_duplicate", "UNIQUE (image_a_id, image_b_id),", ""),
        "PRAGMA writable_schema = ON",
        "DELETE FROM sqlite_master WHERE name = 'sqlite_autoindex_near_duplicate_1'",
    ],
    "an index that the schema forgot": [
        "PRAGMA writable_schema = ON",
        "DELETE FROM sqlite_master WHERE name = 'ix_label_study_id' OR name = 'ix_metric_evaluation_id'",
    ],
    "another table's pages under a table's name": [
        "CREATE TABLE other AS SELECT * FROM operating_point",
        "UPDATE other SET threshold = 0.01",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'other') "
        "WHERE name = 'operating_point'",
        "DELETE FROM sqlite_master WHERE name = 'other'",
    ],
    "a foreign schema revision": ["UPDATE alembic_version SET version_num = version_num || ' '"],
}

POSTGRESQL = {
    "a view with other options": ["ALTER VIEW studies SET (security_invoker = true)"],
    "a view's column with a default": ["ALTER VIEW recipes_used ALTER COLUMN name SET DEFAULT 'x'"],
    "a view's column renamed": [
        "ALTER VIEW operating_points RENAME COLUMN slope TO held",
        "ALTER VIEW operating_points RENAME COLUMN intercept TO slope",
        "ALTER VIEW operating_points RENAME COLUMN held TO intercept",
    ],
    "a view on another schema's table": [
        "CREATE SCHEMA other",
        "CREATE TABLE other.metric AS SELECT * FROM metric",
        "UPDATE other.metric SET value = 0.999",
        *view("postgresql", "evaluation_metrics", "FROM metric x", "FROM other.metric x"),
    ],
    "a materialised view": [
        "CREATE MATERIALIZED VIEW kept AS SELECT flow, stage FROM stage_cost",
        "DROP VIEW stage_costs",
        "ALTER MATERIALIZED VIEW kept RENAME TO stage_costs",
    ],
    "a view by a function of one's own": [
        "CREATE FUNCTION coalesce_label(smallint) RETURNS smallint LANGUAGE sql AS 'SELECT 1::smallint'",
        *view("postgresql", "label_history", "l.label,", "coalesce_label(l.label) AS label,"),
    ],
    "a view by an overloaded function": [
        "CREATE FUNCTION max(smallint) RETURNS smallint LANGUAGE sql AS 'SELECT 1::smallint'"
    ],
    "an overloaded function of common use": [
        "CREATE FUNCTION round(double precision, integer) RETURNS double precision LANGUAGE sql AS 'SELECT 0.999'"
    ],
    "an overloaded aggregate": [
        "CREATE AGGREGATE avg(text) (SFUNC = pg_catalog.textcat, STYPE = text)",
    ],
    "an overloaded operator": [
        "CREATE FUNCTION never(smallint, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR = (LEFTARG = smallint, RIGHTARG = text, FUNCTION = never)",
    ],
    "a cast between plain types": [
        "CREATE FUNCTION worded(bigint) RETURNS text LANGUAGE sql AS $$SELECT '1'::text$$",
        "CREATE CAST (bigint AS text) WITH FUNCTION worded(bigint) AS ASSIGNMENT",
    ],
    "a rule that swallows what is written": ["CREATE RULE helpful AS ON INSERT TO metric DO INSTEAD NOTHING"],
    "a rule that swallows corrections silently": ["CREATE RULE helpful AS ON UPDATE TO label DO INSTEAD NOTHING"],
    "a rule that writes elsewhere besides": [
        "CREATE TABLE elsewhere (id bigint)",
        "CREATE RULE helpful AS ON INSERT TO promotion DO ALSO INSERT INTO elsewhere VALUES (NEW.id)",
    ],
    "a rule on a view": ["CREATE RULE helpful AS ON INSERT TO studies DO INSTEAD NOTHING"],
    "a rule on an unaudited table": ["CREATE RULE helpful AS ON INSERT TO file DO INSTEAD NOTHING"],
    "a trigger in the place of a view's refusal": [
        "CREATE TRIGGER helpful INSTEAD OF INSERT ON studies FOR EACH ROW EXECUTE FUNCTION wrist_append_only()"
    ],
    "row security switched on": ["ALTER TABLE metric ENABLE ROW LEVEL SECURITY"],
    "row security forced": [
        "ALTER TABLE label ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE label FORCE ROW LEVEL SECURITY",
        "CREATE POLICY helpful ON label USING (id <> 9)",
    ],
    "a policy that waits": ["CREATE POLICY helpful ON metric USING (value > 0.9)"],
    "a CHECK dropped": ["ALTER TABLE dataset_member DROP CONSTRAINT member_guarded"],
    "a weaker CHECK under its name": [
        "ALTER TABLE label DROP CONSTRAINT label_binary",
        "ALTER TABLE label ADD CONSTRAINT label_binary CHECK (label IN (0, 1, 2))",
    ],
    "a CHECK that was never looked at": [
        "ALTER TABLE label DROP CONSTRAINT label_binary",
        "ALTER TABLE label ADD CONSTRAINT label_binary CHECK (label IN (0, 1)) NOT VALID",
    ],
    "a CHECK that refuses what comes": ["ALTER TABLE quarantined_file ADD CONSTRAINT no CHECK (id < 2)"],
    "a NOT NULL dropped": ["ALTER TABLE metric ALTER COLUMN split DROP NOT NULL"],
    "a NOT NULL added": ["ALTER TABLE file ALTER COLUMN file_sha256 SET NOT NULL"],
    "a unique key dropped": ["ALTER TABLE near_duplicate DROP CONSTRAINT near_duplicate_image_a_id_image_b_id_key"],
    "a primary key dropped": ["ALTER TABLE lease DROP CONSTRAINT lease_pkey"],
    "a foreign key that deletes": [
        "ALTER TABLE metric DROP CONSTRAINT metric_evaluation_id_fkey",
        "ALTER TABLE metric ADD CONSTRAINT metric_evaluation_id_fkey FOREIGN KEY (evaluation_id) "
        "REFERENCES evaluation (id) ON DELETE CASCADE",
    ],
    "a foreign key that waits": ["ALTER TABLE metric ALTER CONSTRAINT metric_evaluation_id_fkey DEFERRABLE"],
    "a foreign key to another table": [
        "ALTER TABLE metric DROP CONSTRAINT metric_evaluation_id_fkey",
        "ALTER TABLE metric ADD CONSTRAINT metric_evaluation_id_fkey FOREIGN KEY (evaluation_id) REFERENCES image (id)",
    ],
    "a foreign key of replicas alone": [
        "UPDATE pg_trigger SET tgenabled = 'R' WHERE tgrelid = 'metric'::regclass AND tgisinternal"
    ],
    "an index marked as broken": [
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_metric_evaluation_id'::regclass"
    ],
    "an index on a function": [
        "CREATE FUNCTION told(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
        "CREATE INDEX helpful ON recipe (told(name))",
    ],
    "a default given": ["ALTER TABLE exclusion ALTER COLUMN undone SET DEFAULT 1"],
    "a default by a sequence": ["CREATE SEQUENCE s", "ALTER TABLE fact ALTER COLUMN id SET DEFAULT nextval('s')"],
    "a generated column": ["ALTER TABLE metric ADD COLUMN better double precision GENERATED ALWAYS AS (value) STORED"],
    "a column that counts by itself": ["ALTER TABLE fact ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY"],
    "a column of another type": ["ALTER TABLE file ALTER COLUMN size TYPE numeric"],
    "a column with another collation": ['ALTER TABLE file ALTER COLUMN root TYPE text COLLATE "C"'],
    "a table that a crash empties": ["ALTER TABLE file SET UNLOGGED"],
    "a table that another one adds rows to": ["CREATE TABLE more () INHERITS (stage_cost)"],
    "a table moved, with a view in its place": [
        "CREATE SCHEMA other",
        "ALTER TABLE file SET SCHEMA other",
        "CREATE VIEW file AS SELECT * FROM other.file WHERE reason_code IS NULL",
    ],
    "the append-only function with other rights": ["ALTER FUNCTION wrist_append_only() SECURITY DEFINER"],
    "the append-only function with a setting": ["ALTER FUNCTION wrist_append_only() SET search_path = other"],
    "the append-only function in another language": [
        "UPDATE pg_proc SET prosrc = 'BEGIN RETURN NEW; END' WHERE proname = 'wrist_append_only'"
    ],
    "the append-only function twice": [
        "CREATE FUNCTION wrist_append_only(text) RETURNS text LANGUAGE sql AS 'SELECT $1'"
    ],
    "a trigger for one column alone": [
        "DROP TRIGGER metric_no_change ON metric",
        "CREATE TRIGGER metric_no_change BEFORE DELETE OR UPDATE OF note ON metric FOR EACH ROW "
        "EXECUTE FUNCTION wrist_append_only()",
        "ALTER TABLE metric ENABLE ALWAYS TRIGGER metric_no_change",
    ],
    "a trigger that fires too late": [
        "DROP TRIGGER metric_no_change ON metric",
        "CREATE TRIGGER metric_no_change BEFORE UPDATE ON metric FOR EACH ROW EXECUTE FUNCTION wrist_append_only()",
        "ALTER TABLE metric ENABLE ALWAYS TRIGGER metric_no_change",
    ],
    "a trigger for replicas alone": ["ALTER TABLE metric ENABLE REPLICA TRIGGER metric_no_change"],
    "a trigger that replicas pass": ["ALTER TABLE metric ENABLE TRIGGER metric_no_change"],
    "a table whose triggers are forgotten": [
        "UPDATE pg_class SET relhastriggers = false WHERE oid = 'metric'::regclass"
    ],
    "a table whose checks are forgotten": ["UPDATE pg_class SET relchecks = 0 WHERE oid = 'dataset_member'::regclass"],
    "a table whose indices are forgotten": [
        "UPDATE pg_class SET relhasindex = false WHERE oid = 'near_duplicate'::regclass"
    ],
    "a view whose rule is switched off": [
        "UPDATE pg_rewrite SET ev_enabled = 'D' WHERE ev_class = 'studies'::regclass"
    ],
    "a view with another view's query": [
        "UPDATE pg_rewrite SET ev_action = (SELECT ev_action FROM pg_rewrite WHERE ev_class = "
        "'current_predictions'::regclass) WHERE ev_class = 'study_predictions'::regclass"
    ],
    "a trigger whose function is another": [
        "CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "UPDATE pg_trigger SET tgfoid = 'told'::regproc WHERE tgname = 'metric_no_change'",
    ],
    "a column that may be NULL, edited beneath": [
        "UPDATE pg_attribute SET attnotnull = false WHERE attrelid = 'label'::regclass AND attname = 'study_id'"
    ],
    "an event trigger": [
        "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER insider_tells ON ddl_command_end EXECUTE FUNCTION told()",
    ],
    "an event trigger that refuses to be looked at": [
        "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$",
        "CREATE EVENT TRIGGER insider_tells ON ddl_command_start EXECUTE FUNCTION told()",
    ],
    "a reader led to false views": [
        "CREATE SCHEMA other",
        "CREATE VIEW other.evaluation_metrics AS SELECT 0.999 AS value",
        "ALTER ROLE insider SET search_path = other, public",
    ],
    "everybody led to false views": [
        "CREATE SCHEMA other",
        "CREATE TABLE other.studies (label smallint)",
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, other', current_database()); END$$",
        "DO $$BEGIN EXECUTE format('ALTER ROLE insider IN DATABASE %I SET search_path = other', current_database()); "
        "END$$",
    ],
    "false views in a schema of a reader's name": [
        "CREATE SCHEMA insider",
        "CREATE VIEW insider.promotions AS SELECT 'promoted' AS decision",
    ],
    "functions of one's own before PostgreSQL's": [
        "CREATE SCHEMA other",
        "CREATE FUNCTION other.max(double precision) RETURNS double precision LANGUAGE sql AS 'SELECT 0.999'",
        "ALTER ROLE insider SET search_path = other, pg_catalog, public",
    ],
    "a role that skips foreign keys": ["ALTER ROLE insider SET session_replication_role = replica"],
    "a role that compares otherwise": ["ALTER ROLE insider SET transform_null_equals = on"],
    "a role that loads code": ["ALTER ROLE insider SET session_preload_libraries = 'insider'"],
    "a right to change": ["GRANT UPDATE ON metric TO insider"],
    "a right to delete for all": ["GRANT DELETE ON label TO PUBLIC"],
    "a right to empty": ["GRANT TRUNCATE ON promotion TO insider"],
    "a right to make triggers": ["GRANT TRIGGER ON promotion TO insider"],
    "a right to change one column": ["GRANT UPDATE (value) ON metric TO insider"],
    "a right to add rows for all": ["GRANT INSERT ON fact TO PUBLIC"],
    "a right to write through a view": ["GRANT INSERT, UPDATE ON recipes_used TO insider"],
    "a right to change the schema's revision": ["GRANT UPDATE ON alembic_version TO insider"],
    "a right to pass rights on": ["GRANT INSERT ON metric TO insider WITH GRANT OPTION"],
    "a right to make things beside ours": ["GRANT CREATE ON SCHEMA public TO insider"],
    "a right on tables to come": ["ALTER DEFAULT PRIVILEGES GRANT UPDATE ON TABLES TO insider"],
    "a table of another owner": ["ALTER TABLE metric OWNER TO insider"],
    "a view of another owner": ["ALTER VIEW studies OWNER TO insider"],
    "the append-only function of another owner": ["ALTER FUNCTION wrist_append_only() OWNER TO insider"],
}

WAYS = {"sqlite": {**BOTH, **SQLITE}, "postgresql": {**BOTH, **POSTGRESQL}}


@pytest.fixture(scope="module")
def insider(request: pytest.FixtureRequest) -> Iterator[None]:
    """A role of the server's, who may be given rights; it goes with all that it got."""
    server = create_engine(request.getfixturevalue("postgresql"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql("CREATE ROLE insider LOGIN")
    yield
    with server.connect() as connection:
        connection.exec_driver_sql("DROP ROLE insider")
    server.dispose()


@pytest.fixture
def anew(insider: None, copied: Engine) -> Iterator[Engine]:
    """A copy of the story; what the insider's role was set to is taken back."""
    yield copied
    if copied.dialect.name == "postgresql":
        copied.dispose()
        does(copied, ["DROP EVENT TRIGGER IF EXISTS insider_tells", "ALTER ROLE insider RESET ALL"])


@pytest.mark.parametrize(
    ("told", "what"), [(dialect, what) for dialect, ways in WAYS.items() for what in ways], indirect=["told"]
)
def test_what_the_database_is_stays_what_the_migrations_made(anew: Engine, what: str) -> None:
    way = WAYS[anew.dialect.name][what]
    does(anew, way(anew.dialect.name) if callable(way) else way)
    assert not verify(anew).ok


def test_what_the_documents_ask_an_owner_to_do_is_no_finding(anew: Engine) -> None:
    if anew.dialect.name == "sqlite":
        does(anew, ["PRAGMA journal_mode = DELETE", "ANALYZE", "REINDEX", "VACUUM"])
    else:
        granted = grant_sql(str(anew.url.database), "insider_writes", "insider_reads")
        does(anew, [*filter(None, granted.split("\n")), "GRANT insider_reads TO insider"])
        does(anew, ["CREATE SCHEMA other", "CREATE TABLE other.orders (id int)", "CREATE TABLE orders (id int)"])
        does(anew, ["ALTER ROLE insider SET search_path = public", "VACUUM ANALYZE", "REINDEX TABLE metric"])
    try:
        assert verify(anew).findings == ()
    finally:
        if anew.dialect.name == "postgresql":
            does(anew, [f"DROP OWNED BY {role}" for role in ("insider_writes", "insider_reads")])
            does(anew, [f"DROP ROLE {role}" for role in ("insider_writes", "insider_reads")])


def test_a_definition_that_cant_be_compared_is_a_finding_that_says_how(
    anew: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if anew.dialect.name == "sqlite":
        assert verify(anew).ok
        return
    name = anew.url.database
    does(anew, [f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC", f"GRANT CONNECT ON DATABASE {name} TO insider"])
    does(anew, ["GRANT SELECT ON ALL TABLES IN SCHEMA public TO insider"])
    monkeypatch.setattr(postgresql_definitions, "_references", {})  # this process has compared before
    other = make_engine(anew.url.set(username="insider").render_as_string()).execution_options(
        wrist_home=str(home_of(anew))
    )
    found = verify(other).findings
    other.dispose()
    assert [one.where for one in found] == ["the definitions"] and "GRANT TEMPORARY" in found[0].message
