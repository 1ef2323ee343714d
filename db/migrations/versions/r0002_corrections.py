"""Corrections point to what they correct: label, exclusion and promotion get corrects_id.

Rows written before keep NULL, for they are never changed: a label corrects the one of its study with the label version
before, an exclusion the one before it on the same target.
"""

from __future__ import annotations

from alembic import context, op

from wrist_model.errors import CatalogueError

revision = "0002"
down_revision = "0001"
TABLES = ("label", "exclusion", "promotion")


def upgrade() -> None:
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    for table in TABLES:
        op.get_bind().exec_driver_sql(
            f"ALTER TABLE {table} ADD COLUMN corrects_id {kind} REFERENCES {table} (id) "
            f"CONSTRAINT {table}_corrects CHECK (corrects_id < id)"
        )


def downgrade() -> None:
    """Raises CatalogueError when a row points to what it corrects: without that its hash would not be its own."""
    for table in TABLES:
        held = op.get_bind().exec_driver_sql(f"SELECT count(*) FROM {table} WHERE corrects_id IS NOT NULL").scalar()
        if held and context.config.attributes["wanted"] != "base":
            raise CatalogueError(
                f"Schema {down_revision} can't hold what {held} row(s) of {table} say they correct. "
                "Go back with `wrist db restore` and a backup made before the upgrade."
            )
        op.get_bind().exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN corrects_id")
