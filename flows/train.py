"""Flow `train`: train a recipe's networks on a frozen data-set version."""

from __future__ import annotations

from prefect import flow

from flows.parameters import Models
from tasks.freeze import freeze
from tasks.recipe import used_recipe
from tasks.runtime.run_names import of_training
from tasks.train import fit


@flow(name="train", flow_run_name=of_training, description=__doc__)
def train(
    dataset_id: str | None = None,
    recipe: str = "report",
    models: Models = None,
    tensorboard: bool = False,
) -> list[str]:
    """Gives a model version for each network, in the recipe's order. Without a data-set id, one is frozen first.

    The recipe's replicates are trained after them; their models show how far results depend on the seed.

    Args:
        dataset_id: A frozen version; none: freeze one now.
        recipe: A name in recipes/, or the path of a TOML file.
        models: These networks only.
        tensorboard: Write TensorBoard logs too, below tensorboard/ in the home.
    """
    chosen = used_recipe(recipe, models)
    dataset_id = dataset_id or freeze(mixed_labels=chosen.data.mixed_labels)
    networks = chosen.network.architectures
    found = [fit(dataset_id, chosen, architecture, tensorboard) for architecture in networks]
    for replicate in range(1, chosen.training.replicates):
        for architecture in networks:  # one that fails is stored so, and stops nothing
            fit(dataset_id, chosen, architecture, False, replicate, return_state=True)
    return found
