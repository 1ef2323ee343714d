"""Two PostgreSQL roles: a writer that may add rows, and a reader that may look at the public views alone."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from db.schema.all_tables import AUDITED, METADATA
from db.schema.views import VIEWS
from wrist_model.errors import UsageError


def grant_sql(database: str, writer: str = "wrist_writer", reader: str = "wrist_reader", schema: str = "public") -> str:
    """The SQL that a database's owner runs once, after the schema was made; printed by `wrist db grant`.

    The roles can't log in by themselves: grant them to your own (`GRANT wrist_reader TO anna`). Names are checked to be
    plain identifiers. Raises UsageError.
    """
    for name in (writer, reader):
        if not name.isidentifier() or not name.isascii() or name != name.lower():
            raise UsageError(f"{name!r} is no plain role name: use small letters, digits and _.")
    audited = ("audit_entry", *AUDITED)
    kept = sorted(name for name in METADATA.tables if name not in audited)
    quoted, place = ('"' + name.replace('"', '""') + '"' for name in (database, schema))
    lines = ["-- Run as the owner of the schema, once after `wrist db upgrade`."]
    if schema != "public":
        lines += [
            f"-- Whoever gets a role needs the schema in the search_path: ALTER ROLE anna SET search_path = {place};",
            f"SET search_path = {place};",
        ]
    for role in (writer, reader):
        lines.append(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') THEN "
            f"CREATE ROLE {role} NOLOGIN; END IF; END $$;"
        )
        lines += [f"GRANT CONNECT ON DATABASE {quoted} TO {role};", f"GRANT USAGE ON SCHEMA {place} TO {role};"]
    lines += [
        f"GRANT TEMPORARY ON DATABASE {quoted} TO {writer};  -- for `wrist verify`, see docs/audit.md",
        f"GRANT SELECT, INSERT ON {', '.join(audited)} TO {writer};",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(kept)} TO {writer};",
        f"GRANT SELECT ON alembic_version, {', '.join(VIEWS)} TO {writer};",
        f"GRANT SELECT ON {', '.join(VIEWS)} TO {reader};",
    ]
    return "\n".join(lines) + "\n"


def view_readers(connection: Connection) -> dict[str, set[str]]:
    """Role → the public views that it may read, but for their owner; PostgreSQL."""
    rows = connection.execute(
        text(
            "SELECT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END AS role, "
            "c.relname FROM pg_class c, aclexplode(c.relacl) g WHERE c.relkind = 'v' AND g.privilege_type = 'SELECT' "
            "AND c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND g.grantee <> c.relowner"
        )
    )
    readers: dict[str, set[str]] = {}
    for role, view in rows:
        if view in VIEWS:
            readers.setdefault(role, set()).add(view)
    return readers


def grant_again(connection: Connection, readers: Mapping[str, set[str]]) -> None:
    """Give the roles their views back after these were made anew; who could read all the views can read all of them."""
    if not readers:
        return
    there = set(connection.execute(text("SELECT viewname FROM pg_views WHERE schemaname = current_schema()")).scalars())
    most = set().union(*readers.values())
    for role, views in readers.items():
        again = sorted((set(VIEWS) if views == most else views) & there)
        if again:
            connection.exec_driver_sql(f"GRANT SELECT ON {', '.join(again)} TO {role}")
