"""Gate: compare the challenger with the champion and the best earlier one; store comparisons and decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import get_run_logger, task
from sqlalchemy import Connection, Engine

from db import comparisons, datasets, evaluations, metrics, models, promotions
from db.engine import Catalogue, open_catalogue, writing
from db.home import home, model_file, work_folders
from db.predictions import study_predictions
from tasks.evaluation_choice import evaluation_to_serve
from tasks.predict_dataset import predictions
from tasks.runtime import artifacts
from tasks.runtime.provenance import provenance
from wrist_model.evidence import promotion_gate as rule
from wrist_model.recipe import Recipe
from wrist_model.records import Comparison, Provenance


@task(name="gate", task_run_name="compare with the champion", tags=["gate"])
def gate(evaluation_ids: Sequence[str], recipe: Recipe) -> dict[str, Any]:
    """Writes the comparisons and one decision about the model version that the recipe named to serve.

    Gives model_version_id, decision, reason, and `ask`: whether a person is to decide, about the row `promotion_id`.
    Until one has, the stored decision is `undecided`, which changes nothing. The first model is promoted for want of a
    champion, and says so. What was decided before stays decided; undecided stays only what was compared with the model
    that serves now. Past `gate.max_looks` looks at this hold-out only a person promotes.
    """
    engine, by = open_catalogue(), provenance()
    evaluation_id = evaluation_to_serve(evaluation_ids, recipe)
    challenger = evaluations.evaluation(engine, evaluation_id).model_version_id
    while (known := _standing(engine, challenger)) is None:
        references = _references(engine, challenger)
        missing = [reference for reference in references if not _has_files(engine, reference)]
        found: list[Comparison] = []
        for reference in references:
            if reference not in missing:
                found += _compare(engine, evaluation_id, reference, recipe)
        with writing(engine) as connection:
            if _standing(connection, challenger) is None and _references(connection, challenger) == references:
                decided, looks = _store(connection, evaluation_id, references, missing, found, recipe, by)
                break
        get_run_logger().info("Gate: who serves changed meanwhile: %s is compared again.", challenger)
    else:
        get_run_logger().info("Gate: %s was decided before: %s.", challenger, known.decision)
        asked_here = known.decision == "undecided" and known.prefect_flow_run_id == by.prefect_flow_run_id is not None
        return _said(known.promotion_id, challenger, known.decision, known.reason, asked_here)
    artifacts.gate(challenger, decided["decision"], decided["reason"], found, recipe.gate, looks)
    get_run_logger().info("Gate: %s: %s: %s.", challenger, decided["decision"], decided["reason"])
    return decided


def _standing(engine: Catalogue, challenger: str) -> promotions.LastDecision | None:
    """The last decision about a model version, unless it is undecided and did not look at who serves now."""
    known = promotions.last_decision(engine, challenger)
    if known is None or known.decision != "undecided":
        return known
    champion = promotions.champion(engine)
    compared = promotions.compared_with(engine, known.promotion_id)
    return known if champion is None or champion.model_version_id in compared else None


def _store(
    connection: Connection,
    evaluation_id: str,
    references: Sequence[str],
    missing: Sequence[str],
    found: Sequence[Comparison],
    recipe: Recipe,
    by: Provenance,
) -> tuple[dict[str, Any], int]:
    """Decide and write, in the transaction that saw the references to be those that were compared with; gives what
    `gate` gives, and how often the hold-out was looked at."""
    row = evaluations.evaluation(connection, evaluation_id)
    challenger = row.model_version_id
    comparison_ids = comparisons.add_comparisons(connection, evaluation_id, found, by) if found else ()
    verdict, reason = _decide(connection, row.frozen_dataset_id, references, missing, found, recipe)
    looks = evaluations.holdout_looks(connection, row.frozen_dataset_id)
    ask = recipe.gate.ask_person or (verdict == "promoted" and bool(found) and looks > recipe.gate.max_looks)
    decision: promotions.Decision = "undecided" if ask else verdict
    if ask:
        why = "the recipe asks a person (gate.ask_person)"
        if not recipe.gate.ask_person:
            why = f"this hold-out has been looked at {looks} times, more than gate.max_looks = {recipe.gate.max_looks}"
        reason = f"waits for a person: {why}. The comparison says {verdict}: {reason}"
    known = promotions.last_decision(connection, challenger)
    if known is not None and not ask and (known.decision, known.reason) == (decision, reason):
        promotion_id = known.promotion_id
    else:
        promotion_id = promotions.add_promotion(connection, challenger, decision, reason, by, comparison_ids)
    return _said(promotion_id, challenger, decision, reason, ask), looks


def _said(promotion_id: str, model: str, decision: str, reason: str, ask: bool) -> dict[str, Any]:
    return {
        "promotion_id": promotion_id,
        "model_version_id": model,
        "decision": decision,
        "reason": reason,
        "ask": ask,
    }


def _has_files(engine: Engine, model_version_id: str) -> bool:
    """Whether the networks of a model version lie where they were stored."""
    model = models.model(engine, model_version_id)
    if model.members:
        return all(_has_files(engine, member) for member in model.members)
    return model_file(home(), model.artifact_sha256).exists()


def _references(engine: Catalogue, challenger: str) -> list[str]:
    """The champion and the best earlier champion, without the challenger itself."""
    found: list[str] = []
    champion = promotions.champion(engine)
    earlier = sorted(promotions.earlier_champions(engine), key=lambda one: _test_auc(engine, one), reverse=True)
    for model in (*((champion,) if champion else ()), *earlier[:1]):
        if model.model_version_id not in (challenger, *found):
            found.append(model.model_version_id)
    return found


def _test_auc(engine: Catalogue, model: models.ModelVersion) -> float:
    """A model's first stored study-level test AUC; −1 where it is undefined."""
    value = metrics.first_test_auc(engine, model.model_version_id)
    return -1.0 if value is None else value


def _compare(engine: Engine, evaluation_id: str, reference: str, recipe: Recipe) -> tuple[Comparison, ...]:
    """On the test patients of the challenger's version that neither model was trained on."""
    row = evaluations.evaluation(engine, evaluation_id)
    theirs = study_predictions(engine, predictions(reference, row.frozen_dataset_id, recipe), "test")
    seen = models.trained_patients(engine, row.model_version_id) | models.trained_patients(engine, reference)
    ours = [one for one in study_predictions(engine, evaluation_id, "test") if one.patient_key not in seen]
    studies = {one.study_uid for one in ours}
    rows = [one for one in theirs if one.study_uid in studies]
    if not ours:
        return tuple(
            Comparison(row.model_version_id, reference, name, None, None, None, rule.METHOD, 0)
            for name in rule.margins(recipe.gate)
        )
    return rule.differences(
        ours,
        rows,
        challenger=row.model_version_id,
        reference=reference,
        resamples=recipe.evaluation.resamples,
        seed=recipe.evaluation.bootstrap_seed,
    )


def _decide(
    engine: Catalogue,
    dataset_id: str,
    references: Sequence[str],
    missing: Sequence[str],
    found: Sequence[Comparison],
    recipe: Recipe,
) -> tuple[promotions.Decision, str]:
    if not references:
        return "promoted", "the first model: there is no champion to compare with"
    if missing:
        return "undecided", (
            f"the network of {', '.join(missing)}, which serves or served, is missing from "
            f"{work_folders(home()).models}: there is nothing to compare with"
        )
    verdict = rule.decide(found, recipe.gate)
    changed = _labels_since(engine, dataset_id, references[0])
    return verdict.decision, verdict.reason + (f" ({changed})" if changed else "")


def _labels_since(engine: Catalogue, dataset_id: str, reference: str) -> str:
    """Says that the reference was trained on earlier labels; both are compared on those of this version."""
    now = datasets.dataset(engine, dataset_id).label_version
    trained_on = datasets.training_dataset(engine, reference)
    if trained_on is None or trained_on.label_version == now:
        return ""
    return f"{reference} learnt label version {trained_on.label_version}; both are compared on version {now}"
