"""The gate at work: compare the challenger with those who serve or served, store the comparisons and the decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import comparisons, datasets, evaluations, metrics, models, promotions
from db import report_queries as facts_of
from db.engine import open_catalogue, reading
from db.home import home
from db.lookups import one
from db.predictions import study_predictions
from tasks.evaluate import frozen, predictions, served
from tasks.runtime import artifacts
from tasks.runtime.provenance import provenance
from wrist_model.errors import DataError
from wrist_model.evidence import promotion_gate as rule
from wrist_model.recipe import Recipe
from wrist_model.records import Comparison


@task(name="gate", task_run_name="compare with the champion", tags=["gate"])
def gate(evaluation_ids: Sequence[str], recipe: Recipe) -> dict[str, Any]:
    """Writes the comparisons and one decision about the model version that the recipe named to serve.

    Gives model_version_id, decision, reason, and `ask`: whether a person is to decide. Until one has, the stored
    decision is `undecided`, which changes nothing. The first model is promoted for want of a champion, and says so.
    What was decided before stays decided. Past `gate.max_looks` looks at this hold-out only a person promotes.
    """
    engine, log = open_catalogue(), get_run_logger()
    evaluation_id = served(evaluation_ids, recipe)
    row = evaluations.evaluation(engine, evaluation_id)
    challenger = row.model_version_id
    known = facts_of.last_decision(engine, challenger)
    if known is not None:
        log.info("Gate: %s was decided before: %s.", challenger, known.decision)
        return {"model_version_id": challenger, "decision": known.decision, "reason": known.reason, "ask": False}
    references = _references(engine, challenger)
    missing = [reference for reference in references if not _has_files(engine, reference)]
    found: list[Comparison] = []
    for reference in references:
        if reference not in missing:
            found += _compare(engine, evaluation_id, reference, recipe)
    comparison_ids = comparisons.add_comparisons(engine, evaluation_id, found, provenance()) if found else ()
    verdict, reason = _decide(engine, frozen(row), references, missing, found, recipe)
    looks = evaluations.holdout_looks(engine, frozen(row))
    ask = recipe.gate.ask_person or (verdict == "promoted" and bool(found) and looks > recipe.gate.max_looks)
    decision: promotions.Decision = "undecided" if ask else verdict
    if ask:
        why = "the recipe asks a person (gate.ask_person)"
        if not recipe.gate.ask_person:
            why = f"this hold-out has been looked at {looks} times, more than gate.max_looks = {recipe.gate.max_looks}"
        reason = f"waits for a person: {why}. The comparison says {verdict}: {reason}"
    promotions.add_promotion(engine, challenger, decision, reason, provenance(), comparison_ids=comparison_ids)
    artifacts.gate(challenger, decision, reason, found, recipe.gate, looks)
    log.info("Gate: %s: %s: %s.", challenger, decision, reason)
    return {"model_version_id": challenger, "decision": decision, "reason": reason, "ask": ask}


@task(name="record decision", task_run_name="record what the person decided", tags=["gate"])
def record(model_version_id: str, approved: bool, reason: str, person: str) -> str:
    """Writes a person's answer; gives the decision, promoted or refused."""
    decision: promotions.Decision = "promoted" if approved else "refused"
    promotions.add_promotion(open_catalogue(), model_version_id, decision, reason, provenance(), decided_by=person)
    get_run_logger().info("%s: %s by %s: %s", model_version_id, decision, person, reason)
    return decision


def _has_files(engine: Engine, model_version_id: str) -> bool:
    """Whether the networks of a model version lie where they were stored."""
    model = models.model(engine, model_version_id)
    if model.members:
        return all(_has_files(engine, member) for member in model.members)
    return (home() / "models" / f"{model.artifact_sha256}.keras").exists()


def _references(engine: Engine, challenger: str) -> list[str]:
    """The champion and the best earlier champion, without the challenger itself."""
    found: list[str] = []
    champion = promotions.champion(engine)
    earlier = sorted(
        promotions.earlier_champions(engine), key=lambda one: _auc(engine, one.model_version_id), reverse=True
    )
    for model in (*((champion,) if champion else ()), *earlier[:1]):
        if model.model_version_id not in (challenger, *found):
            found.append(model.model_version_id)
    return found


def _auc(engine: Engine, model_version_id: str) -> float:
    """A model's first stored study-level test AUC; −1 where it is undefined."""
    for row in evaluations.evaluations(engine, model_version_id=model_version_id):
        for metric in metrics.metrics(engine, row.evaluation_id):
            if (metric.split, metric.level, metric.subgroup, metric.metric) == ("test", "study", "all", "roc_auc"):
                return -1.0 if metric.value is None else metric.value
    return -1.0


def _compare(engine: Engine, evaluation_id: str, reference: str, recipe: Recipe) -> tuple[Comparison, ...]:
    """On the test patients of the challenger's version that neither model was trained on."""
    row = evaluations.evaluation(engine, evaluation_id)
    theirs = study_predictions(engine, predictions(reference, frozen(row), recipe), "test")
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
    engine: Engine,
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
            f"the network of {', '.join(missing)}, which serves or served, is missing from {home() / 'models'}: "
            "there is nothing to compare with"
        )
    verdict = rule.decide(found, recipe.gate)
    changed = _labels_since(engine, dataset_id, references[0])
    return verdict.decision, verdict.reason + (f" ({changed})" if changed else "")


def _labels_since(engine: Engine, dataset_id: str, reference: str) -> str:
    """Says that the reference was trained on earlier labels; both are compared on those of this version."""
    now = datasets.dataset(engine, dataset_id).label_version
    member = (models.model(engine, reference).members or (reference,))[0]
    run = models.model(engine, member).training_run_id
    with reading(engine) as connection:
        row = one(
            connection,
            "SELECT d.label_version FROM training_runs t JOIN dataset_versions d ON d.dataset_id = t.dataset_id "
            "WHERE t.training_run_id = :run",
            run=run,
        )
    if row is None or row.label_version == now:
        return ""
    return f"{reference} learnt label version {row.label_version}; both are compared on version {now}"


def by_hand(model_version_id: str, reason: str) -> dict[str, str]:
    """A person's decision: this version serves from now on. An earlier champion that returns is a roll-back.

    Raises DataError for an unknown version, the one that serves already, or one without locked operating points.
    """
    engine = open_catalogue(existing=True)
    model = models.model(engine, model_version_id)
    if not models.operating_points(engine, model.model_version_id):
        raise DataError(f"{model.model_version_id} has no operating points: `wrist evaluate` locks them first.")
    serving = promotions.champion(engine)
    if serving is not None and serving.model_version_id == model.model_version_id:
        raise DataError(f"{model.model_version_id} serves already; nothing was changed.")
    earlier = {one.model_version_id for one in promotions.earlier_champions(engine)}
    decision: promotions.Decision = "rolled_back" if model.model_version_id in earlier else "promoted"
    promotions.add_promotion(engine, model.model_version_id, decision, reason, provenance())
    return {"model_version_id": model.model_version_id, "decision": decision, "reason": reason}
