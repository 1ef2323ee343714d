"""Checks of the evidence: derive stored metrics again; show what the original report's leaky protocol would give."""

from __future__ import annotations

from prefect import get_run_logger, task

from db import datasets, leak_demonstrations, metrics
from db.engine import open_catalogue
from db.home import home
from tasks.evaluate import HOLD_OUT
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from wrist_model.evidence import leak_demonstration
from wrist_model.recipe import Recipe
from wrist_model.report.report_data import LeakReport


@task(name="show the leak", task_run_name="show the leak of {architecture}", tags=["evaluation"])
def show_leak(dataset_id: str, recipe: Recipe, architecture: str, evaluation_id: str) -> list[LeakReport]:
    """Trains once on an image-level split with copies, of train patients only; writes leak_demonstrations.

    evaluation_id: the honest evaluation of the same network, whose image-level test metric stands beside.
    """
    engine, by = open_catalogue(), provenance()
    refs = [ref for ref in datasets.image_refs(engine, dataset_id, "train") if ref.label is not None]
    with progress(f"leaky {architecture}") as tell:
        figures = leak_demonstration.demonstrate(refs, recipe, architecture, home(), tell)
    honest = {
        metric.metric: metric
        for metric in metrics.metrics(engine, evaluation_id)
        if (metric.split, metric.level, metric.subgroup) == (HOLD_OUT, "image", "all")
        and metric.operating_point in (None, recipe.evaluation.serving)
    }
    found = []
    for figure in figures:
        leak_demonstrations.add_leak_demonstration(
            engine,
            leak_demonstrations.LeakDemonstration(
                dataset_id,
                architecture,
                "image_split",
                figure.metric,
                figure.value,
                figure.ci_low,
                figure.ci_high,
                figure.n_images,
                figure.n_patients,
                recipe.sha256,
                f"{figure.share_with_sibling:.4f} of the test images have a copy or a sibling in train",
            ),
            by,
        )
        beside = honest.get(figure.metric)
        if beside is not None:
            leak_demonstrations.add_leak_demonstration(
                engine,
                leak_demonstrations.LeakDemonstration(
                    dataset_id,
                    architecture,
                    "patient_split",
                    figure.metric,
                    beside.value,
                    beside.ci_low,
                    beside.ci_high,
                    beside.n_images,
                    beside.n_patients,
                    recipe.sha256,
                    f"the honest figure, of {evaluation_id}",
                ),
                by,
            )
        shown = LeakReport(
            architecture,
            figure.metric,
            figure.value,
            beside.value if beside else None,
            figure.n_images,
            figure.share_with_sibling,
        )
        found.append(shown)
        get_run_logger().info("%s", sentence(shown))
    return found


def sentence(shown: LeakReport) -> str:
    """The leaky number and the honest one in a line."""
    leaky, honest = ("undefined" if value is None else f"{value:.3f}" for value in (shown.leaky, shown.honest))
    return (
        f"{shown.architecture} {shown.metric}: {leaky} by image with copies ({shown.share_with_sibling:.0%} of test "
        f"has a copy or sibling in train), {honest} by patient. The first is what a leak looks like."
    )


def leaks(dataset_id: str) -> tuple[LeakReport, ...]:
    """What leak_demonstrations holds of a data-set version, the newest of each network and metric, for the page."""
    rows = leak_demonstrations.leak_demonstrations(open_catalogue(), dataset_id)
    newest = {(row.architecture, row.metric, row.protocol): row for row in rows}
    found = []
    for (architecture, metric, protocol), row in newest.items():
        if protocol == "image_split":
            honest = newest.get((architecture, metric, "patient_split"))
            share = float(row.note.split(" ", 1)[0]) if row.note[:1].isdigit() else 0.0
            value = honest.value if honest else None
            found.append(LeakReport(architecture, metric, row.value, value, row.n_images, share))
    return tuple(found)
