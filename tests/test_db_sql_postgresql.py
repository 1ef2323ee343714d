"""`wrist sql` on PostgreSQL leaves nothing behind, and runs as a reader where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from db_tamper import does
from sqlalchemy import Engine

from db.engine import open_catalogue
from db.maintenance.grants import grant_sql
from db.query.read_only_sql import query
from wrist_model.errors import CatalogueError, UsageError

WRITES = (
    "EXPLAIN ANALYZE CREATE TABLE mine AS SELECT 1 AS a",
    "EXPLAIN (ANALYZE) CREATE TABLE mine AS SELECT 1 AS a",
    "explain (analyze, format json) create materialized view mine as select 1 as a",
    "EXPLAIN /* ( */ ANALYZE CREATE TABLE mine AS SELECT 1 AS a",
    "EXPLAIN ANALYZE SELECT 1 AS a INTO mine",
    "EXPLAIN ANALYZE VERBOSE SELECT 1 AS a INTO mine",
    "EXPLAIN ANALYZE WITH gone AS (DELETE FROM file RETURNING path) SELECT * FROM gone",
    "EXPLAIN ANALYZE INSERT INTO file (root, path) VALUES ('a', 'b')",
    "EXPLAIN ANALYZE EXECUTE something",
    "EXPLAIN SELECT 1; COMMIT; CREATE TABLE mine (a int)",
    "SELECT 1; COMMIT; CREATE TABLE mine (a int)",
    "SHOW work_mem; COMMIT; CREATE TABLE mine (a int)",
    "SELECT 1) ; COMMIT; CREATE TABLE mine (a int); --",
)
LEAVE_NOTHING = (
    "SELECT query_to_xml('EXPLAIN ANALYZE CREATE TABLE mine AS SELECT 1 AS a', true, true, '')",
    "SELECT lo_create(4711)",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "EXPLAIN ANALYZE SELECT query_to_xml('EXPLAIN ANALYZE CREATE TABLE mine AS SELECT 1 AS a', true, true, '')",
)


@pytest.fixture
def served(tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An empty catalogue on PostgreSQL, which WRIST_DATABASE_URL names."""
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WRIST_DATABASE_URL", new_database())
    engine = open_catalogue(tmp_path / "home")
    yield engine
    engine.dispose()


def left_behind(engine: Engine) -> int:
    with engine.connect() as connection:
        made = "SELECT (SELECT count(*) FROM pg_class WHERE relname = 'mine') + (SELECT count(*) FROM file) + "
        return int(connection.exec_driver_sql(made + "(SELECT count(*) FROM pg_largeobject_metadata)").scalar() or 0)


def test_nothing_but_a_query_is_explained_and_nothing_is_left_behind(served: Engine) -> None:
    for sql in WRITES:
        with pytest.raises(UsageError) as caught:
            query(sql)
        assert "\n" not in str(caught.value) and left_behind(served) == 0, sql
    for sql in LEAVE_NOTHING:
        try:
            query(sql)
        except (UsageError, CatalogueError) as error:
            assert "\n" not in str(error)
        assert left_behind(served) == 0, sql
    for explained in ("ANALYZE", "(ANALYZE, VERBOSE, COSTS off, FORMAT json)", "analyse verbose", "", "(buffers)"):
        assert query(f"EXPLAIN {explained} SELECT * FROM studies WHERE label = 1;").rows, explained
        assert query(f"explain {explained}\nWITH s AS (SELECT 1 AS a) SELECT a FROM s -- why").rows, explained
    assert query("SHOW server_version;").rows and query("show all").rows


def test_a_query_runs_as_the_reader_where_there_is_one_and_says_so_where_there_is_none(served: Engine) -> None:
    does(served, ["INSERT INTO lease (resource, fence) VALUES ('x', 1)"])
    alone = query("SELECT count(*) FROM lease")
    assert alone.rows == [(1,)] and "`wrist db grant`" in alone.note
    does(served, [*filter(None, grant_sql(str(served.url.database), "sql_writer", "sql_reader").split("\n"))])
    try:
        as_reader = query("SELECT current_user, count(*) FROM studies")
        assert as_reader.rows == [("sql_reader", 0)] and as_reader.note == ""
        for forbidden in ("SELECT * FROM lease", "EXPLAIN ANALYZE SELECT * FROM label", "SELECT pg_read_file('x')"):
            with pytest.raises(UsageError, match="permission denied"):
                query(forbidden)
        assert query("EXPLAIN SELECT * FROM studies").rows
    finally:
        for role in ("sql_writer", "sql_reader"):
            does(served, [f"DROP OWNED BY {role}", f"DROP ROLE {role}"])
