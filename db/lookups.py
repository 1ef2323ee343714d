"""Small steps that the db modules share: look a row up by its text id, find or add what is named by its hash."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

from db.audit.chain import append
from wrist_model.errors import DataError
from wrist_model.records import LineageFacts, Provenance


def new_id(prefix: str) -> str:
    """A fresh id such as `ev-3f…`: 48 random bits, and the column is unique besides."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def one(connection: Connection, sql: str, **values: Any) -> Any:
    """The first row, or None."""
    return connection.execute(text(sql), values).first()


def every(connection: Connection, sql: str, **values: Any) -> list[Any]:
    """All rows."""
    return list(connection.execute(text(sql), values))


def row_id(connection: Connection, table: str, column: str, value: str) -> int:
    """The row number behind a text id. Raises DataError that names the id."""
    found = one(connection, f"SELECT id FROM {table} WHERE {column} = :value", value=value)
    if found is None:
        raise DataError(
            f"No {table.replace('_', ' ')} {value!r} in the catalogue: `wrist sql` on its view lists the ids."
        )
    return int(found.id)


def row_ids(connection: Connection, table: str, column: str, values: Iterable[str]) -> dict[str, int]:
    """The row numbers behind text ids; unknown ones are left out."""
    sql = f"SELECT {column}, id FROM {table} WHERE {column} IN :values"
    return dict(among(connection, sql, values))


def among(connection: Connection, sql: str, values: Iterable[Any]) -> list[Any]:
    """All rows of `sql`, which holds `IN :values`, for any number of texts or integers, passed as one list."""
    wanted: Any = list(values)
    if connection.dialect.name == "sqlite":
        one_list, wanted = "IN (SELECT value FROM json_each(:values))", json.dumps(wanted)
    else:
        one_list = "= ANY(:values)"
    return list(connection.execute(text(sql.replace("IN :values", one_list)), {"values": wanted}).all())


def environment(connection: Connection, facts: LineageFacts, by: Provenance) -> int:
    """The row of these facts, added when they are new."""
    row = {
        "git_commit": facts.git_commit,
        "git_dirty": int(facts.git_dirty),
        "libraries": json.dumps(dict(facts.libraries), sort_keys=True),
        "machine": json.dumps(dict(facts.machine), sort_keys=True),
    }
    sha256 = environment_sha256(row)
    found = one(connection, "SELECT id FROM environment WHERE environment_sha256 = :sha", sha=sha256)
    return int(found.id) if found else append(connection, "environment", [{"environment_sha256": sha256, **row}], by)


def environment_sha256(row: dict[str, Any]) -> str:
    """The hash of git_commit, git_dirty, libraries and machine as sorted JSON."""
    content = {name: row[name] for name in ("git_commit", "git_dirty", "libraries", "machine")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def recipe(connection: Connection, sha256: str, name: str, content: str, by: Provenance) -> int:
    """The row of this recipe, added when it is new. Raises DataError when the hash is not the content's."""
    if hashlib.sha256(content.encode()).hexdigest() != sha256:
        raise DataError(f"Recipe {name}: its hash is not of the content given. Pass Recipe.sha256 and canonical_json.")
    found = one(connection, "SELECT id FROM recipe WHERE recipe_sha256 = :sha", sha=sha256)
    if found:
        return int(found.id)
    return append(connection, "recipe", [{"recipe_sha256": sha256, "name": name, "content": content}], by)
