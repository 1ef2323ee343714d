"""Recipes that were used, named by the hash of their content."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading
from db.lookups import one
from wrist_model.errors import DataError
from wrist_model.records import Provenance, StoredRecipe


def add_recipe(connection: Connection, recipe: StoredRecipe, by: Provenance) -> int:
    """The row of this recipe, added when it is new. Raises DataError when the hash is not the content's."""
    if hashlib.sha256(recipe.canonical_json.encode()).hexdigest() != recipe.sha256:
        raise DataError(
            f"Recipe {recipe.name}: its hash is not of the content given. Pass Recipe.sha256 and canonical_json."
        )
    found = one(connection, "SELECT id FROM recipe WHERE recipe_sha256 = :sha", sha=recipe.sha256)
    if found:
        return int(found.id)
    row = {"recipe_sha256": recipe.sha256, "name": recipe.name, "content": recipe.canonical_json}
    return append(connection, "recipe", [row], by)


def recipe(engine: Catalogue, recipe_sha256: str) -> StoredRecipe:
    """A stored recipe, under the name with which it was first used. Raises DataError when there is none."""
    with reading(engine) as connection:
        found = one(connection, "SELECT name, content FROM recipe WHERE recipe_sha256 = :sha", sha=recipe_sha256)
    if found is None:
        raise DataError(f"No recipe {recipe_sha256[:12]} in the catalogue.")
    return StoredRecipe(recipe_sha256, found.name, found.content)


def recipe_of_evaluation(engine: Catalogue, evaluation_id: str) -> StoredRecipe:
    """The recipe that an evaluation was made with. Raises DataError where it has none."""
    with reading(engine) as connection:
        row = one(
            connection,
            "SELECT r.recipe_sha256, r.name, r.content FROM evaluation e JOIN recipe r ON r.id = e.recipe_id "
            "WHERE e.evaluation_id = :id",
            id=evaluation_id,
        )
    if row is None:
        raise DataError(f"{evaluation_id} is no evaluation with a stored recipe.")
    return StoredRecipe(*row)
