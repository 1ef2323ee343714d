"""A small catalogue with rows in every table, written through the public functions alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from db import (
    catalogue_settings,
    comparisons,
    datasets,
    drift_checks,
    evaluations,
    exclusions,
    explanations,
    image_refs,
    ingest_runs,
    labels,
    leak_demonstrations,
    localisation_metrics,
    metrics,
    models,
    near_duplicates,
    patient_identity,
    plans,
    predictions,
    promotions,
    quarantine,
    regions,
    reports,
    stage_costs,
    trainings,
    tuning_trials,
)
from db.engine import writing
from db.images import add_images
from db.recipes import add_recipe
from wrist_model.evidence_records import (
    DriftCheck,
    Explanation,
    LeakDemonstration,
    LocalisationMetric,
    RefusedRegion,
    Region,
    RegionList,
)
from wrist_model.records import (
    Comparison,
    Epoch,
    ImagePrediction,
    ImageRecord,
    IngestCounts,
    LineageFacts,
    Member,
    Metric,
    OperatingPoint,
    Provenance,
    QuarantinedFile,
    Split,
    StoredRecipe,
    StudyPrediction,
    TrainedModel,
    TuningTrial,
)

BY = Provenance("ada", "flow-1")
FACTS = LineageFacts("abc123", True, (("tensorflow", "2.21"), ("numpy", "2.0")), (("cpu", "two cores"),))
RECIPE = json.dumps({"training": {"seed": 20}})
RECIPE_SHA = hashlib.sha256(RECIPE.encode()).hexdigest()
STORED = StoredRecipe(RECIPE_SHA, "demo", RECIPE)
POINTS = (
    OperatingPoint("image", "youden", 0.5, None, 1.0, 0.0, True),
    OperatingPoint("study", "youden", 0.4, None, 1.1, -0.1, True),
    OperatingPoint("study", "sensitivity", 0.3, 0.9, 1.1, -0.1, False),
)
SPLITS: tuple[Split, ...] = ("train", "train", "train", "validation", "validation", "test", "test", "test")


@dataclass(frozen=True)
class Story:
    ingest_run_id: str
    dataset_id: str
    training_run_id: str
    model_ids: tuple[str, str]
    ensemble_id: str
    evaluation_id: str
    other_evaluation_id: str
    prospective_id: str


def record(number: int, split: Split = "train", *, view: int = 0, label: int | None = None, root: str = "/data"):
    """The image `view` of patient `number`, who has one study."""
    path = f"patient{number:05d}/study1_x/image{view + 1}.png"
    return ImageRecord(
        image_uid=f"im-{number:04d}-{view}",
        study_uid=f"st-{number:04d}",
        patient_key=f"pt-{number:04d}",
        patient_known=True,
        source="mura",
        body_part="WRIST",
        root=root,
        path=path,
        format="png",
        frame=0,
        file_sha256=hashlib.sha256(f"file {path}".encode()).hexdigest(),
        file_size=1000 + number,
        file_mtime_ns=1_700_000_000_000_000_000 + number,
        pixel_sha256=hashlib.sha256(f"pixels {path}".encode()).hexdigest(),
        rows=512,
        columns=400,
        photometric="L",
        inverted=bool(number % 2),
        multi_view=False,
        decode_steps=("png:L", "invert"),
        split=split,
        label=number % 2 if label is None else label,
        view="PA",
        hardware=bool(number % 3),
        sex="F",
        age=50 + number,
        perceptual_hash="ff00",
        mean_intensity=101.25,
        extra=(("note", "x"),),
    )


def member(image: ImageRecord, **changes: object) -> Member:
    made = Member(image.image_uid, image.study_uid, image.patient_key, image.split, image.label, True)
    return replace(made, **changes)  # type: ignore[arg-type]


def ingest(engine: Engine) -> tuple[str, list[ImageRecord]]:
    catalogue_settings.remember_key(engine, "fingerprint", BY)
    catalogue_settings.remember_split_rule(engine, {"seed": 1712, "train": 0.7, "validation": 0.15, "test": 0.15}, BY)
    run = ingest_runs.begin_ingest(engine, "mura", BY, FACTS)
    records = [record(n, split, view=view) for n, split in enumerate(SPLITS) for view in (0, 1)]
    add_images(engine, run, records)
    unlabelled = replace(record(90), label=None)
    add_images(engine, run, [unlabelled])
    broken = QuarantinedFile("/data", "broken.png", "00" * 32, 12, 5, "truncated", "The file ends in its middle.")
    quarantine.add_quarantined(engine, run, [broken])
    ingest_runs.finish_ingest(engine, run, IngestCounts(new=17, quarantined=1), 1.5)
    return run, records


def begin_training(
    engine: Engine,
    dataset_id: str,
    architecture: str = "resnet50",
    seed: int = 20,
    recipe: StoredRecipe = STORED,
    replicate: int | None = None,
) -> trainings.TrainingStart:
    return trainings.begin_training(
        engine,
        dataset_id=dataset_id,
        architecture=architecture,
        seed=seed,
        recipe=recipe,
        facts=FACTS,
        by=BY,
        replicate=replicate,
    )


def train(
    engine: Engine,
    dataset_id: str,
    architecture: str,
    seed: int = 20,
    recipe: StoredRecipe = STORED,
    replicate: int | None = None,
) -> tuple[str, str]:
    start = begin_training(engine, dataset_id, architecture, seed, recipe, replicate)
    history = tuple(Epoch(n, 1 / n, 0.5, 1.1 / n, 0.6, 1e-3, 2.0) for n in (1, 2, 3))
    trainings.add_epoch(engine, start.training_run_id, history[0], BY)
    sha = hashlib.sha256(f"{architecture}{seed}".encode()).hexdigest()
    home = Path(engine.get_execution_options()["wrist_home"])
    (home / "models").mkdir(exist_ok=True)
    content = f"model {architecture} {seed}".encode()
    sha = hashlib.sha256(content).hexdigest()
    (home / "models" / f"{sha}.keras").write_bytes(content)
    trained = TrainedModel(architecture, sha, "none", None, 2, 6.5, history)
    return start.training_run_id, trainings.finish_training(engine, start.training_run_id, trained, BY)


def predict(engine: Engine, dataset_id: str, model_id: str, by: Provenance = BY) -> str:
    """A whole evaluation: predictions of validation and test, and two metrics."""
    start = evaluations.begin_evaluation(
        engine,
        model_version_id=model_id,
        dataset_id=dataset_id,
        purpose="evaluation",
        facts=FACTS,
        by=by,
        recipe=STORED,
    )
    for split in ("validation", "test"):
        refs = image_refs.image_refs(engine, dataset_id, split)  # type: ignore[arg-type]
        images = [
            ImagePrediction(
                ref.image_uid, ref.study_uid, ref.patient_key, ref.split, ref.label, 0.25, 0.3, "youden", 0.5, 0
            )
            for ref in refs
        ]
        studies = {
            ref.study_uid: StudyPrediction(
                ref.study_uid, ref.patient_key, ref.split, ref.label, 2, 0.25, 0.3, "youden", 0.4, 0
            )
            for ref in refs
        }
        predictions.add_predictions(engine, start.evaluation_id, images, list(studies.values()), by)
    made = [
        Metric("test", "study", "all", None, "roc_auc", 0.75, 0.5, 0.9, 6, 3, 3, n_resamples=200, bootstrap_seed=7),
        Metric("test", "study", "all", "youden", "sensitivity", 0.5, 0.1, 0.9, 6, 3, 3, 1, 0, 1, 1, 0.4, 200, 7),
        Metric("test", "study", "sex=M", "youden", "ppv", None, None, None, 0, 0, 0, note="no study"),
    ]
    metrics.add_metrics(engine, start.evaluation_id, made, by)
    evaluations.finish_evaluation(engine, start.evaluation_id, by)
    return start.evaluation_id


def tell(engine: Engine) -> Story:
    """Write the whole story; returns its ids."""
    run, records = ingest(engine)
    first = [
        member(image, included=image.image_uid != "im-0000-1", excluded_reason=None)
        if image.image_uid != "im-0000-1"
        else member(image, included=False, excluded_reason="identical_pixels")
        for image in records
    ]
    dataset_id = datasets.add_dataset(engine, first, BY)
    training, resnet = train(engine, dataset_id, "resnet50")
    _, efficientnet = train(engine, dataset_id, "efficientnetb0")
    ensemble = models.add_ensemble(engine, [resnet, efficientnet], BY)
    for model_id in (resnet, efficientnet, ensemble):
        models.add_operating_points(engine, model_id, POINTS, BY)
    evaluation = predict(engine, dataset_id, ensemble)
    other = predict(engine, dataset_id, resnet)
    ids = comparisons.add_comparisons(
        engine, evaluation, [Comparison(ensemble, resnet, "roc_auc", 0.01, -0.02, 0.03, "patient_bootstrap", 3)], BY
    )
    promotions.add_promotion(engine, resnet, "promoted", "the first model", BY)
    promotions.add_promotion(engine, ensemble, "promoted", "not worse", BY, ids)
    home = Path(engine.get_execution_options()["wrist_home"])
    for folder in ("explanations", "reports"):
        (home / folder).mkdir(exist_ok=True)
        (home / folder / "one").write_bytes(folder.encode())
    sha = {folder: hashlib.sha256(folder.encode()).hexdigest() for folder in ("explanations", "reports")}
    shown = Explanation("im-0005-0", "grad-cam", "explanations/one", sha["explanations"], 0.9, False, "", 0.1)
    explanations.add_explanations(engine, evaluation, [shown], BY)
    reports.add_report(
        engine,
        path="reports/one",
        file_sha256=sha["reports"],
        kind="report",
        dataset_id=dataset_id,
        evaluation_ids=[evaluation],
        by=BY,
    )
    prospective = evaluations.begin_evaluation(
        engine, model_version_id=ensemble, dataset_id=None, purpose="prospective", facts=FACTS, by=BY
    ).evaluation_id
    predictions.add_predictions(
        engine,
        prospective,
        [ImagePrediction("im-0090-0", "st-0090", "pt-0090", None, None, 0.9, 0.95, "youden", 0.5, 1)],
        [StudyPrediction("st-0090", "pt-0090", None, None, 1, 0.9, 0.95, "youden", 0.4, 1)],
        BY,
    )
    evaluations.finish_evaluation(engine, prospective, BY)
    exclusions.exclude(engine, "im-0001-1", "blurred", BY)
    labels.relabel(engine, {"st-0002": 1}, "Better list", BY)
    near_duplicates.add_near_duplicates(
        engine, [near_duplicates.NearDuplicate("im-0001-0", "im-0002-0", 4.0, 0.99, True)], BY
    )
    tuning_trials.add_tuning_trial(
        engine,
        TuningTrial("t1", 0, "resnet50", 1e-4, 32, 0.8, "complete", 3.0, (("dropout", 0.3),), dataset_id),
        BY,
    )
    leak_demonstrations.add_leak_demonstration(
        engine,
        dataset_id,
        LeakDemonstration("resnet50", "roc_auc", 0.95, 0.8, 100, 0.9, (0.9, 0.99), 50),
        BY,
    )
    stage_costs.add_stage_cost(engine, stage_costs.StageCost("retrain", "train", 6.5, 12.0, 2**30, "flow-1"), BY)
    drift = DriftCheck("mean_intensity", 0.2, 0.01, 0.05, 0.3, True, 100, 50)
    drift_checks.add_drift_checks(engine, [drift], ensemble, BY)
    return Story(run, dataset_id, training, (resnet, efficientnet), ensemble, evaluation, other, prospective)


def plan_and_look(engine: Engine, story: Story) -> plans.Plan:
    """A plan that was stored after the looks of the story, and a decision under it."""
    with writing(engine) as connection:
        add_recipe(connection, STORED, BY)
    content = {"rule": "score", "looks_planned": 4, "looks_before": 1, "hold_out": {"new_patients_only": False}}
    found = plans.add_plan(
        engine,
        content,
        recipe_sha256=RECIPE_SHA,
        dataset_id=story.dataset_id,
        alpha_spent=0.0125,
        budget=None,
        by=BY,
    )
    decided = promotions.add_promotion(engine, story.model_ids[1], "undecided", "too few", BY)
    plans.add_look(
        engine,
        found.plan_id,
        decided,
        look=2,
        alpha=0.0125,
        evaluation_ids=[story.other_evaluation_id],
        compared={story.ensemble_id: (2, 1)},
        by=BY,
    )
    return found


def draw_and_measure(engine: Engine, story: Story) -> None:
    """Boxes on two test pictures, one that was refused, and how an evaluation's maps lie to them."""
    drawn = (
        Region("im-0005-0", "fracture", 10.0, 20.5, 30.0, 40.0, "ada"),
        Region("im-0006-0", "text", 0.0, 0.0, 9, 9),
    )
    refused = (RefusedRegion("row 4", "outside_picture", "The box stands out of its picture."),)
    list_ = RegionList("mura", "/data", "boxes.csv", "csv", "ab" * 32, True, drawn, refused)
    regions.add_region_lists(engine, story.ingest_run_id, [list_])
    rows = [
        LocalisationMetric("test", "fracture", "pointing_game", 0.75, 0.5, 0.9, 4, 3, 200, 7),
        LocalisationMetric("test", "fracture", "random_point", 0.1, None, None, 4, 3, note="too few"),
    ]
    localisation_metrics.add_localisation_metrics(engine, story.evaluation_id, rows, "cd" * 32, BY)


def tell_all(engine: Engine) -> Story:
    """`tell`, and what no earlier schema holds: a plan, boxes, a merged patient, a pseudonym without its issuer."""
    story = tell(engine)
    plan_and_look(engine, story)
    draw_and_measure(engine, story)
    patient_identity.merge_patients(engine, "pt-0001", "pt-0002", "one person", BY)
    patient_identity.remember_pseudonyms(engine, {"pt-0001": "pt-alone"}, BY)
    return story
