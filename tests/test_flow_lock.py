"""Work that holds a lease: one at a time, renewed through what the database goes through, and ended when it is lost."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import lease_holder
import psutil
import pytest
from db_story import BY
from lease_holder import hold
from sqlalchemy import Engine, create_engine

from db import engine as room
from db import leases, stage_costs
from db.engine import open_catalogue, writing
from db.home import database_url
from flows.host import server, server_record
from tasks.runtime.lease import held, watch
from tasks.runtime.progress import progress
from wrist_model.errors import CatalogueError, LeaseHeld, LeaseLost

COST = stage_costs.StageCost("f", "s", 1.0)


def renewed(engine: Engine) -> float:
    with engine.connect() as connection:
        return float(connection.exec_driver_sql("SELECT max(renewed) FROM lease").scalar() or 0)


def wait(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not look():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that are renewed every fifth of a second, and databases that are waited for as shortly."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.2)
    monkeypatch.setattr("tasks.runtime.lease.AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(room, "BUSY_SECONDS", 0.2)


def away(engine: Engine, seconds: float) -> None:
    """Keep every other user out of the database for a while: a lock on SQLite; PostgreSQL drops them, as it does when
    it starts anew, and lets none in."""
    if engine.dialect.name == "sqlite":
        with sqlite3.connect(str(engine.url.database), isolation_level=None) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")
        return
    name = engine.url.database
    above = create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with above.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        time.sleep(seconds)
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    above.dispose()


def test_a_second_retrain_is_refused_with_the_holders_name_and_a_killed_one_is_replaced_at_once(
    catalogue: Engine,
) -> None:
    with hold("retrain") as other:
        with pytest.raises(LeaseHeld, match=f"Another retrain is running .*process {other.pid} "), held("retrain"):
            pass
        with held("scoring queue"):  # a retrain of ten hours keeps no study waiting
            pass
        other.kill()
        with held("retrain"):
            assert f"process {other.pid} " not in lease_holder.holders(catalogue)[0].words
    assert lease_holder.holders(catalogue) == []


def test_it_is_given_back_when_the_work_fails(catalogue: Engine) -> None:
    with pytest.raises(ZeroDivisionError), held("retrain"):
        1 / 0  # noqa: B018
    assert lease_holder.holders(catalogue) == []


def test_who_waits_gets_it_when_it_is_free(catalogue: Engine) -> None:
    with hold("scoring queue") as other:
        threading.Timer(0.5, other.kill).start()
        with held("scoring queue", 60):
            assert lease_holder.holders(catalogue)[0].process.pid != other.pid


def test_a_database_that_is_locked_or_starts_anew_ends_no_retrain(quick: None, home: Path) -> None:
    engine = open_catalogue(home)
    with held("retrain"):
        look = watch()
        away(engine, 1.5)
        before = renewed(engine)
        wait(lambda: renewed(engine) > before)
        look()
        stage_costs.add_stage_cost(engine, COST, BY)
    engine.dispose()


def test_a_retrain_that_could_not_renew_in_time_stops_with_a_plain_error(
    quick: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "TTL_SECONDS", 0.8)
    engine = open_catalogue(home)
    with pytest.raises(LeaseLost, match="retrain could not be renewed"), held("retrain"), progress("work") as tell:
        away(engine, 3)
        while True:
            tell("work", 1, 2, "")
            time.sleep(0.05)
    engine.dispose()


def test_a_retrain_that_was_taken_over_stops_at_its_next_step_and_at_its_next_write(
    quick: None, catalogue: Engine
) -> None:
    with pytest.raises(LeaseLost, match="retrain was taken over"), held("retrain"), progress("work") as tell:
        tell("work", 1, 2, "")
        with catalogue.begin() as connection:
            connection.exec_driver_sql("UPDATE lease SET owner = 'another', fence = fence + 1")
        with pytest.raises(LeaseLost, match="retrain was taken over by"):
            stage_costs.add_stage_cost(catalogue, COST, BY)
        while True:
            tell("work", 1, 2, "")
            time.sleep(0.05)
    assert [one.resource for one in lease_holder.holders(catalogue)] == ["retrain"], "the other one's stays"
    stage_costs.add_stage_cost(catalogue, COST, BY)


def test_the_parts_of_a_flow_are_fenced_by_what_the_flow_holds(
    prefect_server: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow, task

    engine = open_catalogue(home)

    @task
    def write() -> None:
        stage_costs.add_stage_cost(engine, COST, BY)

    @flow
    def part() -> None:
        write()

    @flow(timeout_seconds=600)
    def whole() -> None:
        with held("retrain"):
            part()
            with writing(engine, chained=False, fenced=False) as connection:
                leases.expel_all(connection)
            part()

    with pytest.raises(LeaseLost, match="retrain was taken over"):
        whole()
    engine.dispose()


def test_a_clock_that_is_set_starts_no_second_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"true")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{listening.server_port}/api"
        (tmp_path / "prefect").mkdir()
        server.record(tmp_path, url, psutil.Process().pid)
        linux = getattr(psutil, "_pslinux", None)
        if linux is not None:
            booted = linux.boot_time()
            monkeypatch.setattr(linux, "BOOT_TIME", booted + 3600, raising=False)
            monkeypatch.setattr(linux, "boot_time", lambda: booted + 3600)
        assert server.recorded(tmp_path) == url
        written = json.loads((tmp_path / "prefect" / server_record.RECORD).read_text())
        written["process"]["begun"] -= 60  # the number was given out again
        (tmp_path / "prefect" / server_record.RECORD).write_text(json.dumps(written))
        assert server.recorded(tmp_path) is None
        listening.shutdown()


def test_a_writer_whose_file_was_replaced_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    monkeypatch.setenv("WRIST_HOME", str(tmp_path))
    engine = open_catalogue(tmp_path)
    stage_costs.add_stage_cost(engine, COST, BY)
    file = Path(database_url(tmp_path).removeprefix("sqlite:///"))
    with sqlite3.connect(file) as source, sqlite3.connect(tmp_path / "copy") as copy:
        source.backup(copy)
    (tmp_path / "copy").replace(file)
    with pytest.raises(CatalogueError, match="was deleted, moved or replaced"):
        stage_costs.add_stage_cost(engine, COST, BY)
    stage_costs.add_stage_cost(open_catalogue(tmp_path), COST, BY)  # the next command's
    with sqlite3.connect(file) as now:
        assert now.execute("SELECT count(*) FROM stage_cost").fetchone() == (2,)
