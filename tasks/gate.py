"""Gate: compare the challenger with the champion and the best earlier one; store comparisons, decision and look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prefect import get_run_logger, task
from sqlalchemy import Connection, Engine

from db import comparisons, evaluations, models, plans, promotions
from db.engine import Catalogue, open_catalogue, writing
from db.home import home, model_file
from tasks import gate_rules
from tasks.evaluation_choice import evaluation_to_serve
from tasks.gate_rules import Look
from tasks.plan import budget_of
from tasks.runtime import artifacts
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.errors import DataError
from wrist_model.recipe import Recipe
from wrist_model.records import Provenance


@task(name="gate", task_run_name="compare with the champion", tags=["gate"], **BUSY)
def gate(evaluation_ids: Sequence[str], recipe: Recipe) -> dict[str, Any]:
    """Writes the comparisons and one decision about the model version that the recipe named to serve.

    Gives model_version_id, decision, reason, and `ask`: whether a person is to decide, about the row `promotion_id`.
    Until one has, the stored decision is `undecided`, which changes nothing. What was decided before stays decided;
    undecided stays only what was compared with the model that serves now.

    By the score rule the look spends of its plan's error, and is written with it; a first model is promoted above the
    floors. Raises DataError without a plan. By the bootstrap rule a first model is promoted for want of a champion.
    Past the looks that either rule allows only a person promotes.
    """
    engine, by = open_catalogue(), provenance()
    evaluation_id = evaluation_to_serve(evaluation_ids, recipe)
    challenger = evaluations.evaluation(engine, evaluation_id).model_version_id
    while (known := _standing(engine, challenger)) is None:
        look = _begun(engine, evaluation_id, evaluation_ids, recipe)
        references = [one for one in look.references if one not in look.missing]
        compared = tuple((one, gate_rules.compare(engine, look, one, recipe)) for one in references)
        look = replace(look, compared=compared)
        with writing(engine) as connection:
            if _standing(connection, challenger) is None and _unchanged(connection, look, challenger):
                decided, looks = _store(connection, look, recipe, by)
                break
        get_run_logger().info(
            "Gate: who serves, the looks or who is one person changed meanwhile: %s is compared again.", challenger
        )
    else:
        get_run_logger().info("Gate: %s was decided before: %s.", challenger, known.decision)
        asked_here = known.decision == "undecided" and known.prefect_flow_run_id == by.prefect_flow_run_id is not None
        return _said(known.promotion_id, challenger, known.decision, known.reason, asked_here)
    artifacts.gate(decided, look.comparisons, recipe.gate, looks, look.plan, look.budget)
    if not decided["ask"]:  # else the question says it
        get_run_logger().info("Gate: %s: %s: %s.", challenger, decided["decision"], decided["reason"])
    return decided


def _begun(engine: Engine, evaluation_id: str, evaluation_ids: Sequence[str], recipe: Recipe) -> Look:
    """A look that has compared nothing yet. Raises DataError where the score rule has no plan to go by."""
    row = evaluations.evaluation(engine, evaluation_id)
    references = promotions.references(engine, row.model_version_id)
    missing = tuple(one for one in references if not _has_files(engine, one))
    look = Look(evaluation_id, tuple(evaluation_ids), references, missing, ())
    look = replace(look, learnt=gate_rules.learnt(engine, look))
    if recipe.gate.rule != "score":
        return look
    plan = plans.plan_of(engine, recipe.sha256, row.frozen_dataset_id)
    if plan is None:
        raise DataError(
            f"The recipe {recipe.name} has no plan on {row.frozen_dataset_id}, and its gate decides by one. `wrist "
            f"retrain` stores it before anything is evaluated; `wrist plan --freeze --recipe {recipe.name}` does now."
        )
    return replace(look, plan=plan, budget=budget_of(engine, plan, evaluation_ids))


def _unchanged(connection: Connection, look: Look, challenger: str) -> bool:
    """Whether the references, the budget and what was learnt from are still those that were compared by."""
    if (
        promotions.references(connection, challenger) != look.references
        or gate_rules.learnt(connection, look) != look.learnt
    ):
        return False
    return look.plan is None or budget_of(connection, look.plan, look.evaluation_ids) == look.budget


def _standing(engine: Catalogue, challenger: str) -> promotions.LastDecision | None:
    """The last decision about a model version, unless it is undecided and did not look at who serves now."""
    known = promotions.last_decision(engine, challenger)
    if known is None or known.decision != "undecided":
        return known
    champion = promotions.champion(engine)
    compared = promotions.compared_with(engine, known.promotion_id)
    return known if champion is None or champion.model_version_id in compared else None


def _store(connection: Connection, look: Look, recipe: Recipe, by: Provenance) -> tuple[dict[str, Any], int]:
    """Decide and write, in the transaction that saw references and looks to be those that were compared by; gives what
    `gate` gives, and how often the hold-out was scored."""
    row = evaluations.evaluation(connection, look.evaluation_id)
    challenger, found = row.model_version_id, look.comparisons
    comparison_ids = comparisons.add_comparisons(connection, look.evaluation_id, found, by) if found else ()
    verdict = gate_rules.verdict(connection, look, recipe)
    looks = evaluations.holdout_looks(connection, row.frozen_dataset_id)
    why = gate_rules.asks(look, verdict, recipe, looks)
    decision: promotions.Decision = "undecided" if why else verdict.decision
    reason = verdict.reason
    if why:
        reason = f"waits for a person: {why}. The comparison says {verdict.decision}: {reason}"
    known = promotions.last_decision(connection, challenger)
    if known is not None and not why and (known.decision, known.reason) == (decision, reason):
        return _said(known.promotion_id, challenger, decision, reason, False), looks
    promotion_id = promotions.add_promotion(connection, challenger, decision, reason, by, comparison_ids)
    if look.plan is not None and look.budget is not None:
        plans.add_look(
            connection,
            look.plan.plan_id,
            promotion_id,
            look=look.budget.look,
            alpha=look.budget.alpha,
            evaluation_ids=look.evaluation_ids,
            compared={name: (one.positives, one.negatives) for name, one in look.compared},
            by=by,
        )
    return _said(promotion_id, challenger, decision, reason, bool(why)), looks


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
