"""Made-up scored rows and report data for the tests of the evidence room: plain numbers, no files, no networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wrist_model.evidence import evaluation_metrics
from wrist_model.recipe import EvaluationRecipe
from wrist_model.records import Epoch, ImagePrediction, LineageFacts, Split
from wrist_model.report.report_data import DatasetFacts, FlowStep, LeftOut, ModelReport, ReportData, SplitFacts
from wrist_model.scoring import ensemble, operating_points, study_aggregation
from wrist_model.statistics import paired_tests

QUICK = EvaluationRecipe(resamples=200)


def scored(
    split: Split, studies: int = 120, seed: int = 0, skill: float = 1.5, patients: int | None = None
) -> tuple[ImagePrediction, ...]:
    """Image rows of `studies` studies with 1–4 images; the same seed gives the same studies, labels and patients."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, studies)
    sizes = rng.integers(1, 5, studies)
    owners = rng.integers(0, patients, studies) if patients else np.arange(studies)
    noise = np.random.default_rng([seed, round(skill * 1000)])
    rows = []
    for study in range(studies):
        shift = noise.normal(0, 0.7)
        for image in range(sizes[study]):
            z = skill * (2 * labels[study] - 1) + shift + noise.normal(0, 1)
            uid = f"{split}-{seed}-{study}"
            rows.append(
                ImagePrediction(
                    f"im-{uid}-{image}",
                    f"st-{uid}",
                    f"pt-{split}-{seed}-{owners[study]}",
                    split,
                    int(labels[study]),
                    float(1 / (1 + np.exp(-z))),
                )
            )
    return tuple(rows)


def subgroups(images: tuple[ImagePrediction, ...]) -> dict[str, tuple[tuple[str, str], ...]]:
    found = {}
    for place, row in enumerate(images):
        study = int(row.study_uid.rsplit("-", 1)[1])
        found[row.image_uid] = (
            ("source", "mura" if study % 3 else "dicom"),
            ("hardware", str(int(study % 4 == 0))),
            ("sex", "F" if study % 2 else "M"),
            ("age", str(5 + study % 80)),
            ("inverted", str(int(place % 9 == 0))),
            ("view", "odd" if study < 5 else "PA"),
        )
    return found


def report_data(home: Path, recipe: EvaluationRecipe = QUICK, **changes: object) -> ReportData:
    """A whole report's data, with two networks and their ensemble, measured by this recipe."""
    members = {"resnet50": 1.2, "efficientnetb0": 0.8}
    rows: dict[str, dict[Split, tuple[ImagePrediction, ...]]] = {
        name: {"validation": scored("validation", 80, 1, skill), "test": scored("test", 140, 2, skill)}
        for name, skill in members.items()
    }
    splits: tuple[Split, ...] = ("validation", "test")
    rows["ensemble"] = {split: ensemble.ensemble([rows[name][split] for name in members]) for split in splits}
    models = []
    for name, of_split in rows.items():
        points = operating_points.lock(of_split["validation"], recipe)
        metrics = []
        for split, images in of_split.items():
            applied = (
                operating_points.apply(points, images),
                operating_points.apply(points, study_aggregation.by_study(images)),
            )
            metrics += evaluation_metrics.measure(
                *applied, points, recipe, split, subgroups(images) if split == "test" else {}
            )
        history = tuple(
            Epoch(n, 0.8 / n**0.5, 0.6 + 0.03 * n, 0.85 / n**0.4, 0.58 + 0.028 * n, 1e-4, 9.5) for n in range(1, 10)
        )
        trained = name != "ensemble"
        models.append(
            ModelReport(
                f"mv-{name}",
                name,
                role="champion" if not trained else None,
                artifact_sha256="ab" * 32 if trained else None,
                members=() if trained else tuple(members),
                training_run_id=f"tr-{name}" if trained else None,
                weights_source="none" if trained else None,
                seed=20 if trained else None,
                epochs_run=9 if trained else None,
                best_epoch=7 if trained else None,
                seconds=85.5 if trained else None,
                history=history if trained else (),
                operating_points=points,
                metrics=tuple(metrics),
                images=applied[0],
                studies=applied[1],
            )
        )
    compared = paired_tests.paired(
        models[0].studies,
        models[1].studies,
        challenger="resnet50",
        reference="efficientnetb0",
        resamples=200,
        rules=recipe.rules,
    )
    facts = (SplitFacts("train", 231, 280, 560, 140), SplitFacts("validation", 80, 80, 190, 38))
    dataset = DatasetFacts(
        "ds-0123456789ab",
        "cd" * 32,
        "lv-1",
        "passed",
        "2026-11-23T21:00:00Z",
        ("mura", "dicom"),
        (*facts, SplitFacts("test", 140, 140, 350, 71)),
        1712,
    )
    everything: dict[str, object] = {
        "evaluation_id": "ev-0123456789ab",
        "created_at": "2026-11-23T21:30:00Z",
        "recipe_name": "demo",
        "recipe_sha256": "ef" * 32,
        "recipe_json": '{"evaluation":{"resamples":200}}',
        "synthetic": True,
        "from_scratch": True,
        "patients_known": True,
        "holdout_looks": 1,
        "dataset": dataset,
        "flow": (FlowStep("Seen", 1112), FlowStep("Catalogued", 1100, 500, 451), FlowStep("Frozen", 1090, 498, 450)),
        "left_out": (LeftOut("quarantined", "truncated", 8), LeftOut("excluded", "identical_pixels", 10)),
        "models": tuple(models),
        "served": "mv-ensemble",
        "comparisons": compared,
        "lineage": LineageFacts("0" * 40, False, (("tensorflow", "2.21.0"),), (("cores", "2"),)),
        "home": home,
    }
    return ReportData(**(everything | changes))  # type: ignore[arg-type]
