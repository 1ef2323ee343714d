"""Opening, migrating and refusing databases, on SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lease_holder
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from db_story import BY, POINTS, draw_and_measure, ingest, plan_and_look, predict, record, tell, train
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import DBAPIError

from db import engine as room
from db import exclusions, ingest_runs, labels, leases, models, patient_identity
from db.audit.chain import append
from db.audit.triggers import sqlite_triggers, uniques
from db.audit.verify import verify
from db.engine import writing
from db.home import database_url
from db.images import add_images
from db.lineage import explain_prediction, lines
from db.maintenance.backup import restore
from db.maintenance.migrate import configuration, downgrade, upgrade
from db.query.read_only_sql import query
from db.schema.all_tables import AUDITED, METADATA
from db.schema.revisions import HEAD, REVISIONS
from db.unended_runs import end_abandoned
from wrist_model.errors import CatalogueError

RELEASED = Path(__file__).parent / "schemas"
VERSIONS = Path(room.__file__).parent / "migrations" / "versions"


def test_the_code_knows_the_head_of_its_migrations() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [HEAD]
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == REVISIONS


def test_migrating_gives_exactly_the_tables_of_the_schema(catalogue: Engine) -> None:
    with catalogue.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_migrating_gives_every_audited_table_the_triggers_that_keep_it(catalogue: Engine) -> None:
    append_only = ("audit_entry", *AUDITED)
    with catalogue.connect() as connection:
        if catalogue.dialect.name == "sqlite":
            there = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'trigger'").scalars()
            assert sorted(there) == sorted(sqlite_triggers(append_only, uniques()))
        else:
            found = connection.exec_driver_sql("SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'").scalars()
            assert set(found) == {f"{table}_{name}" for table in append_only for name in ("no_change", "no_truncate")}


FROZEN = {
    "0008_views.sql": "269c332366f0586275a340c274a384e7f33fa6227bdfbc1a888c840aa0014c88",
    "0007_views.sql": "9801b6adef10207737142cd2654b1fc5d2653fc10beddb760a44dbf0fc6f26da",
    "0006_views.sql": "0a3e4c01907617dc1f0f4e38df7803d24cb1125eacb32e079c38f6204a58e575",
    "0005_views.sql": "751474170be365d9c7ee174e3ec2184189a947e5a72c20fbe336ba46ccadaa12",
    "0004_views.sql": "0658404ab46f164d8a7d93ce61ff62047258f76769355325346c434bb78a0ffc",
    "0003_views.sql": "8e178a5b59b0847c596e7953de0bf2cefd259ba2f971b18853855b8987dbf61f",
    "0001_sqlite.sql": "6945ae495678017966cadfb14e041dc2d8beec6b0b329093fe7e147218cb5641",
    "0001_postgresql.sql": "9caa4398744de2ee4a4ad3a2e965142453c2b2db607d28aee090a948662f9bf1",
    "0002_views.sql": "ec18895c4e9c59a066a80ee46784e3b1a52a7ad161a5b196de8d7d5fd2968317",
    "0001_views.sql": "63c323e09659027cb35c2b9ce3ecf480d7d3aca98ff6cfa776162d140ce4fbec",
}


@pytest.mark.parametrize("name", FROZEN)
def test_a_released_schema_never_changes(name: str) -> None:
    assert hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() == FROZEN[name]


def test_opening_again_changes_nothing_and_down_and_up_again_works(catalogue: Engine, home: Path) -> None:
    tell(catalogue)
    room.open_catalogue(home).dispose()
    assert downgrade(catalogue, home, "base") == HEAD
    assert set(inspect(catalogue).get_table_names()) == {"alembic_version"}
    upgrade(catalogue, home)
    assert "image_prediction" in inspect(catalogue).get_table_names()
    tell(room.open_catalogue(home))


def test_a_database_newer_than_the_code_is_refused(catalogue: Engine, home: Path) -> None:
    with catalogue.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogueError, match="newer than this Wrist"):
        room.open_catalogue(home)


def test_processes_that_open_a_new_catalogue_at_once_all_succeed(home: Path) -> None:
    code = "from db.engine import open_catalogue; open_catalogue()"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait(120) for process in started] == [0, 0, 0, 0]


def test_an_unwritable_home_and_a_wrong_address_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CatalogueError, match="can't make the home folder"):
        room.open_catalogue(file / "home")
    for url in ("mysql://x", "postgresql+psycopg://nobody:secret@127.0.0.1:1/none"):
        monkeypatch.setenv("WRIST_DATABASE_URL", url)
        with pytest.raises(CatalogueError) as caught:
            room.open_catalogue(tmp_path)
        assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "released", sorted((Path(__file__).parent / "schemas").glob("*.sqlite.sql")), ids=lambda p: p.name
)
def test_a_catalogue_of_each_release_is_migrated_verifies_and_goes_on(
    released: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = database_url()
    home.mkdir()
    old = home / "old.sqlite"
    connection = sqlite3.connect(old)
    connection.executescript(released.read_text(encoding="utf-8"))
    connection.close()
    if wanted.startswith("postgresql"):  # the same rows, by way of a restore, which migrates them first
        restore(old, home, wanted)
    else:
        old.rename(home / "catalogue.sqlite")
    engine = room.open_catalogue(home)
    assert verify(engine, files=False).findings == ()
    stored = query("SELECT count(*) FROM study_predictions", home=home).rows
    assert stored == [(11,)]
    labels.relabel(engine, {"st-0001": 0, "st-0002": 0}, "after the upgrade", BY)
    exclusions.exclude(engine, "im-0001-1", "sharp after all", BY, undo=True)
    assert verify(engine, files=False).ok
    found = "SELECT label_version, corrects_label_version FROM label_history WHERE study_uid = 'st-0002' ORDER BY 1"
    assert query(found, home=home).rows == [(1, None), (2, None), (3, 2)], "what was written before stays as it was"
    assert query("SELECT kind, was, is_now FROM corrections ORDER BY kind, subject", home=home).rows == [
        ("exclusion", "left out: blurred", "taken in again"),
        ("label", "1", "0"),
        ("label", "1", "0"),
    ]
    for table in ("label", "exclusion", "promotion"):
        for change in (f"UPDATE {table} SET corrects_id = NULL", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
                connection.exec_driver_sql(change)
    engine.dispose()


def test_a_catalogue_goes_back_to_the_first_schema_as_it_was_and_up_again(catalogue: Engine, home: Path) -> None:
    head = shape(catalogue)
    downgrade(catalogue, home, "base")
    upgrade(catalogue, home, "0001")
    first = shape(catalogue)
    assert first != head
    upgrade(catalogue, home)
    assert shape(catalogue) == head
    ingest(catalogue)
    assert downgrade(catalogue, home, "0001") == HEAD and shape(catalogue) == first
    upgrade(catalogue, home)
    assert shape(catalogue) == head and verify(catalogue).ok
    labels.relabel(catalogue, {"st-0002": 1}, "points to the label before", BY)
    with pytest.raises(CatalogueError, match="can't hold what 1 row"):
        downgrade(catalogue, home, "0001")
    assert shape(catalogue) == head and verify(catalogue).ok


def test_a_catalogue_with_heartbeats_and_locks_gets_leases_and_goes_back(catalogue: Engine, home: Path) -> None:
    head = shape(catalogue)
    downgrade(catalogue, home, "base")
    upgrade(catalogue, home, "0002")
    before = shape(catalogue)
    upgrade(catalogue, home)
    tell(catalogue)
    run = ingest_runs.begin_ingest(catalogue, "under way", BY)
    assert downgrade(catalogue, home, "0002") == room.HEAD and shape(catalogue) == before
    with catalogue.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO heartbeat VALUES ('{run}', '2026-01-01', 'here', 1, '')")
        connection.exec_driver_sql("INSERT INTO work_lock VALUES ('retrain', 'me', '2026-01-01', '2026-01-01')")
    upgrade(catalogue, home)
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    assert lease_holder.holders(catalogue) == []
    leases.forget(catalogue, leases.held(catalogue, f"ingest {run}"))  # the process of that time is no more
    assert [one.run_id for one in end_abandoned(catalogue, BY)] == [run]


def test_a_catalogue_gets_plans_and_goes_back_only_without_them(catalogue: Engine, home: Path) -> None:
    head = shape(catalogue)
    downgrade(catalogue, home, "base")
    upgrade(catalogue, home, "0004")
    before = shape(catalogue)
    upgrade(catalogue, home)
    story = tell(catalogue)
    assert downgrade(catalogue, home, "0004") == HEAD and shape(catalogue) == before
    upgrade(catalogue, home)
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    plan_and_look(catalogue, story)
    with pytest.raises(CatalogueError, match=r"can't hold 1 plan\(s\)"):
        downgrade(catalogue, home, "0004")
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    for table in ("plan", "plan_look"):
        for change in (f"UPDATE {table} SET entry = 1", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), catalogue.begin() as connection:
                connection.exec_driver_sql(change)


def test_a_catalogue_gets_boxes_and_goes_back_only_without_them(catalogue: Engine, home: Path) -> None:
    head, below = shape(catalogue), REVISIONS[REVISIONS.index("0007") - 1]
    downgrade(catalogue, home, "base")
    upgrade(catalogue, home, below)
    before = shape(catalogue)
    upgrade(catalogue, home)
    story = tell(catalogue)
    assert downgrade(catalogue, home, below) == HEAD and shape(catalogue) == before
    upgrade(catalogue, home)
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    draw_and_measure(catalogue, story)
    with pytest.raises(CatalogueError, match=r"can't hold 1 list\(s\) of boxes"):
        downgrade(catalogue, home, below)
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    for table in ("region_list", "region", "refused_region", "localisation_metric"):
        for change in (f"UPDATE {table} SET entry = 1", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), catalogue.begin() as connection:
                connection.exec_driver_sql(change)


def test_a_catalogue_gets_engines_and_goes_back_only_without_them(catalogue: Engine, home: Path) -> None:
    head, below = shape(catalogue), REVISIONS[REVISIONS.index("0009") - 1]
    downgrade(catalogue, home, "base")
    upgrade(catalogue, home, below)
    before = shape(catalogue)
    upgrade(catalogue, home)
    story = tell(catalogue)  # says no engine, as what was stored before
    assert downgrade(catalogue, home, below) == HEAD and shape(catalogue) == before
    upgrade(catalogue, home)
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    engines = 'SELECT DISTINCT engine, "precision" FROM '
    assert query(engines + "operating_points").rows == query(engines + "evaluations").rows == [("tensorflow", "f32")]
    assert query(engines + "training_runs").rows == [(None, None)]
    assert lines(explain_prediction(catalogue, "sp-1"))[1] == "  run forward by tensorflow in f32"

    _, fresh = train(catalogue, story.dataset_id, "resnet50", seed=21)
    low = tuple(replace(point, engine="openvino", precision="bf16") for point in POINTS)
    models.add_operating_points(catalogue, fresh, low, BY)
    assert models.operating_points(catalogue, fresh) == low
    with pytest.raises(CatalogueError, match="are locked"):
        models.add_operating_points(catalogue, fresh, POINTS, BY)
    with pytest.raises(CatalogueError, match=r"can't hold the engine of 3 operating point\(s\)"):
        downgrade(catalogue, home, below)
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    predict(catalogue, story.dataset_id, fresh)  # says no precision
    (found,) = verify(catalogue).findings
    assert found.kind == "precision" and "scored in f32" in found.message and "locked in bf16" in found.message


def shape(engine: Engine) -> list[object]:
    """Tables, views, triggers and constraints as the database itself writes them."""
    asked = {
        "sqlite": ["SELECT type, name, sql FROM sqlite_master WHERE name <> 'sqlite_stat1' ORDER BY 1, 2"],
        "postgresql": [
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY 1, 2",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2",
            "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
            "SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        ],
    }
    with engine.connect() as connection:
        return [tuple(row) for sql in asked[engine.dialect.name] for row in connection.exec_driver_sql(sql)]


def test_what_was_counted_apart_from_rows_before_the_upgrade_is_told_and_breaks_nothing(
    catalogue: Engine, home: Path
) -> None:
    head = shape(catalogue)
    tell(catalogue)
    run = ingest_runs.begin_ingest(catalogue, "killed", BY)
    add_images(catalogue, run, [record(40), record(41)])
    zeros = {f"n_{name}": 0 for name in ("new", "unchanged", "changed", "filtered", "ignored", "quarantined")}
    with writing(catalogue) as connection:
        event = {"ingest_run_id": 2, "status": "failed", "reason": "ended from outside", **zeros, "seconds": None}
        append(connection, "ingest_event", [event], BY)
    assert [one.kind for one in verify(catalogue).findings] == ["counts"]
    lease = leases.held(catalogue, f"ingest {run}")
    assert lease is not None
    leases.forget(catalogue, lease)
    downgrade(catalogue, home, "0002")
    upgrade(catalogue, home)
    assert shape(catalogue) == head
    verdict = verify(catalogue)
    assert verdict.findings == () and [one.kind for one in verdict.warnings] == ["counts"]
    assert query("SELECT n_new FROM ingest_runs ORDER BY seq", home=home).rows == [(17,), (0,)]
    patient_identity.merge_patients(catalogue, "pt-0001", "pt-0002", "one person", BY)
    with pytest.raises(CatalogueError, match="can't hold 1 row"):
        downgrade(catalogue, home, "0002")
    assert shape(catalogue) == head and verify(catalogue).findings == ()
    for table in ("patient_merge", "ingest_event"):
        with pytest.raises(DBAPIError, match="append-only"), catalogue.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
