"""The independent verifier derives an honest catalogue again, and finds frauds that were planted in copies of it.

The chain is not looked at here: whoever can write the file can make it fit. Impossible to find, and why, stands in the
head of benchmarks/recheck.py.
"""

from __future__ import annotations

import ast
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import db_story
import gate_hall
import numpy as np
import pytest
from gate_hall import BY, RECIPE, Hall
from prefect.logging import disable_run_logger

from benchmarks import recheck
from db import datasets, evaluations, image_refs, ingest_runs, metrics, models, near_duplicates
from db.images import add_images
from db.maintenance.backup import backup
from db.predictions import add_predictions
from tasks.gate import gate
from tasks.plan import frozen_plan
from wrist_model.evidence import evaluation_metrics, replicates, score_gate
from wrist_model.recipe import GateRecipe
from wrist_model.records import ImagePrediction, StudyPrediction
from wrist_model.scoring import operating_points, study_aggregation

GATE = GateRecipe(0.03, 0.10, 0.10, rule="score", floor_roc_auc=0.7, floor_sensitivity=0.5, floor_specificity=0.5)
SCORE = replace(RECIPE, name="score", gate=GATE, evaluation=replace(RECIPE.evaluation, rules="second"))
FILE = Path(recheck.__file__)


def network(hall: Hall, seed: int, separation: float, luck: int) -> str:
    """A network that was trained with this seed, evaluated as the project does it; its evaluation."""
    trained = replace(SCORE, training=replace(SCORE.training, seed=seed))
    _, model = db_story.train(hall.engine, hall.dataset, "resnet50", seed, trained.as_stored)
    return evaluated(hall, model, hall.dataset, separation, luck)


def outside(hall: Hall) -> str:
    """The first network's evaluation on an external set, which came later."""
    made = [db_story.record(number, "test", root="/clinic") for number in range(500, 560)]
    made = [replace(one, source="clinic", placed=True, hold_out="clinic") for one in made]
    add_images(hall.engine, ingest_runs.begin_ingest(hall.engine, "clinic", BY, db_story.FACTS), made)
    held = [*datasets.members(hall.engine, hall.dataset)]
    held += [replace(db_story.member(one), hold_out="clinic") for one in made]
    model = evaluations.newest_finished(hall.engine, hall.dataset)[0].model_version_id
    return evaluated(hall, model, hall.freeze(held), 1.0, 4, "clinic")


def evaluated(hall: Hall, model: str, dataset: str, separation: float, luck: int, hold_out: str | None = None) -> str:
    by = replace(BY, prefect_flow_run_id=f"{model} {hold_out}")
    evaluation = evaluations.begin_evaluation(
        hall.engine,
        model_version_id=model,
        dataset_id=dataset,
        purpose="evaluation",
        facts=db_story.FACTS,
        by=by,
        recipe=SCORE.as_stored,
        hold_out=hold_out,
    ).evaluation_id
    points = models.operating_points(hall.engine, model)
    for split in evaluations.scored_splits(hold_out):
        rng = np.random.default_rng([luck, len(split)])
        rows = []
        for ref in image_refs.image_refs(hall.engine, dataset, split, hold_out):
            z = float(rng.normal() + separation * ((ref.label or 0) - 0.5))
            p = float(1 / (1 + np.exp(-z)))
            rows.append(ImagePrediction(ref.image_uid, ref.study_uid, ref.patient_key, split, ref.label, p, logit=z))
        if not points:
            points = operating_points.lock(rows, SCORE.evaluation)
            models.add_operating_points(hall.engine, model, points, by)
        images = operating_points.apply(points, rows)
        studies = operating_points.apply(points, study_aggregation.by_study(rows))
        add_predictions(hall.engine, evaluation, images, studies, by)
        metrics.add_metrics(
            hall.engine,
            evaluation,
            evaluation_metrics.measure(images, studies, points, SCORE.evaluation, split),
            by,
        )
    evaluations.finish_evaluation(hall.engine, evaluation, by)
    return evaluation


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A backup of a catalogue with a champion, its replicate and two challengers, decided under a plan. A picture of
    one test patient is a copy of one that all of them learnt from."""
    base = tmp_path_factory.mktemp("honest")
    with pytest.MonkeyPatch.context() as patch, disable_run_logger():
        patch.setenv("WRIST_HOME", str(base / "home"))
        patch.delenv("WRIST_DATABASE_URL", raising=False)
        patch.setattr(gate_hall, "SPLITS", ("train",) * 6 + ("validation",) * 60 + ("test",) * 120)
        hall = Hall(base / "home")
        pair = near_duplicates.NearDuplicate("im-0000-0", "im-0070-0", 2.0, 0.99, True)
        near_duplicates.add_near_duplicates(hall.engine, [pair], BY)
        frozen_plan(hall.dataset, SCORE)
        decisions = []
        for seed, separation, luck in ((1, 3.0, 1), (2, 0.3, 2), (3, 3.0, 3)):
            evaluation = network(hall, seed, separation, luck)
            decisions.append(gate.fn([evaluation], SCORE)["decision"])
        assert decisions == ["promoted", "refused", "undecided"]
        first = replace(SCORE, training=replace(SCORE.training, seed=1, replicates=2))
        seed = replicates.seed(first, 1)
        _, other = db_story.train(hall.engine, hall.dataset, "resnet50", seed, first.as_stored, 1)
        evaluated(hall, other, hall.dataset, 3.5, 5)
        outside(hall)
        yield backup(hall.engine, base / "honest.sqlite")
        hall.engine.dispose()


FIRST = "(SELECT min(id) FROM evaluation)"
TEST_STUDY = f"id = (SELECT min(id) FROM study_prediction WHERE split = 'test' AND evaluation_id = {FIRST})"
TEST_IMAGE = f"id = (SELECT min(id) FROM image_prediction WHERE split = 'test' AND evaluation_id = {FIRST})"
OF_FIRST = "model_version_id = (SELECT min(model_version_id) FROM operating_point) AND level = 'study'"
POINT = f"{OF_FIRST} AND name = 'youden'"
PATIENT = "(SELECT patient_id FROM dataset_member WHERE split = 'test' ORDER BY id LIMIT 1)"
METRIC = f"split = 'test' AND level = 'study' AND subgroup = 'all' AND evaluation_id = {FIRST} AND metric = "
FITTED = "UPDATE study_prediction SET probability = 1 / (1 + exp(-(1.5 * logit + 0.2))) WHERE evaluation_id = " + FIRST
HASHED = "UPDATE plan SET content_sha256 = sha256(content)"
FRAUDS: dict[str, tuple[str, ...]] = {
    "a moved threshold": (f"UPDATE operating_point SET threshold = threshold + 0.05 WHERE {POINT}",),
    "a moved threshold, with the decisions made to fit": (
        f"UPDATE operating_point SET threshold = 0.2 WHERE {POINT}",
        f"UPDATE study_prediction SET predicted_label = (probability >= 0.2) WHERE evaluation_id = {FIRST}",
    ),
    "a point that didn't serve made to serve": (f"UPDATE operating_point SET serving = 1 - serving WHERE {OF_FIRST}",),
    "a calibration that flatters": (f"UPDATE operating_point SET slope = slope * 1.2 WHERE {OF_FIRST}",),
    "a calibration that flatters, with the probabilities made to fit": (
        f"UPDATE operating_point SET slope = 1.5, intercept = 0.2 WHERE {OF_FIRST}",
        FITTED,
    ),
    "a test patient dropped from the predictions": (
        f"DELETE FROM study_prediction WHERE study_id IN (SELECT id FROM study WHERE patient_id = {PATIENT})",
        f"DELETE FROM image_prediction WHERE image_id IN (SELECT id FROM image WHERE patient_id = {PATIENT})",
    ),
    "a test patient dropped from the frozen version": (
        f"UPDATE dataset_member SET included = 0, excluded_reason = 'blurred', pixel_guard = NULL "
        f"WHERE patient_id = {PATIENT}",
    ),
    "a swapped label of a prediction": (f"UPDATE study_prediction SET label = 1 - label WHERE {TEST_STUDY}",),
    "a swapped label, in the frozen version too": (
        "UPDATE study_prediction SET label = 1 - label WHERE study_id = "
        f"(SELECT study_id FROM study_prediction WHERE {TEST_STUDY})",
        "UPDATE image_prediction SET label = 1 - label WHERE image_id IN (SELECT id FROM image WHERE study_id = "
        f"(SELECT study_id FROM study_prediction WHERE {TEST_STUDY}))",
        f"UPDATE dataset_member SET label = 1 - label WHERE study_id = (SELECT study_id FROM study_prediction WHERE "
        f"{TEST_STUDY})",
    ),
    "a chosen seed": ("UPDATE training_run SET seed = 77 WHERE id = 1",),
    "a replicate that serves": (
        "UPDATE promotion SET model_version_id = (SELECT m.id FROM model_version m JOIN training_run t "
        "ON t.id = m.training_run_id WHERE t.replicate = 1) WHERE decision = 'promoted'",
    ),
    "a replicate passed off as the training that may serve": (
        "UPDATE training_run SET replicate = NULL WHERE replicate = 1",
    ),
    "a replicate of a chosen seed": ("UPDATE training_run SET seed = 77 WHERE replicate = 1",),
    "a seed of the resampling that was chosen": (f"UPDATE metric SET bootstrap_seed = 8 WHERE {METRIC}'accuracy'",),
    "a leaked test study: its patient trained on too": (
        f"UPDATE dataset_member SET split = 'train' WHERE patient_id = {PATIENT}",
    ),
    "a leaked test study: scored as validation": (
        f"UPDATE study_prediction SET split = 'validation' WHERE {TEST_STUDY}",
    ),
    "an image's raw score": (f"UPDATE image_prediction SET raw_probability = 0.99 WHERE {TEST_IMAGE}",),
    "an image's logit and raw score": (
        f"UPDATE image_prediction SET raw_probability = 1 / (1 + exp(-4.0)), logit = 4.0 WHERE {TEST_IMAGE}",
    ),
    "a study's score that is not its images' mean": (
        f"UPDATE study_prediction SET raw_probability = 1 / (1 + exp(-4.0)), logit = 4.0 WHERE {TEST_STUDY}",
    ),
    "a calibrated probability": (f"UPDATE study_prediction SET probability = 0.5 WHERE {TEST_STUDY}",),
    "a decision": (f"UPDATE study_prediction SET predicted_label = 1 - predicted_label WHERE {TEST_STUDY}",),
    "a better AUC": (f"UPDATE metric SET value = value + 0.01 WHERE {METRIC}'roc_auc'",),
    "a false count": (f"UPDATE metric SET tp = tp + 1, fn = fn - 1 WHERE {METRIC}'ppv'",),
    "an interval made narrow": (
        f"UPDATE metric SET ci_low = value - 0.004, ci_high = value + 0.004 WHERE {METRIC}'accuracy'",
    ),
    "an interval moved up": (f"UPDATE metric SET ci_low = value, ci_high = 1.2 WHERE {METRIC}'brier'",),
    "patients counted twice": (f"UPDATE metric SET n_patients = 240 WHERE {METRIC}'roc_auc'",),
    "a decision of the gate turned round": ("UPDATE promotion SET decision = 'promoted' WHERE decision = 'refused'",),
    "a limit of a comparison": ("UPDATE comparison SET ci_low = -0.001 WHERE metric = 'sensitivity'",),
    "a difference of AUC": (
        "UPDATE comparison SET difference = difference + 0.02, ci_high = ci_high + 0.02 WHERE metric = 'roc_auc'",
    ),
    "a margin of the plan": ("UPDATE plan SET content = replace(content, '0.03', '0.09')",),
    "a margin of the plan, with its hash made to fit": (
        "UPDATE plan SET content = replace(content, '0.03', '0.09')",
        HASHED,
    ),
    "a plan stored after its hold-out was looked at": ("UPDATE plan SET entry = (SELECT max(seq) FROM audit_entry)",),
    "a look that is kept quiet": ("DELETE FROM plan_look WHERE id = 1",),
    "more error than was left": ("UPDATE plan_look SET alpha = 0.05 WHERE id = 2",),
    "looks that were planned afterwards": ("UPDATE plan SET looks_planned = 40",),
    "scoring of test that no look tells of": (f"DELETE FROM holdout_look WHERE evaluation_id = {FIRST}",),
    "thresholds fixed after test was scored": (
        "UPDATE operating_point SET entry = (SELECT max(seq) FROM audit_entry) WHERE id = 1",
    ),
    "an external evaluation passed off as an internal one": ("UPDATE evaluation SET hold_out = NULL",),
    "an external set moved into the internal test split": ("UPDATE dataset_member SET hold_out = NULL",),
    "an external study dropped": (
        "DELETE FROM study_prediction WHERE study_id = (SELECT max(study_id) FROM study_prediction)",
    ),
    "a test study passed off as an external one": (
        f"UPDATE patient SET hold_out = 'clinic' WHERE id = {PATIENT}",
        f"UPDATE dataset_member SET hold_out = 'clinic' WHERE patient_id = {PATIENT}",
    ),
    "an external figure made better": (
        "UPDATE metric SET value = value + 0.02 WHERE metric = 'roc_auc' AND subgroup = 'all' AND evaluation_id = "
        "(SELECT id FROM evaluation WHERE hold_out = 'clinic')",
    ),
    "scoring of an external set that no look tells of": (
        "DELETE FROM holdout_look WHERE evaluation_id = (SELECT id FROM evaluation WHERE hold_out = 'clinic')",
    ),
    "a copy of a picture that was learnt from, called none": ("UPDATE near_duplicate SET confirmed = 0",),
    "a floor of the plan, with its hash made to fit": (
        "UPDATE plan SET content = replace(content, '\"roc_auc\":0.7', '\"roc_auc\":0.1')",
        HASHED,
    ),
    "a first model that serves under its floors": (
        "UPDATE plan SET content = replace(content, '\"roc_auc\":0.7', '\"roc_auc\":0.9999')",
        HASHED,
        "UPDATE recipe SET content = replace(content, '\"floor_roc_auc\":0.7', '\"floor_roc_auc\":0.9999')",
        "UPDATE recipe SET recipe_sha256 = sha256(content)",
    ),
    "a recipe rewritten": ("UPDATE recipe SET content = replace(content, '\"youden\"', '\"sensitivity\"')",),
}


def planted(honest: Path, to: Path, changes: tuple[str, ...]) -> Path:
    """A copy of the catalogue in which somebody with every right has changed something."""
    shutil.copy(honest, to)
    with sqlite3.connect(to) as connection:
        connection.create_function("sha256", 1, lambda text: recheck.hashlib.sha256(text.encode()).hexdigest())
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        changed = sum(connection.execute(sql).rowcount for sql in changes)
    connection.close()
    assert changed > 0, changes
    return to


def told(file: Path) -> list[str]:
    """The first difference, if any."""
    connection = sqlite3.connect(file)
    try:
        return [next(recheck.problems(connection), "")]
    finally:
        connection.close()


def test_an_honest_catalogue_is_derived_again(honest: Path) -> None:
    assert told(honest) == [""]
    done = subprocess.run(
        [sys.executable, FILE, honest], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""}
    )
    assert done.returncode == 0 and "3 decisions of the gate follow" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("fraud", FRAUDS)
def test_a_fraud_is_found(honest: Path, tmp_path: Path, fraud: str) -> None:
    assert told(planted(honest, tmp_path / "planted.sqlite", FRAUDS[fraud])) != [""]


def test_a_gate_that_compared_on_people_whom_a_model_learnt_from_is_found(honest: Path, tmp_path: Path) -> None:
    """All that such a gate would have stored: its differences, limits and number of patients."""
    connection = sqlite3.connect(honest)
    looked = "SELECT challenger, reference FROM comparisons GROUP BY challenger, reference"
    found: list[score_gate.Compared] = []
    for pair in connection.execute(looked).fetchall():
        rows = [
            [
                StudyPrediction(*row)
                for row in connection.execute(
                    "SELECT study_uid, patient_key, split, label, n_images, raw_probability, probability, "
                    "operating_point, threshold, predicted_label FROM study_predictions WHERE model_version_id = ? "
                    "AND split = 'test' AND hold_out IS NULL",
                    (model,),
                )
            ]
            for model in pair
        ]
        (method,) = connection.execute(
            "SELECT method FROM comparisons WHERE challenger = ? LIMIT 1", pair[:1]
        ).fetchone()
        alpha = float(method.rsplit("_", 1)[1])
        found.append(score_gate.compare(*rows, challenger=pair[0], reference=pair[1], alpha=alpha))
    connection.close()
    changes = tuple(
        f"UPDATE comparison SET difference = {one.difference!r}, ci_low = {one.ci_low!r}, ci_high = {one.ci_high!r}, "
        f"n_patients = {one.n_patients} WHERE metric = '{one.metric}' AND challenger_id = "
        f"(SELECT id FROM model_version WHERE model_version_id = '{one.challenger}')"
        for compared in found
        for one in compared.comparisons
    )
    (said,) = told(planted(honest, tmp_path / "planted.sqlite", changes))
    assert "rests on 120 patients; neither model has learnt from 119" in said


def test_it_is_one_file_of_the_standard_library() -> None:
    tree = ast.parse(FILE.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
    assert len(FILE.read_text().splitlines()) <= 600 and len(FRAUDS) >= 25
