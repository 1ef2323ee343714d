"""Operating points say by which engine and in which precision they were locked; evaluations and trainings how they ran.

Rows stored before keep NULL: their networks ran forward through TensorFlow, points and evaluations in float32.
"""

from __future__ import annotations

from alembic import context, op

from wrist_model.errors import CatalogueError

revision = "0009"
down_revision = "0008"
TABLES = {"operating_point": "operating point(s)", "evaluation": "evaluation(s)", "training_run": "training(s)"}
COLUMNS = ("engine", "precision")


def upgrade() -> None:
    for table in TABLES:
        for name in COLUMNS:
            op.get_bind().exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} TEXT")


def downgrade() -> None:
    """Raises CatalogueError where a row holds what the earlier schema can't: links of the chain would lose it."""
    connection = op.get_bind()
    for table, what in TABLES.items():
        count = connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE engine IS NOT NULL").scalar()
        if count and context.config.attributes["wanted"] != "base":
            raise CatalogueError(
                f"Schema {down_revision} can't hold the engine of {count} {what}. "
                "Go back with `wrist db restore` and a backup made before the upgrade."
            )
    for table in TABLES:
        for name in reversed(COLUMNS):
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")
