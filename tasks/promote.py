"""The gate at work: compare the challenger with those who serve or served, store the comparisons and the decision."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import audit, evaluations
from db import facts as facts_of
from db.engine import open_catalogue
from tasks.context import provenance
from tasks.evaluate import frozen, predictions, served
from wrist_model import gate as rule
from wrist_model.errors import DataError
from wrist_model.recipe import Recipe
from wrist_model.records import Comparison


@task(name="gate", task_run_name="decide who serves", tags=["gate"])
def gate(evaluation_ids: Sequence[str], recipe: Recipe) -> str:
    """Writes the comparisons and one decision about the model version that the recipe named to serve; gives it.

    The first model is promoted for want of a champion, and says so. A champion that came through this gate before is
    decided once. Past `gate.max_looks` looks at this hold-out only a person promotes.
    """
    engine, log = open_catalogue(), get_run_logger()
    evaluation_id = served(evaluation_ids, recipe)
    row = evaluations.evaluation(engine, evaluation_id)
    challenger = row.model_version_id
    known = facts_of.last_decision(engine, challenger)
    if known is not None:
        log.info("Gate: %s was decided before: %s.", challenger, known.decision)
        return known.decision
    references = _references(engine, challenger)
    found: list[Comparison] = []
    for reference in references:
        found += _compare(engine, evaluation_id, reference, recipe)
    comparison_ids = evaluations.add_comparisons(engine, evaluation_id, found, provenance()) if found else ()
    decision, reason = _decide(engine, frozen(row), references, found, recipe)
    audit.add_promotion(engine, challenger, decision, reason, provenance(), comparison_ids=comparison_ids)
    log.info("Gate: %s: %s. %s", challenger, decision, reason)
    if decision == "undecided":
        log.info("To decide by hand: wrist promote %s", challenger)
    return decision


def _references(engine: Engine, challenger: str) -> list[str]:
    """The champion and the best earlier champion, without the challenger itself."""
    found: list[str] = []
    champion = audit.champion(engine)
    earlier = sorted(audit.earlier_champions(engine), key=lambda one: _auc(engine, one.model_version_id), reverse=True)
    for model in (*((champion,) if champion else ()), *earlier[:1]):
        if model.model_version_id not in (challenger, *found):
            found.append(model.model_version_id)
    return found


def _auc(engine: Engine, model_version_id: str) -> float:
    """A model's first stored study-level test AUC; −1 where it is undefined."""
    for row in evaluations.evaluations(engine, model_version_id=model_version_id):
        for metric in evaluations.metrics(engine, row.evaluation_id):
            if (metric.split, metric.level, metric.subgroup, metric.metric) == ("test", "study", "all", "roc_auc"):
                return -1.0 if metric.value is None else metric.value
    return -1.0


def _compare(engine: Engine, evaluation_id: str, reference: str, recipe: Recipe) -> tuple[Comparison, ...]:
    """On the test patients of the challenger's version that neither model was trained on."""
    row = evaluations.evaluation(engine, evaluation_id)
    theirs = evaluations.study_predictions(engine, predictions(reference, frozen(row), recipe), "test")
    seen = audit.trained_patients(engine, row.model_version_id) | audit.trained_patients(engine, reference)
    ours = [one for one in evaluations.study_predictions(engine, evaluation_id, "test") if one.patient_key not in seen]
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
    engine: Engine, dataset_id: str, references: Sequence[str], found: Sequence[Comparison], recipe: Recipe
) -> tuple[audit.Decision, str]:
    if not references:
        return "promoted", "the first model: there is no champion to compare with"
    looks = evaluations.holdout_looks(engine, dataset_id)
    verdict = rule.decide(found, recipe.gate)
    if looks > recipe.gate.max_looks and verdict.decision == "promoted":
        return "undecided", (
            f"this hold-out has been looked at {looks} times, more than gate.max_looks = {recipe.gate.max_looks}: "
            f"only a person promotes now. The comparison says: {verdict.reason}"
        )
    if recipe.gate.ask_person and verdict.decision == "promoted":
        return "undecided", f"the recipe asks a person (gate.ask_person). The comparison says: {verdict.reason}"
    return verdict.decision, verdict.reason


def by_hand(model_version_id: str, reason: str) -> dict[str, str]:
    """A person's decision: this version serves from now on. An earlier champion that returns is a roll-back.

    Raises DataError for an unknown version or one without locked operating points.
    """
    engine = open_catalogue()
    model = audit.model(engine, model_version_id)
    if not audit.operating_points(engine, model.model_version_id):
        raise DataError(f"{model.model_version_id} has no operating points: `wrist evaluate` locks them first.")
    earlier = {one.model_version_id for one in audit.earlier_champions(engine)}
    decision: audit.Decision = "rolled_back" if model.model_version_id in earlier else "promoted"
    audit.add_promotion(engine, model.model_version_id, decision, reason, provenance())
    return {"model_version_id": model.model_version_id, "decision": decision, "reason": reason}
