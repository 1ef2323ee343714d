"""Somebody with every right on the database and the files changes something: `verify` finds it, and says where."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from db_story import BY
from db_tamper import home_of, past_the_guards, rewrite_chain
from sqlalchemy import Engine, text

from db import models, promotions
from db.audit.verify import verify
from wrist_model.errors import CatalogueError

EDITS = {
    "a raw probability": ("image_prediction", 3, "raw_probability = 0.26"),
    "a calibrated probability by one part in 10^15": ("image_prediction", 3, "probability = probability + 1e-15"),
    "a decision": ("image_prediction", 2, "predicted_label = 1"),
    "a predicted study's label": ("study_prediction", 1, "label = 1 - label"),
    "a prediction's split": ("study_prediction", 2, "split = 'train'"),
    "the image of a prediction": ("image_prediction", 11, "image_id = 2"),
    "the link a row names": ("image_prediction", 11, "entry = 1"),
    "a metric": ("metric", 2, "value = 0.51"),
    "an interval taken away": ("metric", 1, "ci_low = NULL"),
    "an undefined metric given a value": ("metric", 3, "value = 1.0"),
    "training history": ("training_epoch", 2, "val_loss = 0.1"),
    "a training's dataset": ("training_run", 1, "seed = 7"),
    "how a training ended": ("training_event", 1, "status = 'failed'"),
    "a label": ("label", 3, "label = 1 - label"),
    "what a label corrects": ("label", 9, "corrects_id = 2"),
    "that a label corrects another": ("label", 9, "corrects_id = NULL"),
    "a label taken away": ("label", 3, "label = NULL"),
    "the note of a label version": ("label_version", 2, "note = 'other'"),
    "a member's label": ("dataset_member", 4, "label = 1 - label"),
    "a member's reason": ("dataset_member", 2, "excluded_reason = 'none of your business'"),
    "a manifest's hash": ("dataset_version", 1, "manifest_sha256 = 'ff'"),
    "a patient's split": ("patient", 6, "split = 'train'"),
    "a study's patient": ("study", 6, "patient_id = 1"),
    "an image's file hash": ("image", 5, "file_sha256 = 'ff'"),
    "an image's pixel hash": ("image", 17, "pixel_sha256 = 'ff'"),
    "an image's preprocessing": ("image", 5, "decode_steps = '[]'"),
    "a promotion's decision": ("promotion", 2, "decision = 'refused'"),
    "a promotion's reason": ("promotion", 1, "reason = 'better'"),
    "who decided": ("promotion", 1, "decided_by = 'bob'"),
    "an operating point": ("operating_point", 2, "threshold = 0.41"),
    "a model's artifact": ("model_version", 1, "artifact_sha256 = 'ff'"),
    "a recipe": ("recipe", 1, "content = '{}'"),
    "a dirty work tree made clean": ("environment", 1, "git_dirty = 0"),
    "an exclusion's reason": ("exclusion", 1, "reason = 'other'"),
    "an exclusion undone": ("exclusion", 1, "undone = 1"),
    "a comparison": ("comparison", 1, "difference = 0.1"),
    "the looks at the hold-out": ("comparison", 1, "holdout_looks = 0"),
    "a look's session": ("holdout_look", 1, "session = 'flow-2'"),
    "an explanation's hash": ("explanation", 1, "file_sha256 = 'ff'"),
    "a withheld map shown": ("explanation", 1, "withheld = 1"),
    "a report's place": ("report", 1, "path = 'reports/two'"),
    "a tuning trial": ("tuning_trial", 1, "value = 0.9"),
    "a leaky number": ("leak_demonstration", 1, "value = 0.99"),
    "a drift alert": ("drift_check", 1, "alert = 0"),
    "a stage's cost": ("stage_cost", 1, "wall_seconds = 1"),
    "why a file was refused": ("quarantined_file", 1, "reason_code = 'not_a_radiograph'"),
    "the counts of an ingest": ("ingest_event", 1, "n_new = 18"),
    "the split rule": ("fact", 2, "value = '{}'"),
    "a near duplicate": ("near_duplicate", 1, "confirmed = 0"),
    "the looks of a plan": ("plan", 1, "looks_planned = 40"),
    "what a look has spent": ("plan_look", 1, "alpha = 0.0"),
    "an evaluation's label version": ("evaluation", 1, "label_version = 2"),
}
SQL = {
    "a row in the middle deleted": ("DELETE FROM image_prediction WHERE id = 4", "image_prediction row 4"),
    "the last row deleted": ("DELETE FROM metric WHERE id = 6", "metric row 6"),
    "a whole table emptied": ("DELETE FROM promotion_comparison", "promotion_comparison row 1"),
    "a row added at the end": (
        "INSERT INTO fact (id, entry, name, value) VALUES (3, 1, 'a', 'b')",
        "fact row 3",
    ),
    "a row added before the first": ("INSERT INTO fact (id, entry, name, value) VALUES (0, 1, 'a', 'b')", "fact row 0"),
    "a row added far behind": ("INSERT INTO fact (id, entry, name, value) VALUES (900, 1, 'a', 'b')", "fact row 900"),
    "a row renumbered": ("UPDATE metric SET id = 77 WHERE id = 2", "metric row 2"),
    "a link deleted": ("DELETE FROM audit_entry WHERE seq = 5", "audit_entry row 5"),
    "a link's actor": ("UPDATE audit_entry SET actor = 'bob' WHERE seq = 7", "audit_entry row 7"),
    "a link's time": ("UPDATE audit_entry SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 7", "audit_entry row 7"),
    "a link's flow run": ("UPDATE audit_entry SET prefect_flow_run_id = NULL WHERE seq = 7", "audit_entry row 7"),
    "a link's rows": ("UPDATE audit_entry SET last_row = last_row + 1 WHERE seq = 7", "audit_entry row 7"),
    "a link's hash": ("UPDATE audit_entry SET chain_sha256 = 'ff' WHERE seq = 7", "audit_entry row 7"),
    "a link's batch hash": ("UPDATE audit_entry SET batch_sha256 = 'ff' WHERE seq = 7", "audit_entry row 7"),
    "a link added": (
        "INSERT INTO audit_entry SELECT 900, table_name, first_row, last_row, n_rows, batch_sha256, marks, "
        "chain_sha256, actor, at, prefect_flow_run_id FROM audit_entry WHERE seq = 7",
        "audit_entry row",
    ),
}


def test_each_changed_value_is_found_with_its_row_and_column(copied: Engine) -> None:
    for what, (table, row, change) in EDITS.items():
        column = change.split(" ")[0]
        with past_the_guards(copied, table) as connection:
            before = connection.exec_driver_sql(f"SELECT {column} FROM {table} WHERE id = {row}").scalar()
            connection.exec_driver_sql(f"UPDATE {table} SET {change} WHERE id = {row}")
        first = verify(copied).findings[0]
        assert first.where == f"{table} row {row}", what
        assert column in first.message or column == "entry", what
        with past_the_guards(copied, table) as connection:
            connection.execute(text(f"UPDATE {table} SET {column} = :value WHERE id = {row}"), {"value": before})
    assert verify(copied).ok


@pytest.mark.parametrize("what", SQL)
def test_deleted_added_and_moved_rows_and_links_are_found(copied: Engine, what: str) -> None:
    sql, where = SQL[what]
    with past_the_guards(copied) as connection:
        connection.exec_driver_sql(sql)
    verdict = verify(copied)
    assert not verdict.ok
    assert any(finding.where.startswith(where) for finding in verdict.findings), verdict.findings


def test_two_rows_that_changed_places_are_found(copied: Engine) -> None:
    with past_the_guards(copied) as connection:
        for sql in ("id = 900 WHERE id = 1", "id = 1 WHERE id = 2", "id = 2 WHERE id = 900"):
            connection.exec_driver_sql(f"UPDATE operating_point SET {sql}")
    assert verify(copied).findings[0].where == "operating_point row 1"


def test_two_links_that_changed_places_are_found(copied: Engine) -> None:
    with past_the_guards(copied) as connection:
        for sql in ("seq = 900 WHERE seq = 3", "seq = 3 WHERE seq = 4", "seq = 4 WHERE seq = 900"):
            connection.exec_driver_sql(f"UPDATE audit_entry SET {sql}")
    assert verify(copied).findings[0].where == "audit_entry row 3"


def test_a_row_changed_with_its_links_hash_made_to_fit_is_found(copied: Engine) -> None:
    with past_the_guards(copied) as connection:
        connection.exec_driver_sql("UPDATE promotion SET reason = 'x' WHERE id = 1")
        before = connection.exec_driver_sql("SELECT seq, chain_sha256 FROM audit_entry ORDER BY seq").all()
        rewrite_chain(connection)
        for seq, chain in before:
            connection.exec_driver_sql(f"UPDATE audit_entry SET chain_sha256 = '{chain}' WHERE seq = {seq}")
    assert verify(copied).findings[0].kind == "chain"


def test_a_chain_rewritten_as_a_whole_is_found_by_the_anchor_alone(copied: Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    assert verify(copied, anchor=anchor).ok and anchor.exists()
    with past_the_guards(copied) as connection:
        connection.exec_driver_sql("UPDATE promotion SET reason = 'x' WHERE id = 1")
        rewrite_chain(connection)
    assert verify(copied).ok, "docs/audit.md says so: without an anchor this can't be found"
    assert verify(copied, anchor=anchor).findings[0].kind == "anchor"


def test_a_chain_cut_at_its_end_is_found_by_the_anchor_alone(copied: Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    promotions.add_promotion(copied, models.model(copied).model_version_id, "undecided", "just now", BY)
    verify(copied, anchor=anchor)
    with past_the_guards(copied) as connection:
        connection.exec_driver_sql("DELETE FROM promotion WHERE id = (SELECT max(id) FROM promotion)")
        connection.exec_driver_sql("DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)")
    assert verify(copied).ok, "docs/audit.md says so: without an anchor this can't be found"
    assert "shorter" in verify(copied, anchor=anchor).findings[0].message


def test_the_anchor_is_carried_forward_and_a_later_honest_chain_passes(copied: Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    verify(copied, anchor=anchor)
    first = anchor.read_text()
    promotions.add_promotion(copied, models.model(copied).model_version_id, "undecided", "just now", BY)
    assert verify(copied, anchor=anchor).ok and anchor.read_text() != first
    anchor.write_text("not an anchor")
    with pytest.raises(CatalogueError, match="no anchor file"):
        verify(copied, anchor=anchor)


def test_an_old_copy_put_back_is_found_by_the_anchor(copied: Engine, tmp_path: Path) -> None:
    if copied.dialect.name == "postgresql":
        anchor = tmp_path / "anchor.json"
        verify(copied, anchor=anchor)
        with past_the_guards(copied) as connection:  # what a restored dump of last week looks like
            connection.exec_driver_sql("DELETE FROM stage_cost")
            connection.exec_driver_sql("DELETE FROM drift_check")
            connection.exec_driver_sql("DELETE FROM audit_entry WHERE table_name IN ('stage_cost', 'drift_check')")
        assert not verify(copied, anchor=anchor).ok
        return
    file, old, anchor = Path(str(copied.url.database)), tmp_path / "old.sqlite", tmp_path / "anchor.json"
    shutil.copy(file, old)
    promotions.add_promotion(copied, models.model(copied).model_version_id, "undecided", "just now", BY)
    verify(copied, anchor=anchor)
    copied.dispose()
    for leftover in file.parent.glob("catalogue.sqlite-*"):
        leftover.unlink()
    shutil.copy(old, file)
    assert verify(copied, anchor=anchor).findings[0].kind == "anchor"


@pytest.mark.parametrize("what", ["dropped", "emptied", "added"])
def test_triggers_that_were_dropped_emptied_or_added_are_found(copied: Engine, what: str) -> None:
    name = "metric_no_update" if copied.dialect.name == "sqlite" else "metric_no_change"
    with copied.begin() as connection:
        if copied.dialect.name == "sqlite":
            body = "BEFORE UPDATE ON metric FOR EACH ROW BEGIN SELECT 1; END"
            if what != "added":
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            if what != "dropped":
                name = name if what == "emptied" else "helpful"
                connection.exec_driver_sql(f"CREATE TRIGGER {name} {body}")
        elif what == "dropped":
            connection.exec_driver_sql(f"DROP TRIGGER {name} ON metric")
        elif what == "emptied":
            empty = "CREATE OR REPLACE FUNCTION wrist_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            connection.exec_driver_sql(empty + "$$ BEGIN RETURN NEW; END $$")
        else:
            name = "helpful"
            call = "FOR EACH ROW EXECUTE FUNCTION wrist_append_only()"
            connection.exec_driver_sql(f"CREATE TRIGGER helpful BEFORE INSERT ON file {call}")
    verdict = verify(copied)
    found = [(one.kind.removeprefix("missing_"), one.where) for one in verdict.findings]
    emptied = what == "emptied" and copied.dialect.name == "postgresql"
    assert (("function", "wrist_append_only") if emptied else ("trigger", name)) in found


def test_a_trigger_switched_off_is_found_and_replica_mode_does_not_help(copied: Engine) -> None:
    if copied.dialect.name == "sqlite":
        with copied.begin() as connection, pytest.raises(Exception, match="append-only"):
            connection.exec_driver_sql("INSERT OR REPLACE INTO metric SELECT * FROM metric WHERE id = 1")
        return
    with pytest.raises(Exception, match="append-only"), copied.begin() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("DELETE FROM metric")
    with pytest.raises(Exception, match="append-only"), copied.begin() as connection:
        connection.exec_driver_sql("TRUNCATE metric CASCADE")
    with copied.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE metric DISABLE TRIGGER metric_no_change")
    assert verify(copied).findings[0].where == "metric_no_change"


def test_a_dropped_table_view_and_foreign_key_are_found(copied: Engine) -> None:
    with copied.begin() as connection:
        connection.exec_driver_sql("DROP VIEW leak_demonstrations")
    assert [one.where for one in verify(copied).findings] == ["leak_demonstrations"]
    with past_the_guards(copied) as connection:
        if copied.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER TABLE metric DROP CONSTRAINT metric_evaluation_id_fkey")
        else:
            connection.exec_driver_sql("PRAGMA writable_schema = ON")
            changed = "replace(sql, 'REFERENCES evaluation (id)', 'REFERENCES patient (id)')"
            connection.exec_driver_sql(f"UPDATE sqlite_master SET sql = {changed} WHERE name = 'metric'")
            connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    assert "metric" in [one.where for one in verify(copied).findings]
    if copied.dialect.name == "postgresql":
        with copied.begin() as connection:
            connection.exec_driver_sql("DROP TABLE leak_demonstration")
        assert "leak_demonstration" in [one.where for one in verify(copied).findings]


FILES: dict[str, Callable[[Path], None]] = {
    "a model edited": lambda home: sorted((home / "models").iterdir())[0].write_bytes(b"other"),
    "a model deleted": lambda home: sorted((home / "models").iterdir())[0].unlink(),
    "a map edited": lambda home: (home / "explanations" / "one").write_bytes(b"other"),
    "a report deleted": lambda home: (home / "reports" / "one").unlink(),
    "two models swapped": lambda home: _swap(*sorted((home / "models").iterdir())),
    "a report emptied": lambda home: (home / "reports" / "one").write_bytes(b""),
}


def _swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


@pytest.mark.parametrize("what", FILES)
def test_changed_swapped_and_lost_files_are_found(copied: Engine, what: str) -> None:
    FILES[what](home_of(copied))
    assert {one.kind for one in verify(copied).findings} == {"file"}


def test_a_straddling_patient_forged_with_a_whole_new_chain_is_found_by_the_split_guard(copied: Engine) -> None:
    with past_the_guards(copied) as connection:
        connection.exec_driver_sql("UPDATE dataset_member SET split = 'test' WHERE id = 3")
        rewrite_chain(connection)
    kinds = {one.kind for one in verify(copied).findings}
    assert {"split", "hash"} <= kinds


def test_a_correction_pointed_elsewhere_with_a_whole_new_chain_is_found(copied: Engine) -> None:
    with past_the_guards(copied) as connection:
        connection.exec_driver_sql("UPDATE label SET corrects_id = 2 WHERE id = 9")
        rewrite_chain(connection)
    assert [(one.kind, one.where) for one in verify(copied).findings] == [("correction", "label row 9")]


def test_a_damaged_database_file_is_found_or_refused_in_one_line(copied: Engine) -> None:
    if copied.dialect.name == "postgresql":
        with past_the_guards(copied) as connection:  # its files are the server's; a lost page is a lost table
            connection.exec_driver_sql("TRUNCATE explanation CASCADE")
        assert verify(copied).findings[0].where == "explanation row 1"
        return
    with copied.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    copied.dispose()
    file = Path(str(copied.url.database))
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:8192] + bytes(200_000) + whole[208_192:], b"x" * len(whole)):
        file.write_bytes(damaged)
        try:
            assert not verify(copied).ok
        except CatalogueError as error:
            assert "\n" not in str(error)
        copied.dispose()


def test_text_in_the_place_of_a_number_is_found(copied: Engine) -> None:
    if copied.dialect.name == "postgresql":
        return
    with past_the_guards(copied) as connection:
        connection.exec_driver_sql("UPDATE metric SET value = 'high' WHERE id = 1")
    assert verify(copied).findings[0].where == "metric row 1"


def test_an_anchor_names_its_catalogue_and_anothers_is_not_taken_for_this_ones(copied: Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    verify(copied, anchor=anchor)
    content = json.loads(anchor.read_text())
    with copied.connect() as connection:
        first = connection.exec_driver_sql("SELECT chain_sha256 FROM audit_entry WHERE seq = 1").scalar()
    assert content["catalogue"] == str(first)[:16]
    anchor.write_text(json.dumps({**content, "catalogue": "0123456789abcdef"}))
    found = verify(copied, anchor=anchor).findings
    assert [one.kind for one in found] == ["anchor"] and "another catalogue's anchor" in found[0].message
    del content["catalogue"]  # as an earlier version wrote it
    anchor.write_text(json.dumps(content))
    promotions.add_promotion(copied, models.model(copied).model_version_id, "undecided", "just now", BY)
    assert verify(copied, anchor=anchor).ok and json.loads(anchor.read_text())["catalogue"] == str(first)[:16]
