"""Commands that run flows: demo, ingest, retrain and its parts, predict."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flows.console.shared import (
    BodyPart,
    Cluster,
    Dataset,
    Jobs,
    Json,
    Labels,
    Models,
    Paths,
    RecipeFile,
    Source,
    check,
    counted,
    prefect,
    say,
    show,
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (demo, ingest, split, retrain, train, evaluate, tune, explain, report, predict):
        app.command()(command)


def ingest(
    paths: Paths = None,
    labels: Labels = None,
    source: Source = None,
    body_part: BodyPart = "WRIST",
    jobs: Jobs = None,
    max_megapixels: Annotated[float, typer.Option(help="Larger pictures are refused.", min=0.01)] = 64.0,
    cluster: Cluster = None,
    remember: Annotated[bool, typer.Option("--remember", help="Note the paths in sources.toml.")] = False,
    as_json: Json = False,
) -> None:
    """Catalogue files: a MURA tree, a folder or file of DICOM, PNG or JPEG, a DICOMDIR, or a manifest CSV."""
    check("report", paths=paths, roots=True)
    with prefect():
        from db.engine import home
        from flows.ingest import ingest as flow
        from tasks.catalogue import places
        from tasks.roots import Root
        from tasks.roots import remember as note
        from wrist_model.sources.find import absolute

        counts = flow(paths, labels, source, body_part, jobs=jobs, max_megapixels=max_megapixels, cluster=cluster)
        for place in places(paths, labels, source, body_part) if remember and paths else ():
            file = str(absolute(place.labels)) if place.labels else None
            note(home(), Root(str(absolute(place.path)), file, place.source, place.body_part))
    show(counts, as_json, lambda: _tell_counts(counts))


def _tell_counts(counts: dict[str, Any]) -> None:
    parts = [f"{number} {name}" for name, number in counts.items() if name not in ("seen", "reasons") and number]
    print(f"{counted(counts['seen'], 'file')} seen: {', '.join(parts) or 'nothing'}")
    _tell_quarantined(counts)


def _tell_quarantined(counts: dict[str, Any]) -> None:
    for reason, number in sorted(counts["reasons"].items()):
        print(f"  quarantined as {reason}: {number}")
    if counts["reasons"]:
        print('  which, and why: wrist sql "select path, reason from quarantined_files order by quarantined_at desc"')


def split(
    freeze: Annotated[bool, typer.Option("--freeze", help="Freeze a data-set version.")] = False,
    as_json: Json = False,
) -> None:
    """Show the patient-level split and the guard's findings; freeze a data-set version."""
    from tasks.guard import look

    found = look()
    if freeze:
        with prefect():
            from flows.freeze import freeze as flow

            found["dataset_id"] = flow()

    def tell() -> None:
        print(f"{'split':<12}{'patients':>9}{'studies':>9}{'images':>9}{'positive images':>17}")
        for row in found["splits"]:
            share = f"{row['positive_images']} ({row['positive_share']:.0%})" if row["images"] else "0"
            print(f"{row['split']:<12}{row['patients']:>9}{row['studies']:>9}{row['images']:>9}{share:>17}")
        for reason, number in found["left_out"].items():
            print(f"left out: {number} images: {reason}")
        print(f"guard: {found['guard']}")
        for link in found["kept_apart"][:20]:
            what, splits = link["kind"].replace("_", " "), " and ".join(link["splits"])
            print(f"kept apart ({what}, {splits}): {' '.join(link['images'])}")
        if "dataset_id" in found:
            print(f"frozen: {found['dataset_id']}")

    show(found, as_json, tell)


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
    check(recipe, model, paths, roots=True)
    with prefect():
        from flows.retrain import retrain as flow

        result = flow(paths, labels, source, body_part, recipe, model, jobs)
    show(result, as_json, lambda: _tell_retrained(result))


def _tell_retrained(result: dict[str, Any]) -> None:
    from db.engine import home, open_catalogue
    from tasks.headline import headlines

    print(f"\nData set {result['dataset_id']}; gate: {result['decision']}.")
    print(f"{'study level, test split':<26}{'AUC':>22}{'sensitivity':>22}{'specificity':>22}")
    for row in headlines(open_catalogue(), result["evaluations"]):
        cells = "".join(f"{row[name]:>22}" for name in ("roc_auc", "sensitivity", "specificity"))
        print(f"{row['architecture']:<26}{cells}")
    print(f"Report:    {result['report']}")
    print(f"Catalogue: {home() / 'catalogue.sqlite'}")


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
        from flows.train import train as flow

        versions = flow(dataset, recipe, model, tensorboard)
    show({"model_versions": versions}, as_json, lambda: print("\n".join(versions)))


def evaluate(
    recipe: RecipeFile = "report",
    model: Models = None,
    dataset: Dataset = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Derive stored metrics again; change nothing.")
    ] = False,
    show_leak: Annotated[bool, typer.Option("--show-leak", help="Train once the leaky way, for show.")] = False,
    as_json: Json = False,
) -> None:
    """Predict, lock operating points on validation, score test, store predictions and metrics."""
    if recompute:
        return _recompute(as_json)
    check(recipe, model)
    with prefect():
        from flows.evaluate import evaluate as flow

        found = flow(dataset, recipe, model)
        if show_leak:
            from flows.show_leak import show as leak
            from tasks.evidence import sentence

            leaks = leak(found, recipe, model)
            return show({"evaluations": found, "leak": leaks}, as_json, lambda: print("\n".join(map(sentence, leaks))))
    return show({"evaluations": found}, as_json, lambda: print("\n".join(found)))


def _recompute(as_json: bool) -> None:
    from tasks.evidence import recomputed

    found = recomputed()
    differences = [str(difference) for one in found for difference in one.differences]
    lines = [f"{one.evaluation_id} {one.architecture}: {one.n_metrics} metrics derived again" for one in found]
    lines += differences[:20] or ["no difference"]
    counts = {one.evaluation_id: one.n_metrics for one in found}
    show({"metrics": counts, "differences": differences}, as_json, lambda: print("\n".join(lines)))
    if differences:
        raise typer.Exit(1)


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
        from flows.tune import tune as flow

        found = flow(dataset, recipe, model, trials, jobs)
    show(found, as_json, lambda: print("\n".join(f"{key}: {value}" for key, value in found.items())))


def explain(recipe: RecipeFile = "report", as_json: Json = False) -> None:
    """Make Grad-CAM maps for the gallery of the newest evaluations."""
    check(recipe)
    with prefect():
        from flows.explain import explain as flow

        made = flow(None, recipe)
    show({"maps": made}, as_json, lambda: print(f"{made} maps"))


def report(as_json: Json = False) -> None:
    """Write the HTML report of the newest evaluations."""
    with prefect():
        from flows.report import report as flow

        path = flow()
    show({"report": path}, as_json, lambda: print(path))


def predict(
    paths: Paths = None,
    model: Annotated[str | None, typer.Option("--model", help="A role or a model version's id.")] = None,
    source: Source = None,
    body_part: BodyPart = "WRIST",
    jobs: Jobs = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Score new studies with the champion at its serving operating point; stored like any other prediction."""
    check("report", paths=paths, roots=True)
    from db import audit
    from db.engine import open_catalogue

    audit.model(open_catalogue(existing=True), model)  # an unknown one is said at once
    with prefect():
        from flows.score import score as flow

        result = flow(paths, model, source, body_part, jobs, cluster)

    def tell() -> None:
        before, model_version_id = result["before"], result["model_version_id"]
        _tell_quarantined(result["ingest"])
        if result["evaluation_id"] is None and not before:
            print(f"Nothing to score with {model_version_id}: no study was catalogued there.")
        for row in result["studies"]:
            word = "abnormal" if row["predicted_label"] else "normal"
            files = row["paths"] or [counted(row["n_images"], "image")]
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            print(f"{row['study_uid']}  {row['probability']:.3f}  {word:8}  {files[0]}{more}")
        if before:
            print(
                f'{counted(before, "study", "studies")} scored before: wrist sql "select * from study_predictions '
                f"where purpose = 'prospective' and model_version_id = '{model_version_id}'\""
            )

    show(result, as_json, tell)


def demo(as_json: Json = False) -> None:
    """Make synthetic radiographs, run the whole retraining flow on them, and say where everything is."""
    from db.engine import home
    from wrist_model.synthetic import dataset

    folder = home() / "demo-data"
    say("Wrist demo: synthetic radiographs, networks trained from scratch. What it shows is the pipeline, not wrists.")
    made = dataset.write(folder)
    paths, labels = [str(made.mura), str(made.dicom)], ["", str(made.labels)]
    with prefect():
        from flows.retrain import retrain as flow

        result = flow(paths, labels, "synthetic", "WRIST", "demo")
    show(result, as_json, lambda: _tell_demo(result))


def _tell_demo(result: dict[str, Any]) -> None:
    _tell_retrained(result)
    print("\nThree queries to try:")
    for sql in QUERIES:
        print(f'  .venv/bin/wrist sql "{sql}"')
    print("\nNext: .venv/bin/wrist up   (the run's history in the Prefect UI)")
    print("These radiographs are synthetic and the networks began from random weights: no figure here is about wrists.")


QUERIES = (
    "select label, split, count(*) as studies from studies group by label, split",
    "select architecture, level, value, ci_low, ci_high from evaluation_metrics "
    "where metric = 'roc_auc' and split = 'test' and subgroup = 'all'",
    "select reason_code, count(*) as files from quarantined_files group by reason_code",
)
