"""Flow `show-leak`: the original report's leaky protocol beside the honest figure, on train patients only."""

from __future__ import annotations

from prefect import flow

from db import evaluations as stored
from db.engine import open_catalogue
from flows.parameters import Models
from tasks.leak_demonstration import show_leak
from wrist_model.recipe import load
from wrist_model.records import LeakDemonstration


@flow(name="show-leak", flow_run_name="show the leak · {recipe}", description=__doc__)
def show(evaluations: list[str], recipe: str = "report", models: Models = None) -> list[LeakDemonstration]:
    """Gives the leaky and the honest numbers. evaluations: the honest, finished ones, of one data-set version."""
    chosen = load(recipe, models)
    engine = open_catalogue()
    found: list[LeakDemonstration] = []
    for row in (stored.evaluation(engine, one) for one in evaluations):
        if row.architecture in chosen.network.architectures:
            found += show_leak(row.frozen_dataset_id, chosen, row.architecture, row.evaluation_id)
    return found
