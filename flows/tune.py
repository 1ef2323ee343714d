"""Flow `tune`: search learning rate, batch size and the like on validation; the test split is never touched."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from flows.parameters import Models
from tasks import named_files
from tasks.freeze import freeze
from tasks.recipe import used_recipe
from tasks.runtime.run_names import of_training


@flow(name="tune", flow_run_name=of_training, description=__doc__, timeout_seconds=6 * 24 * 3600)
def tune(
    dataset_id: str | None = None,
    recipe: str = "report",
    models: Models = None,
    trials: Annotated[int | None, Field(ge=1, le=10_000)] = None,
    processes: Annotated[int, Field(ge=1, le=64)] = 1,
) -> dict[str, Any]:
    """Gives, for each network, the best trial and the recipe file written from it.

    Args:
        dataset_id: A frozen version; none: freeze one now.
        recipe: A name in recipes/, or the path of a TOML file.
        models: These networks only.
        trials: How many; none: the recipe's.
        processes: How many trials run at once.
    """
    from tasks.tune import search

    named_files.of_a_deployment(recipe=recipe)
    chosen = used_recipe(recipe, models)
    dataset_id = dataset_id or freeze(mixed_labels=chosen.data.mixed_labels)
    return {name: search(dataset_id, chosen, name, trials, processes) for name in chosen.network.architectures}
