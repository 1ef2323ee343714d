"""Flow `evaluate_external`: score a frozen model with its locked operating points on an external set."""

from __future__ import annotations

from typing import Any

from prefect import flow, runtime

from tasks.evaluation_metrics import score
from tasks.external_set import beside, find_set
from tasks.predict_dataset import predict
from tasks.recipe import chosen_recipe
from tasks.runtime.run_names import named


def _name() -> str:
    return named("evaluate", f"external {runtime.flow_run.get_parameters().get('hold_out')}")


@flow(name="evaluate_external", flow_run_name=_name, description=__doc__)
def evaluate_external(hold_out: str, model: str = "champion", dataset_id: str | None = None) -> dict[str, Any]:
    """Gives the evaluation, its figures beside the internal ones, what the labels mean, and how often this set was
    looked at; a look of this set alone, the internal test split is not scored.

    Args:
        hold_out: The external set's name.
        model: A role (champion, challenger), a network's name, or a model version's id.
        dataset_id: A frozen version; none: the newest that holds the set.
    """
    model_version_id, version, recipe_sha256 = find_set(hold_out, model, dataset_id)
    recipe = chosen_recipe(recipe_sha256)
    evaluation_id = predict(model_version_id, version, recipe, hold_out=hold_out)
    score(evaluation_id, recipe)
    return beside(evaluation_id)
