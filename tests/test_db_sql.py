"""`wrist sql` and the public views, on SQLite and PostgreSQL."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from db_story import tell, tell_all
from sqlalchemy import Engine

from benchmarks import scale
from db.home import database_url
from db.query.export_formats import write_parquet, write_text
from db.query.read_only_sql import Rows, query
from db.schema import views
from wrist_model.errors import CatalogueError, UsageError

STUDY_PREDICTIONS = (
    "prediction_id, evaluation_id, purpose, model_version_id, architecture, dataset_id, label_version, split, "
    "study_uid, patient_key, n_images, label, raw_probability, probability, operating_point, threshold, "
    "predicted_label, prefect_flow_run_id, created_at, superseded_by, logit, hold_out"
)
VIEWS = {
    "studies": "study_uid, patient_key, patient_known, source, body_part, label, label_version, split, n_images, "
    "excluded_reason, first_seen_at, label_meaning, hold_out",
    "images": "image_uid, study_uid, patient_key, path, format, file_sha256, pixel_sha256, rows, columns, photometric, "
    "inverted, multi_view, view, hardware, sex, age, decode_steps, label, split, ingested_at, suspicious, "
    "image_label",
    "quarantined_files": "path, file_sha256, reason_code, reason, ingest_run_id, quarantined_at",
    "ingest_runs": "ingest_run_id, source, status, n_seen, n_new, n_unchanged, n_changed, n_filtered, n_ignored, "
    "n_quarantined, seconds, started_at, finished_at, prefect_flow_run_id",
    "dataset_versions": "dataset_id, manifest_sha256, label_version, n_patients, n_studies, n_images, guard_status, "
    "frozen_at",
    "dataset_members": "dataset_id, image_uid, study_uid, patient_key, split, label, included, excluded_reason, "
    "hold_out",
    "training_runs": "training_run_id, architecture, dataset_id, recipe_sha256, weights_source, seed, status, "
    "epochs_run, best_epoch, seconds, git_commit, prefect_flow_run_id, started_at, finished_at, replicate, "
    "engine, precision",
    "training_history": "training_run_id, epoch, loss, accuracy, val_loss, val_accuracy, learning_rate, seconds",
    "model_versions": "model_version_id, architecture, training_run_id, artifact_sha256, members, role, created_at",
    "operating_points": "model_version_id, level, name, threshold, target, slope, intercept, serving, engine, "
    "precision",
    "image_predictions": "prediction_id, evaluation_id, purpose, model_version_id, architecture, dataset_id, "
    "label_version, split, image_uid, study_uid, patient_key, label, raw_probability, probability, operating_point, "
    "threshold, predicted_label, prefect_flow_run_id, created_at, superseded_by, logit, hold_out",
    "study_predictions": STUDY_PREDICTIONS,
    "current_predictions": STUDY_PREDICTIONS,
    "evaluation_metrics": "metric_id, evaluation_id, model_version_id, architecture, dataset_id, label_version, split, "
    "level, subgroup, operating_point, metric, value, ci_low, ci_high, n_images, n_studies, n_patients, tp, fp, tn, "
    "fn, threshold, n_resamples, bootstrap_seed, prefect_flow_run_id, created_at, hold_out",
    "comparisons": "comparison_id, evaluation_id, challenger, reference, metric, difference, ci_low, ci_high, method, "
    "n_patients, holdout_looks, created_at",
    "promotions": "promotion_id, model_version_id, decision, reason, decided_by, comparison_ids, created_at",
    "plans": "plan_id, content_sha256, recipe_sha256, dataset_id, looks_planned, alpha_spent, created_at, "
    "looks_before, rule, new_patients_only, budget_plan_id, content",
    "plan_looks": "plan_id, promotion_id, model_version_id, decision, look, alpha, evaluation_ids, compared, "
    "created_at",
    "explanations": "explanation_id, prediction_id, method, path, file_sha256, sanity_score, withheld, created_at, "
    "sanity_similarity, sanity_p_value, sanity_rule, note",
    "tuning_trials": "study_name, trial, architecture, learning_rate, batch_size, value, state, seconds, created_at",
    "audit_trail": "seq, table_name, first_row, last_row, n_rows, batch_sha256, chain_sha256, actor, at",
}


def test_the_public_views_have_exactly_their_columns_before_anything_is_stored(home: Path) -> None:
    for name, columns in VIEWS.items():
        fixed, found = tuple(columns.split(", ")), query(f"SELECT * FROM {name}", home=home)
        assert found.columns in (fixed, (*fixed, "seq")) and found.rows == [], name
    assert set(VIEWS) <= set(views.VIEWS)


def test_ids_are_text_times_are_iso_utc_and_values_as_documented(catalogue: Engine) -> None:
    story = tell_all(catalogue)
    for name in views.VIEWS:
        found = query(f"SELECT * FROM {name}")
        assert found.rows, name
        for row in found.rows:
            for column, value in zip(found.columns, row, strict=True):
                if column.endswith(("_id", "_uid", "_key")) and value is not None:
                    assert isinstance(value, str)
                if column.endswith("_at") and value is not None:
                    assert len(value) == 27 and value[10] == "T" and value.endswith("Z")
    roles = dict(query("SELECT model_version_id, role FROM model_versions").rows)
    assert roles[story.ensemble_id] == "champion" and roles[story.model_ids[0]] == "retired"
    members = query(f"SELECT members FROM model_versions WHERE model_version_id = '{story.ensemble_id}'").rows[0][0]
    assert members == ",".join(sorted(story.model_ids))
    assert query("SELECT status, epochs_run, best_epoch FROM training_runs").rows == [("finished", 3, 2)] * 2
    assert query("SELECT n_seen, n_new, status FROM ingest_runs").rows == [(18, 17, "finished")]
    assert query("SELECT split, label, label_version FROM studies WHERE study_uid = 'st-0090'").rows == [(None,) * 3]
    assert query("SELECT label, label_version FROM studies WHERE study_uid = 'st-0002'").rows == [(1, 2)]
    assert query("SELECT count(*) FROM image_predictions WHERE purpose = 'prospective' AND split IS NULL").rows == [
        (1,)
    ]
    assert query("SELECT excluded_reason FROM dataset_members WHERE included = 0").rows == [("identical_pixels",)]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM patient",
        "INSERT INTO fact (id, entry, name, value) VALUES (9, 1, 'a', 'b')",
        "UPDATE studies SET label = 1",
        "DROP TABLE fact",
        "CREATE TABLE mine (a INT)",
        "SELECT 1; DELETE FROM file",
        "WITH gone AS (DELETE FROM file RETURNING path) SELECT * FROM gone",
        "ATTACH 'elsewhere.sqlite' AS other",
        "PRAGMA foreign_keys = OFF",
        "COMMIT",
        "SET default_transaction_read_only = off",
        "COPY fact TO PROGRAM 'cat'",
        "VACUUM",
        "SELEKT 1",
        "SELECT no_such_column FROM studies",
        "SELECT * FROM no_such_view",
        "",
        ";",
    ],
)
def test_anything_but_one_reading_statement_is_refused_in_one_line(catalogue: Engine, sql: str) -> None:
    with pytest.raises(UsageError) as caught:
        query(sql)
    assert "\n" not in str(caught.value)


def text(rows: Rows, format: Literal["csv", "json"]) -> str:
    to = io.StringIO()
    assert write_text(rows, format, to) == len(rows.rows)
    return to.getvalue()


def test_averages_and_sums_are_plain_numbers_on_both_databases(catalogue: Engine) -> None:
    tell(catalogue)
    found = query(
        "SELECT avg(1.0 * label), sum(n_images) AS images, sum(label) AS positive, round(avg(n_images), 1) FROM studies"
    )
    assert [type(value) for value in found.rows[0]] == [float, int, int, float]
    assert json.loads(text(found, "json"))[0] == dict(zip(found.columns, found.rows[0], strict=True))


def test_explaining_a_query_is_reading(catalogue: Engine) -> None:
    word = "EXPLAIN QUERY PLAN" if catalogue.dialect.name == "sqlite" else "EXPLAIN"
    assert query(f"{word} SELECT * FROM studies").rows


def test_a_query_without_end_is_stopped(catalogue: Engine) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(CatalogueError, match="Stopped after"):
        query(endless, limit_seconds=0.3)


def test_max_rows_cuts_and_says_so(catalogue: Engine) -> None:
    tell(catalogue)
    cut = query("SELECT study_uid FROM studies ORDER BY 1", max_rows=2)
    assert cut.rows == [("st-0000",), ("st-0001",)] and cut.truncated


def test_rows_are_written_as_csv_json_and_parquet(tmp_path: Path) -> None:
    import pandas

    rows = Rows(("a", "b"), [(1, "x,y"), (None, "ü")])
    assert text(rows, "csv") == 'a,b\n1,"x,y"\n,ü\n'
    assert json.loads(text(rows, "json")) == [{"a": 1, "b": "x,y"}, {"a": None, "b": "ü"}]
    assert text(Rows(("a",), []), "json") == "[]\n"
    write_parquet(rows, tmp_path / "r.parquet")
    assert pandas.read_parquet(tmp_path / "r.parquet")["b"].tolist() == ["x,y", "ü"]


def test_a_query_needs_no_heavy_library_once_the_catalogue_is_there(catalogue: Engine, home: Path) -> None:
    code = (
        "import sys; from db.query.read_only_sql import query; print(query('select count(*) from studies').rows, "
        "sorted({'sqlalchemy', 'alembic', 'pandas', 'tensorflow', 'prefect'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[(0,)] []"


def test_pandas_and_plain_drivers_read_the_same_views(catalogue: Engine) -> None:
    import pandas

    tell(catalogue)
    frame = pandas.read_sql("SELECT * FROM study_predictions ORDER BY prediction_id", catalogue)
    assert len(frame) == 11 and frame["raw_probability"].dtype == float
    url = database_url()
    if url.startswith("sqlite"):
        import sqlite3

        rows = sqlite3.connect(url.removeprefix("sqlite:///")).execute("SELECT * FROM study_predictions").fetchall()
    else:
        import psycopg

        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            rows = connection.execute("SELECT * FROM study_predictions").fetchall()
    assert len(rows) == 11


def test_neither_a_month_nor_a_study_makes_sqlite_read_all_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a month it does so unless it knows how many rows there are: a large batch tells it."""
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    engine, _, model = scale.made(tmp_path, 1200)
    scale.fill(engine, model, 1200, 12_000)
    engine.dispose()
    month = "created_at >= (SELECT substr(max(at), 1, 7) FROM audit_trail)"
    for level in ("image", "study"):
        for condition in (month, f"study_uid = '{scale.records(400, 1)[0].study_uid}'"):
            sql = f"SELECT count(*), avg(predicted_label) FROM {level}_predictions WHERE {condition}"
            plan = [row[-1] for row in query(f"EXPLAIN QUERY PLAN {sql}", home=tmp_path).rows]
            assert not any(step.startswith("SCAN p") for step in plan), plan


def test_json_and_parquet_keep_columns_of_one_name_and_json_has_no_bare_infinity(tmp_path: Path) -> None:
    import pyarrow.parquet

    rows = Rows(("x", "x", "x_2", "y"), [(1, 2, 3, float("inf")), (4, 5, 6, float("nan"))])
    kept = [{"x": 1, "x_3": 2, "x_2": 3, "y": "Infinity"}, {"x": 4, "x_3": 5, "x_2": 6, "y": "NaN"}]
    assert json.loads(text(rows, "json"), parse_constant=pytest.fail) == kept
    write_parquet(rows, tmp_path / "x.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "x.parquet").column_names == ["x", "x_3", "x_2", "y"]


def test_a_parquet_column_of_mixed_types_is_text_and_the_others_keep_theirs(tmp_path: Path) -> None:
    import pyarrow.parquet

    rows = Rows(("mixed", "number"), [(1, 1), ("one", 2.5), (None, None), (2.5, 3)])
    write_parquet(rows, tmp_path / "mixed.parquet")
    read = pyarrow.parquet.read_table(tmp_path / "mixed.parquet").to_pydict()
    assert read == {"mixed": ["1", "one", None, "2.5"], "number": [1.0, 2.5, None, 3.0]}
