"""What a catalogue is bound to for good: the identity key's fingerprint and the rule that splits its patients."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import every, one
from wrist_model.errors import CatalogueError, OtherMeaning
from wrist_model.records import Provenance

_DISTINCT = "distinct_patients:"
_MEANING = "label_meaning:"
BEFORE = "abnormal"
"""What labels mean of sources that were catalogued before that was stored; the view `studies` says it, too."""


def remember_key(engine: Catalogue, fingerprint: str, by: Provenance) -> None:
    """Bind the catalogue to its identity key. Raises CatalogueError when it was made with another."""
    if _fact(engine, "identity_key_fingerprint", fingerprint, by) != fingerprint:
        raise CatalogueError(
            "This catalogue was made with another identity.key: its pseudonyms would not match. "
            "Put the key it was made with into WRIST_HOME, or use another WRIST_HOME."
        )


def remember_split_rule(engine: Catalogue, rule: Mapping[str, float | int], by: Provenance) -> dict[str, float | int]:
    """The rule by which the catalogue splits its patients, for good: the first one that it is given."""
    found: dict[str, float | int] = json.loads(_fact(engine, "split_rule", json.dumps(dict(rule), sort_keys=True), by))
    return found


def split_rule(engine: Catalogue) -> dict[str, float | int] | None:
    """The rule by which the catalogue splits its patients; None before its first ingest."""
    with reading(engine) as connection:
        found = one(connection, "SELECT value FROM fact WHERE name = 'split_rule'")
    return json.loads(found.value) if found else None


def declare_distinct(engine: Catalogue, source: str, by: Provenance) -> None:
    """Store that a source's patients are others than those with the same numbers elsewhere, for good."""
    _fact(engine, f"{_DISTINCT}{source}", "1", by)


def distinct_sources(connection: Connection) -> set[str]:
    """The sources of which that was declared."""
    rows = every(connection, "SELECT name FROM fact WHERE name LIKE :begin", begin=f"{_DISTINCT}%")
    return {row.name.removeprefix(_DISTINCT) for row in rows}


def remember_label_meaning(engine: Catalogue, source: str, meaning: str | None, by: Provenance) -> None:
    """Store what a source's positive label says; None: what is stored already, else `BEFORE`. Raises OtherMeaning for a
    source whose studies say another thing."""
    with writing(engine) as connection:
        meaning = meaning or label_meaning(connection, source)
        found = label_meaning(connection, source) if _has_studies(connection, source) else meaning
        if found == meaning:
            found = _fact(connection, f"{_MEANING}{source}", meaning, by)
    if found != meaning:
        raise OtherMeaning(
            f"Source {source!r} is catalogued with labels that mean {found!r}; these mean {meaning!r}. Give them a "
            "source name of their own with --source."
        )


def label_meaning(engine: Catalogue, source: str) -> str:
    """What a source's positive label says; `BEFORE` where nobody has stored it."""
    with reading(engine) as connection:
        found = one(connection, "SELECT value FROM fact WHERE name = :name", name=f"{_MEANING}{source}")
    return str(found.value) if found else BEFORE


def _has_studies(connection: Connection, source: str) -> bool:
    return one(connection, "SELECT 1 AS one FROM study WHERE source = :source LIMIT 1", source=source) is not None


def _fact(engine: Catalogue, name: str, value: str, by: Provenance) -> str:
    with reading(engine) as connection:
        found = one(connection, "SELECT value FROM fact WHERE name = :name", name=name)
    if found:
        return str(found.value)
    with writing(engine) as connection:
        found = one(connection, "SELECT value FROM fact WHERE name = :name", name=name)
        if found is None:
            append(connection, "fact", [{"name": name, "value": value}], by)
        return str(found.value) if found else value
