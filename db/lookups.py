"""Small steps that the db modules share: look a row up by its text id, find or add what is named by its hash."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict
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


def among(connection: Connection, sql: str, values: Iterable[Any], **more: Any) -> list[Any]:
    """All rows of `sql`, which holds `IN :values`, for any number of texts or integers, passed as one list.

    more: its other parameters.
    """
    wanted: Any = list(values)
    if connection.dialect.name == "sqlite":
        one_list, wanted = "IN (SELECT value FROM json_each(:values))", json.dumps(wanted)
    else:
        one_list = "= ANY(:values)"
    return list(connection.execute(text(sql.replace("IN :values", one_list)), {"values": wanted, **more}).all())


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


def ran_forward(facts: LineageFacts) -> dict[str, str | None]:
    """The columns engine and precision."""
    return asdict(facts.forward) if facts.forward else {"engine": None, "precision": None}


def environment_sha256(row: dict[str, Any]) -> str:
    """The hash of git_commit, git_dirty, libraries and machine as sorted JSON."""
    content = {name: row[name] for name in ("git_commit", "git_dirty", "libraries", "machine")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
