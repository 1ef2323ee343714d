"""The plan of a retrain: stored, hashed and audited before its hold-out is looked at; or shown ahead of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from prefect import get_run_logger, task

from db import datasets, evaluations, plans, promotions, recipes
from db.engine import Catalogue, open_catalogue, writing
from db.plans import Comparable
from db.predictions import study_predictions
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.evidence import alpha_spending, hold_out_plan, retrain_plan, score_gate
from wrist_model.evidence.alpha_spending import Budget
from wrist_model.evidence.hold_out_plan import HoldOut
from wrist_model.evidence_records import Plan
from wrist_model.recipe import Recipe
from wrist_model.records import StudyPrediction

ASSUMED = "assumed: no two models are scored on its validation studies yet"
LEAST_FOR_ASSUMPTIONS = 20  # validation patients of each class


@dataclass(frozen=True)
class Standing:
    """budget: what the next look may cost; budget_plan: the plan that began it, None: a plan stored now begins one;
    new_patients_only: whether it is of test patients whom nobody had looked at when it began; patients: on whom it
    compares."""

    budget: Budget
    budget_plan: Plan | None
    new_patients_only: bool
    patients: Comparable


@dataclass(frozen=True)
class Draft:
    """What a plan would say now, and where its hold-out stands."""

    content: dict[str, Any]
    standing: Standing


@task(name="fix the plan", task_run_name="fix the plan of {dataset_id}", tags=["gate"], **BUSY)
def fix_plan(dataset_id: str, recipe: Recipe) -> str:
    """Writes the plan of this recipe on a frozen version, once; gives its id. What is fixed stays fixed."""
    found = frozen_plan(dataset_id, recipe)
    get_run_logger().info(
        "Plan %s, SHA-256 %s…: %s.",
        found.plan_id,
        found.content_sha256[:12],
        f"stored after {found.looks_before} looks" if found.looks_before else "stored before any look",
    )
    return found.plan_id


def frozen_plan(dataset_id: str, recipe: Recipe) -> Plan:
    """`fix_plan`, beside a flow. The simulations run outside the transaction, which looks again whether looks were
    made meanwhile, or other people are compared on."""
    engine, by = open_catalogue(), provenance()
    while True:
        if (known := plans.plan_of(engine, recipe.sha256, dataset_id)) is not None:
            return known
        made = draft(engine, dataset_id, recipe)
        with writing(engine) as connection:
            known = plans.plan_of(connection, recipe.sha256, dataset_id)
            if known is not None:
                return known
            if _standing(connection, dataset_id, recipe) != made.standing:
                continue
            recipes.add_recipe(connection, recipe.as_stored, by)
            return plans.add_plan(
                connection,
                made.content,
                recipe_sha256=recipe.sha256,
                dataset_id=dataset_id,
                alpha_spent=made.standing.budget.spent if recipe.gate.rule == "score" else 0.0,
                budget=made.standing.budget_plan,
                by=by,
            )


def draft(engine: Catalogue, dataset_id: str, recipe: Recipe) -> Draft:
    """What the plan of this recipe on a frozen version would say if it were stored now; writes nothing.

    Once the planned looks are spent, test patients that nobody has looked at begin a new budget, where they are enough
    of each class; the gate then looks at them alone.
    """
    version = datasets.dataset(engine, dataset_id)
    standing = _standing(engine, dataset_id, recipe)
    budget, fresh, patients = standing.budget, standing.new_patients_only, standing.patients
    auc, correlation, where = assumptions(engine, dataset_id)
    hold_out = HoldOut(patients.positives, patients.negatives, auc, correlation)
    score = recipe.gate.rule == "score"
    found = retrain_plan.content(
        recipe,
        dataset_id,
        version.manifest_sha256,
        hold_out,
        assumed_from=where,
        new_patients_only=fresh,
        learnt=patients.learnt,
        looks_planned=budget.planned if score else recipe.gate.max_looks,
        looks_before=budget.look - 1,
        foretold=retrain_plan.outlook(hold_out, recipe.gate, budget.alpha) if score else None,
    )
    return Draft(found, standing)


def budget_of(engine: Catalogue, plan: Plan, evaluation_ids: Sequence[str] = ()) -> Budget:
    """What the next look under a plan may cost; evaluation_ids: those that the look takes together."""
    begun = plans.plan(engine, plan.budget_plan_id)
    made = plans.looks(engine, plan.dataset_id, begun, evaluation_ids)
    return alpha_spending.budget(made, begun.looks_planned)


def _standing(engine: Catalogue, dataset_id: str, recipe: Recipe) -> Standing:
    """A budget keeps the number of looks that it was begun with: another number in a recipe begins with the next."""
    if recipe.gate.rule != "score":
        budget = alpha_spending.budget(plans.looks(engine, dataset_id, None), recipe.gate.max_looks)
        return Standing(budget, None, False, plans.comparable_patients(engine, dataset_id))
    begun = plans.budget_plan(engine, dataset_id)
    planned = begun.looks_planned if begun else recipe.gate.planned_looks
    made = plans.looks(engine, dataset_id, begun)
    if len(made) >= planned:
        new = plans.comparable_patients(engine, dataset_id, unseen=True)
        if min(new.positives, new.negatives) >= score_gate.FEWEST_OF_A_CLASS:
            return Standing(alpha_spending.budget((), recipe.gate.planned_looks), None, True, new)
    patients = plans.comparable_patients(engine, dataset_id, budget=begun)
    new_alone = begun is not None and begun.new_patients_only
    return Standing(alpha_spending.budget(made, planned), begun, new_alone, patients)


def assumptions(engine: Catalogue, dataset_id: str) -> tuple[float, float, str]:
    """(area, correlation of two models' scores within a class, where they come from): of the champion, or the newest
    evaluated model, and another one on validation studies; the hold-out itself is not looked at."""
    found = evaluations.newest_finished(engine, dataset_id)
    serving = promotions.champion(engine)
    found.sort(key=lambda row: serving is not None and row.model_version_id == serving.model_version_id)
    if len(found) >= 2:
        reference, other = found[-1], found[-2]
        ours, theirs = (_validation(engine, row.evaluation_id) for row in (other, reference))
        studies = sorted(set(ours) & set(theirs))
        labels = np.array([theirs[uid].label for uid in studies], dtype=np.int64)
        patients = [theirs[uid].patient_key for uid in studies]
        counts = [len({key for key, y in zip(patients, labels, strict=True) if y == label}) for label in (1, 0)]
        if min(counts) >= LEAST_FOR_ASSUMPTIONS:
            one, two = (np.array([rows[uid].probability for uid in studies]) for rows in (ours, theirs))
            seen = hold_out_plan.assumed(labels, one, two, patients)
            said = f"as {other.model_version_id} and {reference.model_version_id} have them on validation"
            return round(seen.auc, 3), round(seen.correlation, 2), said
    default = HoldOut(0, 0)
    return default.auc, default.correlation, ASSUMED


def _validation(engine: Catalogue, evaluation_id: str) -> dict[str, StudyPrediction]:
    rows = study_predictions(engine, evaluation_id, "validation")
    return {row.study_uid: row for row in rows if row.label is not None}
