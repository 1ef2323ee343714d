"""What one look at the hold-out saw, by either rule of the gate, and what follows from it; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine

from db import datasets, evaluations, hold_outs, plans
from db.engine import Catalogue
from db.home import home, work_folders
from db.predictions import study_predictions
from tasks.predict_dataset import predictions
from wrist_model.evidence import alpha_spending, promotion_gate, retrain_plan, score_gate
from wrist_model.evidence.alpha_spending import Budget
from wrist_model.evidence.promotion_gate import Decision
from wrist_model.evidence.score_gate import Compared
from wrist_model.evidence_records import Plan
from wrist_model.recipe import Recipe
from wrist_model.records import Comparison, StudyPrediction


@dataclass(frozen=True)
class Look:
    """evaluation_id: the challenger's; evaluation_ids: all that this look takes together; missing: references whose
    files are gone; plan, budget: by the score rule; learnt: model → the test patients whom it has learnt from."""

    evaluation_id: str
    evaluation_ids: tuple[str, ...]
    references: tuple[str, ...]
    missing: tuple[str, ...]
    compared: tuple[tuple[str, Compared], ...]  # reference, what was compared with it
    plan: Plan | None = None
    budget: Budget | None = None
    learnt: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(one for _, found in self.compared for one in found.comparisons)


def compare(engine: Engine, look: Look, reference: str, recipe: Recipe) -> Compared:
    """On the test patients of the challenger's version whom neither model has learnt from; predicts with the reference
    where that is not done yet."""
    row = evaluations.evaluation(engine, look.evaluation_id)
    theirs = study_predictions(engine, predictions(reference, row.frozen_dataset_id, recipe), "test")
    ours = [one for one in hold_out(engine, look) if one.patient_key not in look.learnt[reference]]
    studies = {one.study_uid for one in ours}
    rows = [one for one in theirs if one.study_uid in studies]
    challenger = row.model_version_id
    if look.budget is not None:
        alpha = informative(look.budget).alpha
        if ours:
            return score_gate.compare(ours, rows, challenger=challenger, reference=reference, alpha=alpha)
        methods = {name: score_gate.method(name, alpha) for name in score_gate.METRICS}
    else:
        if ours:
            found = promotion_gate.differences(
                ours,
                rows,
                challenger=challenger,
                reference=reference,
                resamples=recipe.evaluation.resamples,
                seed=recipe.evaluation.bootstrap_seed,
            )
            return Compared(found, 0, 0)
        methods = dict.fromkeys(promotion_gate.margins(recipe.gate), promotion_gate.METHOD)
    none = (Comparison(challenger, reference, name, None, None, None, method, 0) for name, method in methods.items())
    return Compared(tuple(none), 0, 0)


def learnt(engine: Catalogue, look: Look) -> Mapping[str, frozenset[str]]:
    """The challenger and each reference → the test patients of the challenger's version whom it has learnt from."""
    row = evaluations.evaluation(engine, look.evaluation_id)
    return hold_outs.known_patients(engine, (row.model_version_id, *look.references), row.frozen_dataset_id)


def hold_out(engine: Catalogue, look: Look) -> list[StudyPrediction]:
    """The challenger's scored test studies, without patients whom it has learnt from; under a plan of new patients
    theirs alone."""
    challenger = evaluations.evaluation(engine, look.evaluation_id).model_version_id
    rows = study_predictions(engine, look.evaluation_id, "test")
    rows = [one for one in rows if one.patient_key not in look.learnt[challenger]]
    if look.plan is None or not look.plan.new_patients_only:
        return rows
    seen = plans.looked_at_before(engine, plans.plan(engine, look.plan.budget_plan_id))
    return [one for one in rows if one.patient_key not in seen]


def informative(budget: Budget) -> Budget:
    """The budget itself, or past the planned looks one look's share: what limits are computed at for the person."""
    return budget if budget.alpha > 0 else replace(budget, alpha=alpha_spending.TOTAL / budget.planned)


def verdict(engine: Catalogue, look: Look, recipe: Recipe) -> Decision:
    """What the comparisons say, whether or not the gate may act on it: see `asks`."""
    if look.missing:
        return Decision(
            "undecided",
            f"the network of {', '.join(look.missing)}, which serves or served, is missing from "
            f"{work_folders(home()).models}: there is nothing to compare with",
        )
    if look.budget is None:
        if not look.references:
            return Decision("promoted", "the first model: there is no champion to compare with")
        found = promotion_gate.decide(look.comparisons, recipe.gate)
    else:
        budget = informative(look.budget)
        if not look.references:
            return score_gate.decide_first(hold_out(engine, look), retrain_plan.floors(recipe.gate), budget)
        found = score_gate.decide([one for _, one in look.compared], promotion_gate.margins(recipe.gate), budget)
    row = evaluations.evaluation(engine, look.evaluation_id)
    changed = _labels_since(engine, row.frozen_dataset_id, look.references[0])
    return replace(found, reason=found.reason + (f" ({changed})" if changed else ""))


def asks(look: Look, found: Decision, recipe: Recipe, looks: int) -> str:
    """Why a person has to decide, or nothing. looks: how often the hold-out was scored, by the bootstrap rule."""
    if recipe.gate.ask_person:
        return "the recipe asks a person (gate.ask_person)"
    if look.budget is None or look.plan is None:
        if found.decision == "promoted" and look.comparisons and looks > recipe.gate.max_looks:
            return f"this hold-out has been looked at {looks} times, more than gate.max_looks = {recipe.gate.max_looks}"
        return ""
    if look.budget.alpha <= 0 and found.decision != "refused":
        return "the looks that its plan allows are spent"
    tried = look.references and not look.missing
    if tried and found.decision == "undecided" and not retrain_plan.can_decide(look.plan.content):
        return f"this hold-out can't decide, as its plan {look.plan.plan_id} foretold"
    return ""


def _labels_since(engine: Catalogue, dataset_id: str, reference: str) -> str:
    """Says that the reference was trained on earlier labels; both are compared on those of this version."""
    now = datasets.dataset(engine, dataset_id).label_version
    trained_on = datasets.training_dataset(engine, reference)
    if trained_on is None or trained_on.label_version == now:
        return ""
    return f"{reference} learnt label version {trained_on.label_version}; both are compared on version {now}"
