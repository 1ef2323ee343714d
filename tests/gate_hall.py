"""A catalogue with networks of a stated quality: what the gate, reports and decisions are tried on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import db_story
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sqlalchemy import Engine

from db import catalogue_settings, datasets, evaluations, image_refs, ingest_runs, metrics, models, promotions
from db.engine import open_catalogue
from db.images import add_images
from db.predictions import add_predictions
from wrist_model.recipe import EvaluationRecipe, ExplainRecipe, GateRecipe, Recipe
from wrist_model.records import ImagePrediction, IngestCounts, Member, Metric, OperatingPoint, Split, StudyPrediction

BY = db_story.BY
POINTS = tuple(OperatingPoint(level, "youden", 0.5, None, 1.0, 0.0, True) for level in ("image", "study"))  # type: ignore[arg-type]
RECIPE = Recipe("gate", evaluation=EvaluationRecipe(resamples=200, serve="resnet50"), explain=ExplainRecipe(gallery=0))
ONE_LOOK, ASKS = (replace(RECIPE, gate=rule) for rule in (GateRecipe(max_looks=1), GateRecipe(ask_person=True)))
SPLITS: tuple[Split, ...] = ("train",) * 4 + ("validation",) * 4 + ("test",) * 80


class Hall:
    """A catalogue of 80 test patients, and networks of a stated quality on them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.engine: Engine = open_catalogue(home)
        catalogue_settings.remember_key(self.engine, "fingerprint", BY)
        run = ingest_runs.begin_ingest(self.engine, "mura", BY, db_story.FACTS)
        self.records = [db_story.record(number, split) for number, split in enumerate(SPLITS)]
        add_images(self.engine, run, self.records)
        ingest_runs.finish_ingest(self.engine, run, IngestCounts(new=len(self.records)), 1.0)
        self.dataset = self.freeze([db_story.member(one) for one in self.records])
        self.seed, self.recipe = 0, RECIPE

    def freeze(self, members: list[Member]) -> str:
        return datasets.add_dataset(self.engine, members, BY)

    def network(self, separation: float, same: int = 1, dataset: str | None = None) -> tuple[str, str]:
        """A trained and evaluated network: its model version and its evaluation. same: the seed of its luck."""
        self.seed += 1
        dataset = dataset or self.dataset
        _, model = db_story.train(self.engine, dataset, "resnet50", self.seed, self.recipe.as_stored)
        models.add_operating_points(self.engine, model, POINTS, BY)
        return model, self.evaluation(model, separation, same, dataset)

    def evaluation(self, model: str, separation: float, same: int, dataset: str, shift: float = 0.0) -> str:
        """shift: of all logits, which are stored by the second rules."""
        session = replace(BY, prefect_flow_run_id=f"retrain {self.seed}")  # each is a look of its own
        evaluation = evaluations.begin_evaluation(
            self.engine,
            model_version_id=model,
            dataset_id=dataset,
            purpose="evaluation",
            facts=db_story.FACTS,
            by=session,
            recipe=self.recipe.as_stored,
        ).evaluation_id
        for split in ("validation", "test"):
            luck = np.random.default_rng(same)
            refs = image_refs.image_refs(self.engine, dataset, split)  # type: ignore[arg-type]
            images, studies = [], []
            for ref in sorted(refs, key=lambda one: one.image_uid):
                z = shift + luck.normal() + separation * ((ref.label or 0) - 0.5)
                p, logit = float(1 / (1 + np.exp(-z))), z if self.recipe.evaluation.rules == "second" else None
                called = int(p >= 0.5)
                head = (ref.image_uid, ref.study_uid, ref.patient_key, ref.split, ref.label)
                images.append(ImagePrediction(*head, p, p, "youden", 0.5, called, logit))
                studies.append(StudyPrediction(*head[1:], 1, p, p, "youden", 0.5, called, logit))
            add_predictions(self.engine, evaluation, images, studies, session)
        auc = float(roc_auc_score([one.label for one in studies], [one.probability for one in studies]))
        metric = Metric("test", "study", "all", None, "roc_auc", auc, None, None, 80, 80, 80)
        metrics.add_metrics(self.engine, evaluation, [metric], session)
        evaluations.finish_evaluation(self.engine, evaluation, session)
        return evaluation

    def champion(self) -> str | None:
        found = promotions.champion(self.engine)
        return found.model_version_id if found else None

    def references(self, model: str) -> set[str]:
        """With whom this one was compared, as stored."""
        with self.engine.connect() as connection:
            sql = f"select distinct reference from comparisons where challenger = '{model}'"
            return {row[0] for row in connection.exec_driver_sql(sql)}


@pytest.fixture
def hall(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    return Hall(tmp_path / "home")
