"""The gate at work: compare the challenger with those who serve or served, store the comparisons and the decision."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import audit, evaluations
from db.engine import open_catalogue
from tasks.context import provenance
from tasks.evaluate import predictions, served
from wrist_model import gate as rule
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
    known = audit.last_promotion(engine, challenger)
    if known is not None:
        log.info("Gate: %s was decided before: %s.", challenger, known.decision)
        return known.decision
    references = _references(engine, challenger)
    found: list[Comparison] = []
    for reference in references:
        found += _compare(engine, evaluation_id, reference, recipe)
    comparison_ids = evaluations.add_comparisons(engine, evaluation_id, found, provenance()) if found else ()
    decision, reason = _decide(engine, row.dataset_id, references, found, recipe)
    audit.add_promotion(engine, challenger, decision, reason, provenance(), comparison_ids=comparison_ids)
    log.info("Gate: %s: %s. %s", challenger, decision, reason)
    if decision == "undecided":
        log.info("To decide by hand: wrist promote %s", challenger)
    return decision


def _references(engine: Engine, challenger: str) -> list[str]:
    """The champion and the best earlier champion, without the challenger itself."""
    found: list[str] = []
    champion = audit.champion(engine)
    for model in (*((champion,) if champion else ()), *audit.best_earlier_champions(engine)[:1]):
        if model.model_version_id not in (challenger, *found):
            found.append(model.model_version_id)
    return found


def _compare(engine: Engine, evaluation_id: str, reference: str, recipe: Recipe) -> tuple[Comparison, ...]:
    """On the test patients of the challenger's version that neither model was trained on."""
    row = evaluations.evaluation(engine, evaluation_id)
    theirs = evaluations.study_predictions(engine, predictions(reference, row.dataset_id, recipe), "test")
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
) -> tuple[str, str]:
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
