"""Commands that train: retrain, train, tune."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flows.console.flow_session import check, prefect, with_link
from flows.console.options import BodyPart, Dataset, Jobs, Json, Labels, Models, Paths, RecipeFile, Source
from flows.console.output import show


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (retrain, train, tune):
        app.command()(command)


def retrain(
    paths: Paths = None,
    labels: Labels = None,
    source: Source = None,
    body_part: BodyPart = "WRIST",
    recipe: RecipeFile = "report",
    model: Models = None,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """The whole job: ingest, freeze, train both, evaluate, gate, report. Run again, it goes on where it was."""
    check(recipe, model, paths, labels=labels, roots=True)
    with prefect():
        from flows.retrain import retrain as retrain_flow
        from tasks import requests

        with requests.stored(paths, labels) as request:
            result = with_link(retrain_flow)(None, None, source, body_part, recipe, model, jobs, request=request)
    show(result, as_json, lambda: print_retrained(result))


def print_retrained(result: dict[str, Any]) -> None:
    """What a retrain ended with: its decision, the headline figures, where report and catalogue are."""
    from db.engine import open_catalogue
    from db.home import catalogue_file, home
    from tasks.metrics_table import metrics_table

    print(f"\nData set {result['dataset_id']}; gate: {result['decision']}.")
    print(f"{'study level, test split':<26}{'AUC':>22}{'sensitivity':>22}{'specificity':>22}")
    for row in metrics_table(open_catalogue(), result["evaluations"]):
        cells = "".join(f"{row[name]:>22}" for name in ("roc_auc", "sensitivity", "specificity"))
        print(f"{row['architecture']:<26}{cells}")
    print(f"Report:    {result['report']}")
    print(f"Catalogue: {catalogue_file(home())}")


def train(
    recipe: RecipeFile = "report",
    model: Models = None,
    dataset: Dataset = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard logs too.")] = False,
    as_json: Json = False,
) -> None:
    """Train a recipe's networks on a frozen data-set version; a new one is frozen when none is named."""
    check(recipe, model)
    with prefect():
        from flows.train import train as train_flow

        versions = train_flow(dataset, recipe, model, tensorboard)
    show({"model_versions": versions}, as_json, lambda: print("\n".join(versions)))


def tune(
    recipe: RecipeFile = "report",
    model: Models = None,
    dataset: Dataset = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="How many; default: the recipe's.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="How many trials run at once.")] = 1,
    as_json: Json = False,
) -> None:
    """Search learning rate, batch size, dropout, dense units and views on validation; write the best recipe."""
    check(recipe, model)
    with prefect():
        from flows.tune import tune as tune_flow

        found = tune_flow(dataset, recipe, model, trials, jobs)
    show(found, as_json, lambda: print("\n".join(f"{key}: {value}" for key, value in found.items())))
