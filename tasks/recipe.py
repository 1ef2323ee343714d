"""A recipe is read once a run: its content is stored, and from then on it goes by its hash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace

from prefect import task

from db import catalogue_settings, recipes
from db.engine import open_catalogue, writing
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.errors import CatalogueError
from wrist_model.network import keras_settings
from wrist_model.recipe import Recipe, load, stored

_SHA256 = re.compile(r"[0-9a-f]{64}")


def used_recipe(recipe: str, models: Sequence[str] | None = None) -> Recipe:
    """`chosen_recipe`, stored; in a run that is resumed or tried again the one that it began with, whatever its file
    says by then. Call it in a flow. Raises CatalogueError when it splits patients otherwise than the catalogue does,
    UsageError where Keras can't be used as the recipe needs it.
    """
    keras_settings.refuse_environment()  # before anything is ingested or frozen for a training that can't be
    sha256, name = read_recipe(recipe, models)
    return replace(chosen_recipe(sha256), name=name)


def chosen_recipe(recipe: str, models: Sequence[str] | None = None) -> Recipe:
    """The recipe of that file or shipped name, or the stored one of that hash; for all of its networks, or some."""
    if not _SHA256.fullmatch(recipe):
        return load(recipe, models)
    kept = recipes.recipe(open_catalogue(), recipe)
    found = stored(kept.canonical_json, kept.name)
    return found.only(tuple(models)) if models else found


@task(name="read the recipe", task_run_name="read the recipe", tags=["catalogue"], **BUSY)
def read_recipe(recipe: str, models: Sequence[str] | None = None) -> tuple[str, str]:
    """Writes the recipe's row where it is new; gives its hash and its name."""
    chosen = chosen_recipe(recipe, models)
    with writing(open_catalogue()) as connection:
        rule = catalogue_settings.split_rule(connection)
        if rule is not None and rule != asdict(chosen.split):
            raise CatalogueError(
                f"This catalogue splits its patients by {rule}; the recipe {chosen.name} says {asdict(chosen.split)}. "
                "A patient never moves: use a recipe with the catalogue's split, or another WRIST_HOME."
            )
        recipes.add_recipe(connection, chosen.as_stored, provenance())
    return chosen.sha256, chosen.name
