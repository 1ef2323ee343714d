"""Flow `explain`: Grad-CAM maps for the gallery, of each network, and where they lie to boxes that people drew."""

from __future__ import annotations

from prefect import flow

from db.engine import open_catalogue
from tasks.evaluation_choice import evaluation_to_serve, latest, with_external
from tasks.explain import explain as explain_evaluation
from tasks.recipe import chosen_recipe


@flow(name="explain", flow_run_name="explain", description=__doc__)
def explain(evaluations: list[str] | None = None, recipe: str = "report") -> int:
    """Gives how many maps there are. Without ids: the newest evaluations, one a model version, and of each of these
    models the newest on each external set, whose pictures are measured where boxes are drawn on them."""
    chosen = chosen_recipe(recipe)
    evaluations = evaluations or with_external(open_catalogue(), latest())
    by = evaluation_to_serve(evaluations, chosen)
    how = chosen.explain.gallery, chosen.evaluation.resamples, chosen.evaluation.bootstrap_seed
    return sum(len(explain_evaluation(one, by, *how)) for one in evaluations)
