"""Show what the original report's leaky protocol would give, beside its control and the honest figure."""

from __future__ import annotations

from prefect import get_run_logger, task

from db import evaluations, leak_demonstrations, metrics, models
from db.engine import open_catalogue
from db.home import home, leak_folder
from db.image_refs import image_refs
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from wrist_model.evidence import leak_demonstration
from wrist_model.evidence_records import LeakDemonstration
from wrist_model.recipe import Recipe
from wrist_model.scoring.serving_point import serving_metrics


@task(name="show the leak", task_run_name="show the leak of {architecture}", tags=["evaluation"])
def show_leak(dataset_id: str, recipe: Recipe, architecture: str, evaluation_id: str) -> list[LeakDemonstration]:
    """Trains on an image-level split with copies, of train patients only, and on the same copies dealt by patient;
    writes leak_demonstrations.

    evaluation_id: the honest evaluation of the same network, whose image-level test metric stands beside.
    """
    engine = open_catalogue()
    refs = [ref for ref in image_refs(engine, dataset_id, "train") if ref.label is not None]
    with progress(f"leaky {architecture}") as tell:
        leaky = leak_demonstration.demonstrate(refs, recipe, architecture, leak_folder(home(), architecture), tell)
    honest = serving_metrics(
        metrics.metrics(engine, evaluation_id, split="test", level="image", subgroup="all"),
        models.operating_points(engine, evaluations.evaluation(engine, evaluation_id).model_version_id),
        level="image",
    )
    found = []
    for figure in leaky:
        beside = honest.get(figure.metric)
        shown = leak_demonstration.beside_honest(figure, beside)
        leak_demonstrations.add_leak_demonstration(
            engine,
            dataset_id,
            shown,
            provenance(),
            recipe_sha256=recipe.sha256,
            honest_evaluation_id=evaluation_id if beside else None,
        )
        found.append(shown)
        get_run_logger().info("%s", sentence(shown))
    return found


def sentence(shown: LeakDemonstration) -> str:
    """The leaky number, its control and the honest one in a line."""
    leaky, control, honest = (
        "undefined" if value is None else f"{value:.3f}" for value in (shown.leaky, shown.control, shown.honest)
    )
    return (
        f"{shown.architecture} {shown.metric}: {leaky} with copies dealt by image ({shown.share_with_sibling:.0%} of "
        f"test has a copy or sibling in train), {control} with the same copies dealt by patient: the difference is the "
        f"leak. On the hold-out: {honest}."
    )
