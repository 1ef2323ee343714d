"""An external set: which frozen version holds it, what a model may not have seen of it, and its figures beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prefect import task
from sqlalchemy import Engine

from db import datasets, evaluations, hold_outs, metrics, models, recipes
from db.catalogue_settings import label_meaning
from db.engine import open_catalogue
from wrist_model.errors import DataError
from wrist_model.recipe import Recipe
from wrist_model.recipe import stored as stored_recipe
from wrist_model.report.external_sets import BESIDE
from wrist_model.report.metric_text import with_interval
from wrist_model.scoring.serving_point import serving_metrics, serving_point


@dataclass(frozen=True)
class Meanings:
    """What a positive label says of the studies that a model was trained on, and of an external set's."""

    trained: tuple[str, ...]
    external: tuple[str, ...]

    @property
    def mismatch(self) -> str:
        """A sentence where they differ, else nothing."""
        if self.trained == self.external:
            return ""
        ours, theirs = " and ".join(self.trained), " and ".join(self.external)
        return (
            f"LABELS MEAN DIFFERENT THINGS: the model learnt {ours!r}, a positive study of this set is {theirs!r}. "
            "These figures say how well the one tells the other."
        )


@task(name="find the external set", task_run_name="find the external set {hold_out}", tags=["evaluation"])
def find_set(hold_out: str, model: str, dataset_id: str | None = None) -> tuple[str, str, str]:
    """The model version, the data-set version (the newest that holds the set) and the model's own recipe, by its hash;
    writes nothing.

    Raises DataError for a set that no frozen version holds, or a model without locked operating points; LeakError where
    the model has seen pictures or patients of the set, trained on a version of which the set was no part yet.
    """
    engine = open_catalogue()
    found = models.model(engine, model)
    version = datasets.dataset(engine, dataset_id).dataset_id if dataset_id else hold_outs.newest_with(engine, hold_out)
    if version is None or hold_out not in hold_outs.sets_in(engine, version):
        raise DataError(_absent(engine, hold_out, version))
    if serving_point(models.operating_points(engine, found.model_version_id)) is None:
        raise DataError(
            f"{found.model_version_id} has no locked operating points: `wrist evaluate` fixes them on validation first."
        )
    hold_outs.refuse_known(engine, found.model_version_id, version, hold_out)
    return found.model_version_id, version, own_recipe(engine, found.model_version_id).sha256


def _absent(engine: Engine, hold_out: str, version: str | None) -> str:
    """Why a version, or any, includes nothing of an external set, and what mends that."""
    catalogued = hold_outs.all_sets(engine)
    if hold_out not in catalogued:
        known = ", ".join(catalogued) or "none"
        return (
            f"No external set {hold_out!r} in the catalogue; known are: {known}. `wrist ingest PATH --as external "
            f"{hold_out}` designates one, `wrist split --freeze` freezes it."
        )
    if version and (reasons := hold_outs.left_out(engine, version, hold_out)):
        said = ", ".join(f"{number} {reason}" for reason, number in reasons.items())
        return (
            f"No external set {hold_out!r} in {version}: all its images are left out there ({said}). Only labelled "
            "images are measured: label them, or take them in again (`wrist exclude ID --undo`), and freeze anew."
        )
    held = ", ".join(hold_outs.sets_in(engine, version)) if version else ""
    return (
        f"No external set {hold_out!r} in {version or 'any data-set version'}"
        f"{f' (sets in it: {held})' if held else ''}: it came after that. `wrist split --freeze` freezes it."
    )


def own_recipe(engine: Engine, model_version_id: str) -> Recipe:
    """The recipe that a model, or an ensemble's first member, was trained with."""
    found = models.model(engine, model_version_id)
    sha256 = models.model(engine, found.members[0]).recipe_sha256 if found.members else found.recipe_sha256
    if sha256 is None:
        raise DataError(f"{model_version_id} has no recipe: it was not trained here.")
    kept = recipes.recipe(engine, sha256)
    return stored_recipe(kept.canonical_json, kept.name)


def meanings(engine: Engine, model_version_id: str, dataset_id: str, hold_out: str) -> Meanings:
    """Of the sources that a model was trained on and of those of an external set, sorted."""
    trained_on = datasets.training_dataset(engine, model_version_id)
    ours = datasets.sources(engine, trained_on.dataset_id, included=True) if trained_on else ()
    theirs = datasets.sources(engine, dataset_id, included=True, hold_out=hold_out)
    return Meanings(*(tuple(sorted({label_meaning(engine, one) for one in side})) for side in (ours, theirs)))


def beside(evaluation_id: str) -> dict[str, Any]:
    """An external evaluation's figures beside those of the same model's newest internal one, from stored metrics."""
    engine = open_catalogue()
    row = evaluations.evaluation(engine, evaluation_id)
    if row.hold_out is None:
        raise DataError(f"{evaluation_id} is of no external set.")
    internal = evaluations.finished_inside(engine, row.model_version_id)
    points = models.operating_points(engine, row.model_version_id)
    sides = {
        side: serving_metrics(metrics.metrics(engine, one.evaluation_id, split="test", level="study"), points)
        if one
        else {}
        for side, one in (("internal", internal), ("external", row))
    }
    said = meanings(engine, row.model_version_id, row.frozen_dataset_id, row.hold_out)
    return {
        "evaluation_id": evaluation_id,
        "hold_out": row.hold_out,
        "dataset_id": row.dataset_id,
        "model_version_id": row.model_version_id,
        "internal_evaluation_id": internal.evaluation_id if internal else None,
        "looks": evaluations.holdout_looks(engine, row.frozen_dataset_id, row.hold_out),
        "came_later": hold_outs.not_in(engine, row.frozen_dataset_id, row.hold_out),
        "label_meaning": {"trained": list(said.trained), "external": list(said.external)},
        "mismatch": said.mismatch,
        "studies": {side: _studies(found) for side, found in sides.items()},
        "metrics": [
            {"metric": name, **{side: with_interval(found.get(name)) for side, found in sides.items()}}
            for name in BESIDE
            if any(name in found for found in sides.values())
        ],
    }


def _studies(found: dict[str, Any]) -> int:
    return max((one.n_studies for one in found.values()), default=0)
