"""Flow `show-leak`: the original report's leaky protocol beside the honest figure, on train patients only."""

from __future__ import annotations

from prefect import flow

from db.engine import open_catalogue
from db.evaluations import evaluation
from flows.parameters import Models
from tasks.leak_demonstration import show_leak as leak_of
from tasks.recipe import chosen_recipe
from wrist_model.evidence_records import LeakDemonstration


@flow(name="show-leak", flow_run_name="show the leak - {recipe}", description=__doc__)
def show_leak(evaluations: list[str], recipe: str = "report", models: Models = None) -> list[LeakDemonstration]:
    """Gives the leaky numbers, their controls and the honest ones.

    evaluations: the honest, finished ones, of one data-set version."""
    chosen = chosen_recipe(recipe, models)
    engine = open_catalogue()
    found: list[LeakDemonstration] = []
    for row in (evaluation(engine, one) for one in evaluations):
        if row.architecture in chosen.network.architectures:
            found += leak_of(row.frozen_dataset_id, chosen, row.architecture, row.evaluation_id)
    return found
