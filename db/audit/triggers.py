"""Triggers that refuse to change or delete an audited row, whichever client asks.

On SQLite `INSERT OR REPLACE` deletes without firing delete triggers; so rows may only be added at the end, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import UniqueConstraint

from db.schema.all_tables import METADATA

SAYS = "is append-only: corrections are new rows"


def sqlite_triggers(tables: Iterable[str], uniques: dict[str, tuple[tuple[str, ...], ...]]) -> list[str]:
    """uniques: table → its unique column groups, which REPLACE would else use to remove an older row."""
    statements = []
    for table in tables:
        key = "seq" if table == "audit_entry" else "id"
        taken = [f"NEW.{key} <= (SELECT coalesce(max({key}), 0) FROM {table})"]
        for columns in uniques.get(table, ()):
            same = " AND ".join(f"{column} = NEW.{column}" for column in columns)
            taken.append(f"EXISTS (SELECT 1 FROM {table} WHERE {same})")
        for when, condition in (("UPDATE", ""), ("DELETE", ""), ("INSERT", f"WHEN {' OR '.join(taken)} ")):
            statements.append(
                f"CREATE TRIGGER {table}_no_{when.lower()} BEFORE {when} ON {table} FOR EACH ROW {condition}"
                f"BEGIN SELECT RAISE(ABORT, '{table} {SAYS}'); END"
            )
    return statements


def uniques() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Each table's unique column groups that a row's own number doesn't already make unique."""
    return {
        table.name: tuple(
            columns
            for constraint in sorted(table.constraints, key=lambda one: str(getattr(one, "columns", "")))
            if isinstance(constraint, UniqueConstraint)
            and "id" not in (columns := tuple(column.name for column in constraint.columns))
        )
        for table in METADATA.tables.values()
    }


def postgresql_triggers(tables: Iterable[str]) -> list[str]:
    """One function, and on each table two triggers: rows (UPDATE, DELETE) and the whole (TRUNCATE)."""
    statements = [
        "CREATE FUNCTION wrist_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '% {SAYS}', TG_TABLE_NAME; END $$"
    ]
    for table in tables:
        for name, event, each in (
            ("no_change", "UPDATE OR DELETE", "ROW"),
            ("no_truncate", "TRUNCATE", "STATEMENT"),
        ):
            statements.append(
                f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION wrist_append_only()"
            )
            statements.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")
    return statements
