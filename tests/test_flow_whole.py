"""The whole job through the console, a real server and real files: what stands in the catalogue afterwards."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from prefect_fixtures import ask
from scipy import special
from sklearn import metrics as peer
from test_docs_commands import ALL
from whole_fixtures import Whole

MODELS = ("resnet50", "efficientnetb0", "ensemble")
LOOKS = {"sql", "status", "champion", "verify", "split"}
PLACEHOLDER = re.compile(r"…|<|\bID\b|FILE|PATH|/[a-z]+/|[a-z]{2}-[0-9a-f…]+")


def test_a_killed_retrain_goes_on_and_doubles_nothing(whole: Whole) -> None:
    assert whole.epochs_when_killed >= 1
    assert whole.rows("select architecture, count(*) from training_runs group by 1 order by 1") == [
        ("efficientnetb0", 1),
        ("resnet50", 1),
    ]
    assert whole.rows("select training_run_id, epoch from training_history group by 1, 2 having count(*) > 1") == []
    assert {row[0] for row in whole.rows("select status from training_runs")} == {"finished"}


def test_running_again_on_unchanged_data_writes_nothing_new(whole: Whole) -> None:
    assert whole.counts_third == whole.counts_second
    for name in ("dataset_id", "model_versions", "evaluations"):
        assert whole.third[name] == whole.second[name]
    counted = whole.third["ingest"]
    assert counted["new"] == 0 and counted["unchanged"] == whole.counts_third["images"]


def test_every_file_seen_ends_in_one_count_and_the_broken_ones_are_quarantined(whole: Whole) -> None:
    first = whole.rows("select sum(n_new), sum(n_quarantined) from ingest_runs where n_new > 0")[0]
    assert first == (whole.made.images, whole.made.broken)
    for row in whole.rows(
        "select n_seen, n_new + n_unchanged + n_changed + n_filtered + n_ignored + n_quarantined from ingest_runs "
        "where status = 'finished'"
    ):
        assert row[0] == row[1]


def test_each_model_has_one_prediction_of_each_image_of_the_frozen_version(whole: Whole) -> None:
    for split in ("validation", "test"):
        wanted = whole.rows(f"select count(*) from dataset_members where included = 1 and split = '{split}'")[0][0]
        found = whole.rows(
            "select architecture, count(*), count(distinct image_uid) from image_predictions "
            f"where split = '{split}' and purpose = 'evaluation' group by 1 order by 1"
        )
        assert found == [(name, wanted, wanted) for name in sorted(MODELS)]


def test_the_ensemble_is_the_mean_of_the_networks_calibrated_logits(whole: Whole) -> None:
    scores: dict[str, dict[str, tuple[float, float, float]]] = {}
    sql = "select architecture, image_uid, raw_probability, probability, logit from image_predictions"
    for name, image, *values in whole.rows(sql):
        scores.setdefault(image, {})[name] = tuple(values)
    for of in scores.values():
        logits = [special.logit(of[name][1]) for name in ("resnet50", "efficientnetb0")]
        raw, _, logit = of["ensemble"]
        assert logit == pytest.approx(np.mean(logits), abs=1e-6) and raw == pytest.approx(
            special.expit(logit), abs=1e-12
        )


def test_a_studys_score_is_the_mean_over_its_images(whole: Whole) -> None:
    means = {
        (name, study): mean
        for name, study, mean in whole.rows(
            "select architecture, study_uid, avg(raw_probability) from image_predictions group by 1, 2"
        )
    }
    for name, study, raw in whole.rows("select architecture, study_uid, raw_probability from study_predictions"):
        assert raw == pytest.approx(means[name, study], abs=1e-12)


@pytest.mark.parametrize("level", ["image", "study"])
@pytest.mark.parametrize("architecture", MODELS)
def test_stored_metrics_are_scikit_learns_on_the_stored_rows(whole: Whole, architecture: str, level: str) -> None:
    rows = whole.rows(
        f"select label, probability, predicted_label from {level}_predictions "
        f"where architecture = '{architecture}' and split = 'test' and purpose = 'evaluation'"
    )
    label, probability, called = (np.array(column) for column in zip(*rows, strict=True))
    stored = dict(
        whole.rows(
            "select m.metric, m.value from evaluation_metrics m "
            f"where m.architecture = '{architecture}' and m.level = '{level}' and m.split = 'test' "
            "and m.subgroup = 'all' and (m.operating_point is null or m.operating_point = 'youden')"
        )
    )
    assert stored["roc_auc"] == pytest.approx(peer.roc_auc_score(label, probability), abs=1e-12)
    assert stored["accuracy"] == pytest.approx(peer.accuracy_score(label, called), abs=1e-12)
    assert stored["sensitivity"] == pytest.approx(peer.recall_score(label, called), abs=1e-12)
    assert stored["specificity"] == pytest.approx(peer.recall_score(label, called, pos_label=0), abs=1e-12)
    assert stored["f1_positive"] == pytest.approx(peer.f1_score(label, called), abs=1e-12)
    assert stored["cohen_kappa"] == pytest.approx(peer.cohen_kappa_score(label, called), abs=1e-12)
    assert stored["brier"] == pytest.approx(peer.brier_score_loss(label, probability), abs=1e-12)


def test_operating_points_are_locked_before_the_hold_out_is_scored(whole: Whole) -> None:
    trail = whole.rows("select seq, table_name from audit_trail order by seq")
    predictions = [seq for seq, table in trail if table == "image_prediction"]
    points = [seq for seq, table in trail if table == "operating_point"]
    # Per model: validation's predictions need its points, and test's come after them.
    assert len(points) == len(MODELS) and len(predictions) == 2 * len(MODELS)
    assert all(
        sum(point < seq for point in points) >= number // 2 + 1 for number, seq in enumerate(sorted(predictions))
    )


def test_no_patient_and_no_picture_stands_in_two_splits(whole: Whole) -> None:
    for column in ("m.patient_key", "i.pixel_sha256"):
        assert (
            whole.rows(
                f"select {column} from dataset_members m join images i on i.image_uid = m.image_uid "
                f"where m.included = 1 group by 1 having count(distinct m.split) > 1"
            )
            == []
        )


def test_models_are_stored_under_their_hash(whole: Whole) -> None:
    import hashlib

    for (sha256,) in whole.rows("select artifact_sha256 from model_versions where architecture <> 'ensemble'"):
        assert hashlib.sha256((whole.home / "models" / f"{sha256}.keras").read_bytes()).hexdigest() == sha256


def test_the_report_stands_alone_and_says_what_it_is(whole: Whole) -> None:
    page = Path(whole.second["report"]).read_text()
    assert "Synthetic radiographs" in page and "Trained from scratch" in page
    assert "<script" not in page and 'src="http' not in page
    assert page.count("data:image") >= 6


def test_the_run_shows_in_the_servers_history_with_its_artifacts(whole: Whole) -> None:
    runs = ask(whole.url, "/flow_runs/filter", {"flows": {"name": {"any_": ["retrain"]}}, "limit": 200})
    done = [run for run in runs if run["state_type"] == "COMPLETED" and "ds-" in run["name"]]
    assert len(done) >= 2
    artifacts = ask(whole.url, "/artifacts/filter", {"limit": 200})
    assert {"report", "gate", "costs"} <= {artifact["key"] for artifact in artifacts}
    tasks = ask(whole.url, "/task_runs/filter", {"limit": 200})
    assert {"freeze the data set", "train resnet50", "train efficientnetb0"} <= {task["name"] for task in tasks}


def test_each_report_is_an_event_that_leads_to_it(whole: Whole) -> None:
    wanted = {"filter": {"event": {"name": ["wrist.report"]}}, "limit": 50}
    written = {str(row[0]).rpartition("/")[2] for row in whole.rows("select path from reports where kind = 'html'")}
    sent = {one["payload"]["report"] for one in ask(whole.url, "/events/filter", wanted)["events"]}
    assert written <= {address.rpartition("/reports/")[2] for address in sent}


def test_verify_finds_nothing(whole: Whole) -> None:
    assert "All as it was written" in whole.wrist("verify").stdout


def test_new_studies_are_scored_by_the_champion_and_only_once(whole: Whole) -> None:
    folder = whole.base / "incoming"
    folder.mkdir()
    for number, file in enumerate(sorted(whole.made.mura.rglob("valid/**/image1.png"))[:2]):
        (folder / f"case{number}").mkdir()
        shutil.copy(file, folder / f"case{number}" / "image.png")
    result = json.loads(whole.wrist("predict", str(folder), "--json").stdout)
    assert len(result["studies"]) == 2
    assert all(0 <= row["probability"] <= 1 and row["predicted_label"] in (0, 1) for row in result["studies"])
    rows = whole.rows("select count(*), min(split), min(label) from study_predictions where purpose = 'prospective'")
    assert rows == [(2, None, None)]
    assert sorted(row["paths"] for row in result["studies"]) == [["case0/image.png"], ["case1/image.png"]]
    again = json.loads(whole.wrist("predict", f"{folder}/../incoming/case1", "--json").stdout)
    assert again["studies"] == [] and again["before"] == 1


def test_status_and_champion_say_who_serves(whole: Whole) -> None:
    champion = json.loads(whole.wrist("champion", "--json").stdout)
    assert champion["architecture"] == "ensemble" and "first model" in champion["reason"]
    assert champion["model_version_id"] in whole.wrist("status").stdout


def test_the_demos_three_queries_answer(whole: Whole) -> None:
    from flows.console.demo_command import QUERIES

    for sql in QUERIES:
        assert len(whole.wrist("sql", sql).stdout.splitlines()) > 2


def test_the_documented_recomputation_gives_the_stored_sensitivities(whole: Whole) -> None:
    from db.query.documented_queries import queries

    (sql,) = (text for heading, text in queries().items() if heading.startswith("Sensitivity recomputed"))
    rows = json.loads(whole.wrist("sql", sql, "--json").stdout)
    assert {row["operating_point"] for row in rows} == {"youden", "sensitivity"} and len(rows) == 2 * len(MODELS)
    assert all(row["recomputed"] == pytest.approx(row["stored"], abs=1e-12) for row in rows)


def test_the_documentations_commands_that_look_answer_on_a_real_home(whole: Whole) -> None:
    looked = 0
    for page, words in ALL:
        if words[0] in LOOKS and not PLACEHOLDER.search(" ".join(words)) and "--output" not in words:
            done = whole.wrist(*words)
            assert done.stdout, f"{page}: {words}"
            looked += 1
    assert looked >= 5
