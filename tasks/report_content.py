"""Everything that a report shows, read from the catalogue's stored rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Engine

from db import (
    comparisons,
    datasets,
    evaluations,
    explanations,
    images,
    known_files,
    leak_demonstrations,
    localisation_metrics,
    metrics,
    plans,
    predictions,
    promotions,
    pruned_files,
    quarantine,
    recipes,
    shared_numbers,
    trainings,
    tuning_trials,
)
from db import models as stored_models
from db.catalogue_settings import label_meaning
from db.hold_outs import internal_members
from db.home import home
from db.image_refs import image_refs
from tasks.evaluation_choice import evaluation_to_serve
from tasks.explain import cases
from tasks.external_set import meanings
from tasks.replicates_shown import with_replicates
from tasks.runtime.provenance import facts
from wrist_model.errors import DataError
from wrist_model.evidence import subgroups
from wrist_model.explanation import heat_map_checks, sanity_null
from wrist_model.recipe import stored as stored_recipe
from wrist_model.records import ENSEMBLE, SPLITS, Member
from wrist_model.report import gallery
from wrist_model.report.report_data import (
    DatasetFacts,
    ExternalReport,
    FlowStep,
    GalleryCase,
    GalleryMap,
    LeftOut,
    ModelReport,
    ReportData,
    SplitFacts,
)
from wrist_model.statistics import group_differences
from wrist_model.statistics.group_differences import GroupDifference

SYNTHETIC_SOURCE = "synthetic"


def report_content(engine: Engine, evaluation_ids: Sequence[str]) -> ReportData:
    """Everything the page shows, read from the catalogue. All evaluations must be of one data-set version."""
    rows = [evaluations.evaluation(engine, one) for one in evaluation_ids]
    first = stored_models.model(engine, rows[0].model_version_id)
    if first.recipe_sha256 is None:
        raise DataError(f"{first.model_version_id} has no recipe: begin the report with a trained network.")
    used = recipes.recipe(engine, first.recipe_sha256)
    recipe = stored_recipe(used.canonical_json, used.name)
    version = datasets.dataset(engine, rows[0].frozen_dataset_id)
    members = datasets.members(engine, version.dataset_id)
    serving = evaluation_to_serve(evaluation_ids, recipe)
    served = next(row for row in rows if row.evaluation_id == serving)
    sources = datasets.sources(engine, version.dataset_id)
    meant = {one: label_meaning(engine, one) for one in sources}
    models = tuple(with_replicates(engine, _model(engine, one), version.dataset_id, recipe) for one in evaluation_ids)
    sets = tuple(one for model in models for one in _external(engine, model))
    shown = _gallery(engine, serving, evaluation_ids, version.dataset_id, recipe.explain.gallery)
    decision = promotions.last_decision(engine, served.model_version_id)
    look = plans.look_of(engine, served.model_version_id)
    return ReportData(
        evaluation_id=serving,
        created_at=served.created_at,
        recipe_name=recipe.name,
        recipe_sha256=recipe.sha256,
        recipe_json=used.canonical_json,
        synthetic=any(source.startswith(SYNTHETIC_SOURCE) for source in sources),
        from_scratch=any(model.weights_source == "none" for model in models),
        patients_known=datasets.patients_known(engine, version.dataset_id),
        holdout_looks=evaluations.holdout_looks(engine, version.dataset_id),
        dataset=DatasetFacts(
            dataset_id=version.dataset_id,
            manifest_sha256=version.manifest_sha256,
            label_version=str(version.label_version),
            guard_status=version.guard_status,
            frozen_at=version.frozen_at,
            sources=tuple(f"{one} (positive: {meaning})" for one, meaning in meant.items()),
            meanings=tuple(sorted(set(meant.values()))),
            splits=_splits(members),
            split_seed=recipe.split.seed,
            same_numbers=tuple(
                (" and ".join(both.sources), both.patients, both.in_two_splits, both.declared)
                for both in shared_numbers.shared_numbers(
                    engine, {member.patient_key for member in members if member.included}
                )
            ),
        ),
        flow=_flow(engine, members),
        left_out=_left_out(engine, version.dataset_id, members),
        models=models,
        served=served.model_version_id,
        comparisons=tuple(
            comparison for one in evaluation_ids for _, comparison, _ in comparisons.comparisons(engine, one)
        ),
        gallery=shown,
        maps_check=_maps_check(shown),
        decision=decision.decision if decision else None,
        decision_reason=decision.reason if decision else None,
        lineage=facts(),
        leak=leak_demonstrations.leak_demonstrations(engine, version.dataset_id),
        trials=tuning_trials.tuning_trials(engine, version.dataset_id),
        prevalence=recipe.evaluation.prevalence,
        group_differences=_differences(
            engine, version.dataset_id, next(m for m in models if m.model_version_id == served.model_version_id)
        )
        if recipe.evaluation.rules == "second"
        else (),
        plan=plans.plan(engine, look.plan_id) if look else plans.newest_plan(engine, version.dataset_id),
        look=look,
        external=sets,
        home=home(),
    )


def _model(engine: Engine, evaluation_id: str) -> ModelReport:
    row = evaluations.evaluation(engine, evaluation_id)
    model = stored_models.model(engine, row.model_version_id)
    run = trainings.training_run(engine, model.training_run_id) if model.training_run_id else None
    return ModelReport(
        model_version_id=model.model_version_id,
        architecture=model.architecture,
        role=model.role,
        artifact_sha256=model.artifact_sha256,
        members=model.members,
        training_run_id=model.training_run_id,
        weights_source=run.weights_source if run else None,
        seed=run.seed if run else None,
        epochs_run=run.epochs_run if run else None,
        best_epoch=run.best_epoch if run else None,
        seconds=run.seconds if run else None,
        history=trainings.training_history(engine, model.training_run_id) if model.training_run_id else (),
        operating_points=stored_models.operating_points(engine, model.model_version_id),
        metrics=tuple(metrics.metrics(engine, evaluation_id)),
        images=tuple(predictions.image_predictions(engine, evaluation_id, "test")),
        studies=tuple(predictions.study_predictions(engine, evaluation_id, "test")),
        localisation=localisation_metrics.localisation_metrics(engine, evaluation_id),
    )


def _external(engine: Engine, internal: ModelReport) -> list[ExternalReport]:
    """The newest evaluation of a model on each external set, whichever version holds it."""
    found = []
    for row in evaluations.finished_outside(engine, internal.model_version_id):
        name, dataset_id = str(row.hold_out), row.frozen_dataset_id
        model = replace(
            internal,
            metrics=tuple(metrics.metrics(engine, row.evaluation_id)),
            localisation=localisation_metrics.localisation_metrics(engine, row.evaluation_id),
            images=(),
            studies=(),
            history=(),
        )
        found.append(
            ExternalReport(
                name,
                row.evaluation_id,
                dataset_id,
                row.created_at,
                evaluations.holdout_looks(engine, dataset_id, name),
                meanings(engine, row.model_version_id, dataset_id, name).mismatch,
                datasets.patients_known(engine, dataset_id, name),
                model,
                internal,
            )
        )
    return found


def _differences(engine: Engine, dataset_id: str, model: ModelReport) -> tuple[GroupDifference, ...]:
    """Of each subgroup against the other test studies, of factors with two values at least."""
    of_study = subgroups.of_studies(
        model.images, {ref.image_uid: ref.subgroups for ref in image_refs(engine, dataset_id, "test")}
    )
    names = sorted({name for of in of_study.values() for name in of})
    factors = Counter(name.split("=", 1)[0] for name in names)
    rows = [row for row in model.studies if row.label is not None and row.probability is not None]
    return group_differences.group_differences(
        np.array([row.label for row in rows], dtype=np.int64),
        np.array([row.probability for row in rows], dtype=np.float64),
        np.array([row.predicted_label for row in rows], dtype=np.int64),
        [row.patient_key for row in rows],
        {
            name: [name in of_study.get(row.study_uid, ()) for row in rows]
            for name in names
            if factors[name.split("=", 1)[0]] > 1
        },
    )


def _splits(members: Sequence[Member]) -> tuple[SplitFacts, ...]:
    found = []
    for split in SPLITS:
        held = internal_members(members, split)
        found.append(
            SplitFacts(
                split,
                patients=len({member.patient_key for member in held}),
                studies=len({member.study_uid for member in held}),
                images=len(held),
                positive_studies=len({member.study_uid for member in held if member.label == 1}),
            )
        )
    return tuple(found)


def _step(name: str, members: Sequence[Member]) -> FlowStep:
    return FlowStep(
        name,
        images=len(members),
        studies=len({member.study_uid for member in members}),
        patients=len({member.patient_key for member in members}),
    )


def _flow(engine: Engine, members: Sequence[Member]) -> tuple[FlowStep, ...]:
    held = [member for member in members if member.included]
    return (
        FlowStep("Files catalogued or refused", images=known_files.files_seen(engine)),
        _step("Catalogued", members),
        _step("In this data-set version", held),
        *(_step(split.capitalize(), internal_members(members, split)) for split in SPLITS),
        *(
            _step(f"External set {name}", [member for member in held if member.hold_out == name])
            for name in sorted({member.hold_out for member in held if member.hold_out is not None})
        ),
    )


def _left_out(engine: Engine, dataset_id: str, members: Sequence[Member]) -> tuple[LeftOut, ...]:
    refused = quarantine.quarantine_counts(engine)
    excluded = Counter(member.excluded_reason or "" for member in members if not member.included)
    return (
        *(LeftOut("quarantined", reason, number) for reason, number in sorted(refused.items())),
        *(LeftOut("excluded", reason, number) for reason, number in sorted(excluded.items())),
        *(
            LeftOut("kept, but looks wrong", what, n)
            for what, n in images.suspicious_counts(engine, dataset_id).items()
        ),
    )


def _maps_check(cases: Sequence[GalleryCase]) -> str:
    """What the shown maps were held against; maps of before the second rules keep what was said of them."""
    several = any(one.similarity is not None for case in cases for one in case.maps)
    return sanity_null.MEANING if several else heat_map_checks.MEANING


def _gallery(
    engine: Engine, serving: str, evaluation_ids: Sequence[str], dataset_id: str, count: int
) -> tuple[GalleryCase, ...]:
    files = {ref.image_uid: ref.file for ref in image_refs(engine, dataset_id, "test")}
    maps: dict[str, list[GalleryMap]] = {}
    pruned = {path for path in pruned_files.pruned(engine) if not (home() / path).exists()}
    for evaluation_id in evaluation_ids:
        architecture = evaluations.evaluation(engine, evaluation_id).architecture
        if architecture == ENSEMBLE:
            continue
        for one in explanations.explanations(engine, evaluation_id):
            shown = GalleryMap(
                architecture,
                one.path,
                one.sanity_score,
                one.border_share,
                one.withheld,
                one.note,
                one.sanity_similarity,
                one.sanity_p_value,
                one.path in pruned,
            )
            maps.setdefault(one.image_uid, []).append(shown)
    return tuple(
        GalleryCase(
            row.image_uid,
            row.study_uid,
            gallery.kind(row),
            row.label,
            float(row.probability or 0.0),
            float(row.threshold or 0.0),
            tuple(maps.get(row.image_uid, ())),
            files[row.image_uid],
        )
        for row in cases(engine, serving, count)
    )
