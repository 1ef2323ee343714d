"""Patients, members and evaluations say which external set they are of; a source is designated a hold-out by a fact.

Rows written before keep NULL: they are of no external set.
"""

from __future__ import annotations

from alembic import context, op

from wrist_model.errors import CatalogueError

revision = "0006"
down_revision = "0005"
COLUMNS = {"patient": "split = 'test'", "dataset_member": "split = 'test'", "evaluation": "purpose = 'evaluation'"}
"""Table → what holds of a row of an external set."""


def upgrade() -> None:
    for table, holds in COLUMNS.items():
        check = f"CONSTRAINT {table}_hold_out CHECK (hold_out IS NULL OR {holds})"
        op.get_bind().exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN hold_out TEXT {check}")


def downgrade() -> None:
    """Raises CatalogueError when a row is of an external set, or a source designated: that would be lost."""
    connection = op.get_bind()
    held = {f"row(s) of {table} of an external set": f"{table} WHERE hold_out IS NOT NULL" for table in COLUMNS}
    held["designated source(s)"] = "fact WHERE substr(name, 1, 12) = 'designation:'"
    for what, rows in held.items():
        count = connection.exec_driver_sql(f"SELECT count(*) FROM {rows}").scalar()
        if count and context.config.attributes["wanted"] != "base":
            raise CatalogueError(
                f"Schema {down_revision} can't hold {count} {what}. "
                "Go back with `wrist db restore` and a backup made before the upgrade."
            )
    for table in COLUMNS:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN hold_out")
