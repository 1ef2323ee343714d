"""What `wrist plan` shows: the plan that is stored, or what it would say now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from db import datasets, plans
from db.engine import open_catalogue
from tasks.plan import budget_of, draft, frozen_plan
from tasks.recipe import chosen_recipe
from wrist_model.evidence import retrain_plan


def shown(recipe: str, models: Sequence[str] | None, dataset_id: str | None, freeze: bool) -> dict[str, Any]:
    """Gives the plan of a recipe on a frozen version (the newest), its content and what is left; `said` and `lines` are
    for the console. freeze: writes it where none is stored. Raises DataError without a frozen version.
    """
    engine, chosen = open_catalogue(existing=True, writes=freeze), chosen_recipe(recipe, models)
    version = datasets.dataset(engine, dataset_id).dataset_id
    known = plans.plan_of(engine, chosen.sha256, version)
    if freeze and known is None:
        known = frozen_plan(version, chosen)
    score = chosen.gate.rule == "score"
    if known is not None:
        content, budget = json.loads(known.content), budget_of(engine, known) if score else None
        said = f"Plan {known.plan_id} of {chosen.name}, stored {known.created_at}, SHA-256 {known.content_sha256}"
    else:
        made = draft(engine, version, chosen)
        content, budget = made.content, made.standing.budget if score else None
        said = f"No plan of {chosen.name} is stored on {version} yet (--freeze stores one). It would say:"
    return {
        "plan_id": known.plan_id if known else None,
        "content_sha256": known.content_sha256 if known else None,
        "content": content,
        "look": budget.look if budget else None,
        "alpha": budget.alpha if budget else None,
        "alpha_left": budget.left if budget else None,
        "said": said,
        "lines": retrain_plan.in_words(content, budget),
    }
