"""Flow `show-leak`: the original report's leaky protocol beside the honest figure, on train patients only."""

from __future__ import annotations

from prefect import flow

from db import evaluations as stored
from db.engine import open_catalogue
from flows.parameters import Models
from tasks.evaluate import frozen
from tasks.leak_demonstration import LeakReport, show_leak
from wrist_model.recipe import load


@flow(name="show-leak", flow_run_name="show the leak · {recipe}", description=__doc__)
def show(evaluations: list[str], recipe: str = "report", models: Models = None) -> list[LeakReport]:
    """Gives the leaky and the honest numbers. evaluations: the honest, finished ones, of one data-set version."""
    chosen = load(recipe, models)
    engine = open_catalogue()
    found: list[LeakReport] = []
    for row in (stored.evaluation(engine, one) for one in evaluations):
        if row.architecture in chosen.network.architectures:
            found += show_leak(frozen(row), chosen, row.architecture, row.evaluation_id)
    return found
