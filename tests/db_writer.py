"""A process that writes every kind of row as fast as it can, and says each commit on its output: to be killed.

Run as `python tests/db_writer.py NUMBER`; prints `table column value count` for what it has committed.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from db_story import BY, FACTS, POINTS, RECIPE, RECIPE_SHA, SPLITS, member, record

from db import (
    comparisons,
    datasets,
    evaluations,
    exclusions,
    images,
    ingest_runs,
    labels,
    models,
    predictions,
    promotions,
    stage_costs,
    trainings,
)
from db.engine import open_catalogue
from db.metrics import add_metrics
from wrist_model.records import (
    Comparison,
    Epoch,
    ImagePrediction,
    IngestCounts,
    Metric,
    StoredRecipe,
    StudyPrediction,
    TrainedModel,
)


def say(table: str, column: str, value: object, count: int) -> None:
    print(table, column, value, count, flush=True)


def main() -> None:
    start = int(sys.argv[1]) * 1000
    random.seed(start)
    engine = open_catalogue()
    for n in range(start, start + 1000):
        run = ingest_runs.begin_ingest(engine, f"source{n}", BY, FACTS)
        say("ingest_runs", "ingest_run_id", run, 1)
        tag = f"t{n}-"
        records = []
        for k, split in enumerate(SPLITS):
            one = record(n * 10 + k, split)
            records.append(replace(one, image_uid="im-" + tag + str(k), study_uid="st-" + tag + str(k)))
        images.add_images(engine, run, records)
        say("studies", "study_uid", "st-" + tag + "%", len(SPLITS))
        ingest_runs.finish_ingest(engine, run, IngestCounts(new=len(records)), 1.0)
        dataset_id = datasets.add_dataset(engine, [member(one) for one in records], BY)
        say("dataset_members", "dataset_id", dataset_id, len(SPLITS))
        training = trainings.begin_training(
            engine,
            dataset_id=dataset_id,
            architecture="resnet50",
            seed=n,
            recipe=StoredRecipe(RECIPE_SHA, "demo", RECIPE),
            facts=FACTS,
            by=BY,
        ).training_run_id
        for epoch in (1, 2, 3):
            trainings.add_epoch(engine, training, Epoch(epoch, 1.0, 0.5, 1.0, 0.5, 1e-3, 1.0), BY)
            say("training_history", "training_run_id", training, epoch)
        history = tuple(Epoch(k, 1.0, 0.5, 1.0, 0.5, 1e-3, 1.0) for k in range(1, 6))
        model = trainings.finish_training(
            engine, training, TrainedModel("resnet50", f"{n:064d}", "none", None, 2, 1.0, history), BY
        )
        say("training_history", "training_run_id", training, 5)
        models.add_operating_points(engine, model, POINTS, BY)
        say("operating_points", "model_version_id", model, 3)
        evaluation = evaluations.begin_evaluation(
            engine, model_version_id=model, dataset_id=dataset_id, purpose="evaluation", facts=FACTS, by=BY
        ).evaluation_id
        chosen = [one for one in records if one.split != "train"]
        predictions.add_predictions(
            engine,
            evaluation,
            [ImagePrediction(one.image_uid, one.study_uid, one.patient_key, one.split, 1, 0.5) for one in chosen],
            [StudyPrediction(one.study_uid, one.patient_key, one.split, 1, 1, 0.5) for one in chosen],
            BY,
        )
        say("image_predictions", "evaluation_id", evaluation, len(chosen))
        say("study_predictions", "evaluation_id", evaluation, len(chosen))
        metrics = [Metric("test", "study", "all", None, name, 0.5, 0.1, 0.9, 3, 3, 3) for name in ("roc_auc", "brier")]
        add_metrics(engine, evaluation, metrics, BY)
        say("evaluation_metrics", "evaluation_id", evaluation, 2)
        evaluations.finish_evaluation(engine, evaluation, BY)
        ids = comparisons.add_comparisons(
            engine, evaluation, [Comparison(model, model, "roc_auc", 0.0, 0.0, 0.0, "delong", 3)], BY
        )
        promotion = promotions.add_promotion(engine, model, "promoted", "better", BY, ids)
        say("promotions", "promotion_id", promotion, 1)
        version = labels.relabel(engine, {records[0].study_uid: 1 - (records[0].label or 0)}, "note", BY)
        say("label_history", "label_version", version, 1)
        exclusions.exclude(engine, records[1].image_uid, "blurred", BY)
        stage_costs.add_stage_cost(engine, stage_costs.StageCost("kill", "s", 1.0, run_id=tag), BY)
        say("stage_costs", "run_id", tag, 1)


if __name__ == "__main__":
    main()
