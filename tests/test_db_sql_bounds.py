"""One query can't take the memory or the hours of a machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import time

import pytest
from prefect_fixtures import WRIST

from db.engine import open_catalogue
from db.query import read_only_sql
from wrist_model.errors import CatalogueError, UsageError

SERIES = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) "


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    return tmp_path / "home"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT hex(zeroblob(900000000))",
        "SELECT length(randomblob(900000000))",
        "SELECT replace(hex(zeroblob(10000000)), '0', '0000')",
        SERIES.format(400) + "SELECT group_concat(hex(zeroblob(100000))) FROM n",
    ],
)
def test_a_value_has_a_bound(place, sql):
    open_catalogue(place)
    begun = time.process_time()
    with pytest.raises(UsageError, match="32 MiB"):
        read_only_sql.query(sql, home=place)
    assert time.process_time() - begun < 20


def test_an_answer_has_a_bound(place, monkeypatch):
    open_catalogue(place)
    monkeypatch.setattr(read_only_sql, "MOST_BYTES", 8 << 20)
    with pytest.raises(UsageError, match="8 MiB"):
        read_only_sql.query(SERIES.format(1000) + "SELECT hex(zeroblob(10000)) FROM n", home=place)
    found = read_only_sql.query(SERIES.format(1000) + "SELECT i, 'x' FROM n", home=place)
    assert len(found.rows) == 1000 and not found.truncated
    few = read_only_sql.query(SERIES.format(1000) + "SELECT i FROM n", home=place, max_rows=250)
    assert (len(few.rows), few.truncated) == (250, True)


def test_a_pattern_has_a_bound(place):
    open_catalogue(place)
    with pytest.raises(UsageError, match="pattern"):
        read_only_sql.query(f"SELECT 'a' LIKE '{'%a' * 400}'", home=place)


def test_many_steps_end_at_their_limit(place):
    open_catalogue(place)
    with pytest.raises(CatalogueError, match="Stopped after"):
        read_only_sql.query(SERIES.format(10**12) + "SELECT count(*) FROM n", home=place, limit_seconds=0.3)


def test_one_step_that_asks_nobody_ends_with_its_process(place):
    open_catalogue(place).dispose()
    sql = "SELECT instr(hex(zeroblob(10000000)), hex(zeroblob(5000000)) || '1')"  # 10⁷ places, 10⁷ letters each
    environment = {**os.environ, "WRIST_HOME": str(place)}
    done = subprocess.run(
        [WRIST, "sql", sql, "--seconds", "0.2"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Stopped after" in done.stderr


def wrist_sql(place, *options):
    environment = {**os.environ, "WRIST_HOME": str(place)}
    return subprocess.run([WRIST, "sql", *options], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("format", ["csv", "json"])
def test_an_answer_that_is_written_is_never_held_whole(place, format):
    open_catalogue(place).dispose()
    sql = SERIES.format(60_000) + "SELECT i, hex(zeroblob(5000)) AS z FROM n"  # 600 MB: a table of it is refused
    command = (
        f"ulimit -v 400000; exec {WRIST} sql {shlex.quote(sql)} --format {format} --output /dev/null --seconds 300"
    )
    done = subprocess.run(
        ["sh", "-c", command], env={**os.environ, "WRIST_HOME": str(place)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("format", ["csv", "json", "table"])
def test_a_query_that_fails_among_its_rows_leaves_the_file_that_was_there(place, format, tmp_path):
    open_catalogue(place).dispose()
    output = tmp_path / "answer.txt"
    output.write_text("of yesterday")
    sql = SERIES.format(5000) + "SELECT CASE WHEN i < 4000 THEN i ELSE abs(-9223372036854775807 - 1) END FROM n"
    done = wrist_sql(place, sql, "--format", format, "--output", str(output))
    assert done.returncode == 2 and "integer overflow" in done.stderr
    assert output.read_text() == "of yesterday" and {each.name for each in tmp_path.iterdir()} == {"answer.txt", "home"}


def test_output_that_leads_to_where_output_goes_anyway_replaces_no_file(place, tmp_path):
    open_catalogue(place).dispose()
    environment = {**os.environ, "WRIST_HOME": str(place)}
    log = tmp_path / "log"
    log.write_text("before\n")
    command = f"{WRIST} sql 'select 1 a' --format csv --output /dev/stdout >> {log}; echo after >> {log}"
    subprocess.run(["sh", "-c", command], env=environment, check=True)
    assert log.read_text() == "before\na\n1\nafter\n"


def test_a_time_without_end_is_refused(place):
    open_catalogue(place).dispose()
    done = wrist_sql(place, "select 1", "--seconds", "inf")
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_no_function_tells_an_address_in_memory(place):
    open_catalogue(place)
    with pytest.raises(UsageError, match="reads only"):
        read_only_sql.query("SELECT fts3_tokenizer('simple')", home=place)
