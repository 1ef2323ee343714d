"""The SQL of docs/evidence.md runs on a real catalogue, on both databases, and gives the stored metrics."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from db_story import BY, FACTS, STORED, member, record, train
from evidence_data import QUICK

from db import catalogue_settings, datasets, evaluations, image_refs, ingest_runs, models, predictions
from db import metrics as stored_metrics
from db.engine import open_catalogue
from db.images import add_images
from db.query.read_only_sql import query
from wrist_model.evidence import evaluation_metrics
from wrist_model.evidence.recompute import recompute
from wrist_model.records import ImagePrediction, IngestCounts, Split
from wrist_model.scoring import operating_points, study_aggregation

DOCUMENT = Path(__file__).parent.parent / "docs" / "evidence.md"
SPLITS: tuple[Split, ...] = ("validation", "test")


@pytest.fixture
def scored_catalogue(home: Path) -> str:
    """A catalogue with 30 validation and 40 test studies, scored, applied and measured; gives the evaluation's id."""
    engine = open_catalogue()
    catalogue_settings.remember_key(engine, "fingerprint", BY)
    run = ingest_runs.begin_ingest(engine, "mura", BY, FACTS)
    images = [record(n, "validation" if n < 30 else "test", view=view) for n in range(70) for view in (0, 1)]
    images += [record(n, "train") for n in (70, 71)]
    add_images(engine, run, images)
    ingest_runs.finish_ingest(engine, run, IngestCounts(new=len(images)), 1.0)
    dataset_id = datasets.add_dataset(engine, [member(image) for image in images], BY)
    _, model_id = train(engine, dataset_id, "resnet50")
    start = evaluations.begin_evaluation(
        engine,
        model_version_id=model_id,
        dataset_id=dataset_id,
        purpose="evaluation",
        facts=FACTS,
        by=BY,
        recipe=STORED,
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
            for ref in image_refs.image_refs(engine, dataset_id, split)
        )
        if split == "validation":
            models.add_operating_points(engine, model_id, operating_points.lock(rows, QUICK), BY)
        points = models.operating_points(engine, model_id)
        applied = operating_points.apply(points, rows), operating_points.apply(points, study_aggregation.by_study(rows))
        predictions.add_predictions(engine, start.evaluation_id, *applied, BY)
        metrics = evaluation_metrics.measure(*applied, points, QUICK, split)
        stored_metrics.add_metrics(engine, start.evaluation_id, metrics, BY)
    evaluations.finish_evaluation(engine, start.evaluation_id, BY)
    engine.dispose()
    return start.evaluation_id


def test_three_metrics_in_plain_sql_are_the_stored_ones(scored_catalogue: str, home: Path) -> None:
    statements = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(statements) == 3
    stored = {
        m.metric: m.value
        for m in stored_metrics.metrics(open_catalogue(), scored_catalogue)
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
            predictions.image_predictions(engine, scored_catalogue, split),
            predictions.study_predictions(engine, scored_catalogue, split),
            models.operating_points(engine, model_id),
            stored_metrics.metrics(engine, scored_catalogue),
            QUICK,
            split,
            {},
        )
        assert found == ()
