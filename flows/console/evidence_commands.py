"""Commands that measure and show: plan, evaluate, explain, explain-prediction, report."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.console.flow_session import check, prefect
from flows.console.options import Dataset, Json, Models, RecipeFile
from flows.console.output import counted, show


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (plan, evaluate, explain, report):
        app.command()(command)
    app.command("explain-prediction")(explain_prediction)


def plan(
    recipe: RecipeFile = "report",
    model: Models = None,
    dataset: Dataset = None,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="Store it now, ahead of the retrain; it is fixed then.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What a retrain's gate goes by, and what the hold-out can decide: power, margins, studies, looks that are left."""
    check(recipe, model, networks=False)
    from tasks.plan_shown import shown

    found = shown(recipe, model, dataset, freeze)

    def tell() -> None:
        print(found["said"])
        for what, words in found["lines"]:
            print(f"  {what:<14}{words}")

    show({key: value for key, value in found.items() if key not in ("said", "lines")}, as_json, tell)


def evaluate(
    recipe: RecipeFile = "report",
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="One network only, may be repeated; of --external a role or an id."),
    ] = None,
    dataset: Dataset = None,
    external: Annotated[
        str | None, typer.Option("--external", help="Score a model (the champion) on this external set alone.")
    ] = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Derive stored metrics again; change nothing.")
    ] = False,
    show_leak: Annotated[bool, typer.Option("--show-leak", help="Train once the leaky way, for show.")] = False,
    as_json: Json = False,
) -> None:
    """Predict, lock operating points on validation, score test, store predictions and metrics.

    With --external NAME: score a model that is frozen, by its locked points, on that external set, and show its figures
    beside the internal ones; it is a look of that set alone.
    """
    if recompute:
        return _recompute(as_json)
    if external is not None:
        return _external(external, model, dataset, as_json)
    check(recipe, model)
    with prefect():
        from flows.evaluate import evaluate as evaluate_flow

        found = evaluate_flow(dataset, recipe, model)
        if show_leak:
            from flows.show_leak import show_leak as show_leak_flow
            from tasks.leak_demonstration import sentence

            leaks = show_leak_flow(found, recipe, model)
            return show({"evaluations": found, "leak": leaks}, as_json, lambda: print("\n".join(map(sentence, leaks))))
    return show({"evaluations": found}, as_json, lambda: print("\n".join(found)))


def _external(name: str, model: list[str] | None, dataset: str | None, as_json: bool) -> None:
    if len(model or ()) > 1:
        raise typer.BadParameter("Of --external one model: a role, such as champion, or an id.", param_hint="--model")
    check("report")
    with prefect():
        from flows.evaluate_external import evaluate_external as external_flow

        found = external_flow(name, (model or ["champion"])[0], dataset)

    def tell() -> None:
        print(f"{found['evaluation_id']}: {found['model_version_id']} on external set {name}, look {found['looks']}")
        width = max(len(row["metric"]) for row in found["metrics"])
        heads = {side: f"{side} ({counted(n, 'study', 'studies')})" for side, n in found["studies"].items()}
        print(f"{'':<{width}}  {heads['internal']:<24}  {heads['external']}")
        for row in found["metrics"]:
            print(f"{row['metric']:<{width}}  {row['internal']:<24}  {row['external']}")
        if found["mismatch"]:
            print(found["mismatch"])
        if found["came_later"]:
            came = counted(found["came_later"], "image")
            print(f"not scored: {came} that came after {found['dataset_id']} was frozen (`wrist split --freeze`)")
        print(f"subgroups: wrist report, or wrist sql \"select * from evaluation_metrics where hold_out = '{name}'\"")

    show(found, as_json, tell)


def _recompute(as_json: bool) -> None:
    from tasks.recompute import recomputed

    found = recomputed()
    differences = [str(difference) for one in found for difference in one.differences]
    lines = [f"{one.evaluation_id} {one.architecture}: {one.n_metrics} metrics derived again" for one in found]
    lines += differences[:20] or ["no difference"]
    counts = {one.evaluation_id: one.n_metrics for one in found}
    show({"metrics": counts, "differences": differences}, as_json, lambda: print("\n".join(lines)))
    if differences:
        raise typer.Exit(1)


def explain(recipe: RecipeFile = "report", as_json: Json = False) -> None:
    """Make Grad-CAM maps for the gallery of the newest evaluations, and measure maps on boxes."""
    check(recipe)
    with prefect():
        from flows.explain import explain as explain_flow

        made = explain_flow(None, recipe)
    show({"maps": made}, as_json, lambda: print(f"{made} maps"))


def report(as_json: Json = False) -> None:
    """Write the HTML report of the newest evaluations."""
    with prefect():
        from flows.report import report as report_flow

        path = report_flow()
    show({"report": path}, as_json, lambda: print(path))


def explain_prediction(
    prediction: Annotated[str, typer.Argument(metavar="ID", help="ip-… or sp-…, as prediction_id in the views.")],
    as_json: Json = False,
) -> None:
    """Where a prediction comes from: model, training, weights, recipe, data, files, code, libraries, machine."""
    from db import lineage
    from db.engine import open_catalogue

    found = lineage.explain_prediction(open_catalogue(existing=True, writes=False), prediction)
    show(found, as_json, lambda: print("\n".join(lineage.lines(found))))
