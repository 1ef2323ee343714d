"""The SQL of docs/evidence.md runs on a real catalogue, on both databases, and gives the stored metrics."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from db_story import BY, FACTS, RECIPE_SHA, member, record, train
from evidence_data import QUICK

from db import audit, catalogue, datasets, evaluations
from db.engine import open_catalogue
from db.sql import query
from wrist_model import evaluation
from wrist_model.recompute import recompute
from wrist_model.records import ImagePrediction, IngestCounts, Split

DOCUMENT = Path(__file__).parent.parent / "docs" / "evidence.md"
SPLITS: tuple[Split, ...] = ("validation", "test")


@pytest.fixture
def scored_catalogue(home: Path) -> str:
    """A catalogue with 30 validation and 40 test studies, scored, applied and measured; gives the evaluation's id."""
    engine = open_catalogue()
    catalogue.remember_key(engine, "fingerprint", BY)
    run = catalogue.begin_ingest(engine, "mura", BY, FACTS)
    images = [record(n, "validation" if n < 30 else "test", view=view) for n in range(70) for view in (0, 1)]
    images += [record(n, "train") for n in (70, 71)]
    catalogue.add_images(engine, run, images)
    catalogue.finish_ingest(engine, run, IngestCounts(new=len(images)), 1.0)
    dataset_id = datasets.add_dataset(engine, [member(image) for image in images], BY)
    _, model_id = train(engine, dataset_id, "resnet50")
    start = evaluations.begin_evaluation(
        engine,
        model_version_id=model_id,
        dataset_id=dataset_id,
        purpose="evaluation",
        facts=FACTS,
        by=BY,
        recipe_sha256=RECIPE_SHA,
    )
    rng = np.random.default_rng(0)
    for split in SPLITS:
        rows = tuple(
            ImagePrediction(
                ref.image_uid,
                ref.study_uid,
                ref.patient_key,
                ref.split,
                ref.label,
                round(float(np.clip(rng.normal(0.4 + 0.2 * (ref.label or 0), 0.2), 0.01, 0.99)), 1),
            )
            for ref in datasets.image_refs(engine, dataset_id, split)
        )
        if split == "validation":
            audit.add_operating_points(engine, model_id, evaluation.lock(rows, QUICK), BY)
        points = audit.operating_points(engine, model_id)
        applied = evaluation.apply(points, rows), evaluation.apply(points, evaluation.by_study(rows))
        evaluations.add_predictions(engine, start.evaluation_id, *applied, BY)
        metrics = evaluation.measure(*applied, points, QUICK, split)
        evaluations.add_metrics(engine, start.evaluation_id, metrics, BY)
    evaluations.finish_evaluation(engine, start.evaluation_id, BY)
    engine.dispose()
    return start.evaluation_id


def test_three_metrics_in_plain_sql_are_the_stored_ones(scored_catalogue: str, home: Path) -> None:
    statements = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(statements) == 3
    stored = {
        m.metric: m.value
        for m in evaluations.metrics(open_catalogue(), scored_catalogue)
        if (m.split, m.level, m.subgroup) == ("test", "study", "all") and m.operating_point in (None, "youden")
    }
    for statement, name in zip(statements, ("sensitivity", "roc_auc", "brier"), strict=True):
        answer = query(statement)
        (row,) = answer.rows
        cells = dict(zip(answer.columns, row, strict=True))
        assert cells["evaluation_id"] == scored_catalogue
        assert float(cells[name]) == pytest.approx(stored[name], abs=1e-9)
        assert float(cells.get("largest_gap_to_the_images", 0)) < 1e-12


def test_what_the_catalogue_holds_can_be_recomputed_without_a_difference(scored_catalogue: str, home: Path) -> None:
    engine = open_catalogue()
    model_id = evaluations.evaluation(engine, scored_catalogue).model_version_id
    for split in SPLITS:
        found = recompute(
            evaluations.image_predictions(engine, scored_catalogue, split),
            evaluations.study_predictions(engine, scored_catalogue, split),
            audit.operating_points(engine, model_id),
            evaluations.metrics(engine, scored_catalogue),
            QUICK,
            split,
            {},
        )
        assert found == ()
