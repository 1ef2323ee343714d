"""Patients: the identity key's fingerprint, the split rule of a catalogue, and where each patient stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import Engine

from db.audit.chain import append
from db.engine import reading, writing
from db.lookups import among, one
from wrist_model.errors import CatalogueError
from wrist_model.records import Provenance, Split


def remember_key(engine: Engine, fingerprint: str, by: Provenance) -> None:
    """Bind the catalogue to its identity key. Raises CatalogueError when it was made with another."""
    if _fact(engine, "identity_key_fingerprint", fingerprint, by) != fingerprint:
        raise CatalogueError(
            "This catalogue was made with another identity.key: its pseudonyms would not match. "
            "Put the key it was made with into WRIST_HOME, or use another WRIST_HOME."
        )


def remember_split_rule(engine: Engine, rule: Mapping[str, float | int], by: Provenance) -> None:
    """Bind the catalogue to its split rule. Raises CatalogueError when it was begun with another."""
    wanted = json.dumps(dict(rule), sort_keys=True)
    if (stored := _fact(engine, "split_rule", wanted, by)) != wanted:
        raise CatalogueError(
            f"This catalogue splits its patients by {stored}; the recipe says {wanted}. A patient never moves: "
            "use a recipe with the catalogue's split, or another WRIST_HOME."
        )


def _fact(engine: Engine, name: str, value: str, by: Provenance) -> str:
    with reading(engine) as connection:
        found = one(connection, "SELECT value FROM fact WHERE name = :name", name=name)
    if found:
        return str(found.value)
    with writing(engine) as connection:
        found = one(connection, "SELECT value FROM fact WHERE name = :name", name=name)
        if found is None:
            append(connection, "fact", [{"name": name, "value": value}], by)
        return str(found.value) if found else value


def patient_splits(engine: Engine, patient_keys: Iterable[str]) -> dict[str, Split]:
    """Where patients stand that are known already."""
    with reading(engine) as connection:
        sql = "SELECT patient_key, split FROM patient WHERE patient_key IN :values"
        return dict(among(connection, sql, patient_keys))
