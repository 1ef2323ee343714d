"""Backups, restores and rights, on both databases."""

from __future__ import annotations

import contextvars
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import lease_holder
import pytest
from db_story import BY, tell, tell_all
from db_tamper import past_the_guards
from sqlalchemy import Engine, create_engine, event, text

from db import ingest_runs, reports, stage_costs
from db.audit.verify import verify
from db.engine import make_engine, open_catalogue, reading
from db.home import database_url, identity_key_file, report_file, verified_link_file
from db.maintenance.backup import backup, open_backup, restore
from db.maintenance.grants import grant_sql
from db.maintenance.migrate import downgrade, upgrade
from db.query.read_only_sql import query
from db.schema import views
from tasks.verified_link import check
from tests.interleaving import Seam, watched
from wrist_model.errors import CatalogueError, LeaseHeld, LeaseLost, UsageError
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.records import IngestCounts

ROOT = Path(__file__).parent.parent
WRITER = """
import sys
from db import stage_costs
from db.engine import open_catalogue
from wrist_model.records import Provenance
engine = open_catalogue()
while True:
    stage_costs.add_stage_cost(engine, stage_costs.StageCost("f", "s", 1.0), Provenance("w"))
    print("x", flush=True)
"""


def rows(name: str) -> list[tuple[object, ...]]:
    return sorted(query(f"SELECT * FROM {name}").rows, key=repr)


def test_a_restored_backup_is_the_same_catalogue_also_in_the_other_database(
    catalogue: Engine, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_database
) -> None:
    tell(catalogue)
    before = {name: rows(name) for name in views.VIEWS}
    file = backup(catalogue, tmp_path / "b" / "backup.sqlite")
    for name in ("models", "explanations", "reports"):
        (tmp_path / "other").mkdir(exist_ok=True)
        (home / name).rename(tmp_path / "other" / name)
    catalogue.dispose()
    for url in (new_database(), f"sqlite:///{tmp_path / 'other' / 'catalogue.sqlite'}"):
        monkeypatch.setenv("WRIST_DATABASE_URL", url)
        restore(file, tmp_path / "other", url)
        engine = open_catalogue(tmp_path / "other")
        assert verify(engine).findings == ()
        assert {name: rows(name) for name in views.VIEWS} == before
        engine.dispose()


def test_a_backup_while_a_run_writes_is_whole(catalogue: Engine, home: Path, tmp_path: Path) -> None:
    tell(catalogue)
    writer = subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert writer.stdout is not None and writer.stdout.readline()
        for n in range(3):
            copy = open_backup(backup(catalogue, tmp_path / f"{n}.sqlite"), home)
            assert verify(copy).findings == ()
            copy.dispose()
            time.sleep(0.05)
    finally:
        writer.kill()
        writer.wait()


def test_a_restore_keeps_the_database_before_it_and_refuses_what_is_no_backup(
    catalogue: Engine, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(catalogue)
    file = backup(catalogue, tmp_path / "backup.sqlite")
    url = database_url()
    (tmp_path / "text").write_text("not a database")
    for wrong in (tmp_path / "none", tmp_path / "text"):
        with pytest.raises(CatalogueError):
            restore(wrong, home, url)
    forged = tmp_path / "forged.sqlite"
    forged.write_bytes(file.read_bytes())
    engine = make_engine(f"sqlite:///{forged}")
    with past_the_guards(engine, "metric") as connection:
        connection.exec_driver_sql("UPDATE metric SET value = 1 WHERE id = 1")
    engine.dispose()
    with pytest.raises(CatalogueError, match="metric row 1"):
        restore(forged, home, url)
    catalogue.dispose()
    if url.startswith("postgresql"):
        with pytest.raises(CatalogueError, match="never overwrites"):
            restore(file, home, url)
    else:
        kept = restore(file, home, url)
        assert Path(kept).exists()
    assert verify(open_catalogue(home)).ok


def test_a_restore_is_refused_while_somebody_is_at_work(catalogue: Engine, home: Path, tmp_path: Path) -> None:
    if catalogue.dialect.name == "postgresql":  # into an empty database alone
        lease = lease_holder.acquire(catalogue, "retrain")
        empty = make_engine(f"sqlite:///{tmp_path / 'empty.sqlite'}")
        upgrade(empty, home)
        empty.dispose()
        with pytest.raises(LeaseHeld, match="The catalogue is in use: retrain"):
            restore(tmp_path / "empty.sqlite", home, database_url())
        assert lease_holder.renew(catalogue, lease)
        return
    tell(catalogue)
    file = backup(catalogue, tmp_path / "backup.sqlite")
    run = ingest_runs.begin_ingest(catalogue, "under way", BY)
    with pytest.raises(LeaseHeld, match=f"The catalogue is in use: ingest {run} .process "):
        restore(file, home, database_url())
    ingest_runs.finish_ingest(catalogue, run, IngestCounts(unchanged=6000), 1.0)
    assert query(f"SELECT n_unchanged FROM ingest_runs WHERE ingest_run_id = '{run}'").rows == [(6000,)]
    assert restore(file, home, database_url())
    assert lease_holder.holders(catalogue) == []


def backed_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Engine, Path]:
    """A told SQLite catalogue in this process's home, and its backup."""
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    monkeypatch.setenv("WRIST_HOME", str(home))
    engine = open_catalogue(home)
    tell(engine)
    return engine, backup(engine, home / "b" / "backup.sqlite")


def test_a_restore_whose_backup_took_long_to_check_is_refused_once_somebody_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, file = backed_up(tmp_path, monkeypatch)
    begun: list[str] = []

    def meanwhile(seam: Seam) -> None:
        if seam.place.startswith("db/maintenance/backup.py:restore") and not begun and lease_holder.holders(engine):
            with engine.begin() as connection:  # two minutes of silence, of a process that nobody here can see
                connection.exec_driver_sql("UPDATE lease SET renewed = renewed - 1000, pid_namespace = 'another'")
            begun.append(contextvars.Context().run(ingest_runs.begin_ingest, engine, "meanwhile", BY))

    with pytest.raises(LeaseHeld, match="The catalogue is in use: ingest"), watched(meanwhile):
        contextvars.Context().run(restore, file, tmp_path, database_url())
    assert query(f"SELECT status FROM ingest_runs WHERE ingest_run_id = '{begun[0]}'").rows == [("running",)]


def test_who_had_the_catalogue_open_writes_into_the_restored_one_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, file = backed_up(tmp_path, monkeypatch)
    run = ingest_runs.begin_ingest(engine, "of a process that hung", BY)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lease SET renewed = renewed - 1000, pid_namespace = 'another'")
    contextvars.Context().run(restore, file, tmp_path, database_url())
    with pytest.raises(LeaseLost, match=f"ingest {run} was taken over"):
        ingest_runs.finish_ingest(engine, run, IngestCounts(new=1), 1.0)
    cost = stage_costs.StageCost("after", "s", 1.0)
    contextvars.Context().run(stage_costs.add_stage_cost, engine, cost, BY)
    other = open_catalogue(tmp_path)
    assert query("SELECT count(*) FROM stage_costs WHERE flow = 'after'").rows == [(1,)]
    assert query("SELECT count(*) FROM ingest_runs WHERE status <> 'finished'").rows == [(0,)]
    assert verify(other).findings == () and verify(engine).findings == ()


def test_what_was_read_before_a_restore_is_not_stored_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, file = backed_up(tmp_path, monkeypatch)
    cost = stage_costs.StageCost("later", "s", 1.0)
    stage_costs.add_stage_cost(engine, cost, BY)
    open_catalogue(tmp_path)  # a step begins, and reads
    contextvars.Context().run(restore, file, tmp_path, database_url())
    with pytest.raises(CatalogueError, match="restored from a backup since this step began"):
        stage_costs.add_stage_cost(engine, cost, BY)
    assert query("SELECT count(*) FROM stage_costs WHERE flow = 'later'").rows == [(0,)]
    stage_costs.add_stage_cost(open_catalogue(tmp_path), cost, BY)


@pytest.mark.parametrize("by", ["itself", "another"])
def test_what_a_step_wrote_or_read_of_others_before_a_restore_is_not_built_on_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Though the backup reaches as far as the catalogue did when the step began. A version was frozen without the
    near-duplicates that its own search had stored; an ingest counted files as unchanged that the catalogue lacked."""
    engine, file = backed_up(tmp_path, monkeypatch)
    cost = stage_costs.StageCost("later", "s", 1.0)
    open_catalogue(tmp_path)
    context = contextvars.copy_context() if by == "itself" else contextvars.Context()
    context.run(stage_costs.add_stage_cost, engine, cost, BY)
    if by == "another":
        context = contextvars.copy_context()
        assert context.run(seconds, engine) == [1.0]
    contextvars.Context().run(restore, file, tmp_path, database_url())
    with pytest.raises(CatalogueError, match="restored from a backup since this step began"):
        context.run(stage_costs.add_stage_cost, engine, cost, BY)
    assert seconds(engine) == []


def seconds(engine: Engine) -> list[float]:
    with reading(engine) as connection:
        return [*connection.exec_driver_sql("SELECT wall_seconds FROM stage_costs WHERE flow = 'later'").scalars()]


@pytest.mark.parametrize("ends", ["before the rows are replaced", "after it"])
def test_what_was_verified_during_a_restore_is_not_remembered_as_the_restored_one_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    monkeypatch.setenv("WRIST_HOME", str(tmp_path))
    engine = open_catalogue(tmp_path)
    tell(engine)
    IdentityKey.load_or_make(identity_key_file(tmp_path))
    file = backup(engine, tmp_path / "b" / "backup.sqlite")
    stage_costs.add_stage_cost(engine, stage_costs.StageCost("later", "s", 1.0), BY)
    done: list[bool] = []

    def put_back(stage: str, *_: object) -> None:
        if stage == "verify: files" and not done:
            done.append(True)
            contextvars.Context().run(restore, file, tmp_path, database_url())

    def look(_connection: object) -> None:
        if not done and (tmp_path / "catalogue.sqlite.before-restore").exists():
            done.append(False)  # before the check, which commits, too
            done[0] = check(engine).ok

    if ends == "after it":
        assert check(engine, progress=put_back).ok
    else:
        event.listen(Engine, "commit", look)
        try:
            contextvars.Context().run(restore, file, tmp_path, database_url())
        finally:
            event.remove(Engine, "commit", look)
    assert done == [True] and not verified_link_file(tmp_path).exists()
    assert check(open_catalogue(tmp_path), new=True).ok


def test_the_reader_sees_the_views_alone_and_the_writer_adds_but_never_changes(
    catalogue: Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = grant_sql(str(catalogue.url.database))
    if catalogue.dialect.name == "sqlite":
        assert "wrist_reader" in sql
        with pytest.raises(UsageError):
            grant_sql("d", reader="a; DROP")
        return
    with catalogue.begin() as connection:
        connection.exec_driver_sql(sql)
        for login, role in (("anna", "wrist_reader"), ("flow", "wrist_writer")):
            missing = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": login}).first()
            if missing is None:
                connection.exec_driver_sql(f"CREATE ROLE {login} LOGIN")
            connection.exec_driver_sql(f"GRANT {role} TO {login}")
    downgrade(catalogue, home, "0001")  # the views are made anew on the way back up: the roles keep them, and get
    upgrade(catalogue, home)  # those that came with the later schema
    owner = database_url()
    monkeypatch.setenv("WRIST_DATABASE_URL", owner.replace("//postgres:", "//flow:"))
    writer = open_catalogue(home)
    tell_all(writer)
    assert verify(writer).ok
    for sql in ("UPDATE metric SET value = 1", "DELETE FROM metric", "TRUNCATE metric", "DROP TABLE metric"):
        with pytest.raises(Exception, match=r"permission denied|must be owner"), writer.begin() as connection:
            connection.exec_driver_sql(sql)
    writer.dispose()
    address = owner.replace("//postgres:", "//anna:")
    monkeypatch.setenv("WRIST_DATABASE_URL", address)
    for name in views.VIEWS:
        assert query(f"SELECT * FROM {name}").rows
    reader = create_engine(address)
    for sql in ("SELECT * FROM metric", "INSERT INTO fact VALUES (1)", "SELECT * FROM patient"):
        with pytest.raises(Exception, match="permission denied"), reader.begin() as connection:
            connection.exec_driver_sql(sql)
    reader.dispose()


def test_documents_that_were_written_after_the_backup_are_not_called_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, file = backed_up(tmp_path, monkeypatch)
    for kind in ("html", "model-card", "model-card-html", "tripod-ai"):
        content = f"a {kind} of later".encode()
        sha256 = hashlib.sha256(content).hexdigest()
        page = report_file(tmp_path, "ds-1-ev-1", kind, sha256)
        page.write_bytes(content)
        path = str(page.relative_to(tmp_path))
        reports.add_report(engine, path=path, file_sha256=sha256, kind=kind, dataset_id=None, evaluation_ids=[], by=BY)
    assert check(engine).ok
    contextvars.Context().run(restore, file, tmp_path, database_url())
    verdict = check(engine)
    assert verdict.findings == () and [one.kind for one in verdict.warnings] == ["left_over"] * 4
