"""The first schema, as frozen SQL: 0001_sqlite.sql and 0001_postgresql.sql beside this file, triggers included."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in _statements():
        op.get_bind().exec_driver_sql(statement.replace("%", "%%") if _dialect() == "postgresql" else statement)


def downgrade() -> None:
    words = [statement.split() for statement in _statements()]
    tables = [word[2] for word in words if word[:2] == ["CREATE", "TABLE"]]
    for table in reversed(tables):
        op.get_bind().exec_driver_sql(f"DROP TABLE {table}")
    if _dialect() == "postgresql":
        op.get_bind().exec_driver_sql("DROP FUNCTION wrist_append_only()")


def _dialect() -> str:
    return str(op.get_bind().dialect.name)


def _statements() -> list[str]:
    text = Path(__file__).with_name(f"0001_{_dialect()}.sql").read_text(encoding="utf-8")
    return [part.strip() for part in text.split("\n-- next\n") if part.strip()]
