"""Flow `retrain`: ingest, freeze, train, evaluate, explain, gate, report: what the schedule runs."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.evaluate import evaluate
from flows.explain import explain
from flows.ingest import ingest
from flows.report import report
from flows.train import train
from tasks.dataset import freeze
from tasks.lock import only_one
from tasks.promote import gate
from wrist_model.recipe import load


@flow(name="retrain", flow_run_name="retrain · {recipe}", description=__doc__)
def retrain(
    paths: list[str] | None = None,
    labels: list[str] | None = None,
    source: str | None = None,
    body_part: str = "WRIST",
    recipe: str = "report",
    models: list[str] | None = None,
    jobs: int | None = None,
) -> dict[str, Any]:
    """The whole job. Interrupted anywhere, the same call again goes on where it was; unchanged work is reused.

    Gives ingest (counts), dataset_id, model_versions, evaluations, decision and report (a path).
    """
    chosen = load(recipe, models)
    with only_one("retrain"):
        counts = ingest(paths, labels, source, body_part, recipe, jobs)
        dataset_id = freeze()
        versions = train(dataset_id, recipe, models)
        evaluations = evaluate(dataset_id, recipe, models, versions)
        explain(evaluations, recipe)
        decision = gate(evaluations, chosen)
        page = report(evaluations)
    return {
        "ingest": counts,
        "dataset_id": dataset_id,
        "model_versions": versions,
        "evaluations": evaluations,
        "decision": decision,
        "report": page,
    }
