"""Flow `evaluate`: predict, lock operating points on validation, score test, compare."""

from __future__ import annotations

from prefect import flow

from flows.parameters import Models
from tasks.compare import compare_networks
from tasks.evaluation_choice import ensemble_of, models_to_evaluate, replicates_to_evaluate
from tasks.evaluation_metrics import score
from tasks.predict_dataset import predict
from tasks.recipe import used_recipe
from tasks.runtime.run_names import of_training


@flow(name="evaluate", flow_run_name=of_training, description=__doc__)
def evaluate(
    dataset_id: str | None = None,
    recipe: str = "report",
    models: Models = None,
    model_versions: list[str] | None = None,
) -> list[str]:
    """Gives the evaluations of each network and, last, of their ensemble. The recipe's replicates are measured after
    them, on the same studies; as their models can't serve, that is no look.

    Without ids: the newest data-set version, and the model versions that this recipe has trained on it.
    """
    chosen = used_recipe(recipe, models)
    dataset_id, versions = models_to_evaluate(dataset_id, chosen, model_versions)
    networks = [predict(version, dataset_id, chosen) for version in versions]
    found = list(networks)
    if len(networks) > 1:
        found.append(predict(ensemble_of(versions), dataset_id, chosen, networks))
    for evaluation_id in found:
        score(evaluation_id, chosen)
    if len(networks) > 1:
        compare_networks(networks, chosen)
    for members in replicates_to_evaluate(dataset_id, chosen):
        rows = [predict(version, dataset_id, chosen) for version in members]
        if len(members) > 1:
            rows.append(predict(ensemble_of(members), dataset_id, chosen, rows))
        for evaluation_id in rows:
            score(evaluation_id, chosen)
    return found
