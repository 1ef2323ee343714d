"""Heat maps say by which rule they were held against shuffled networks, with the similarity and its p value.

Maps stored before keep NULL: they were compared with one shuffled network.
"""

from __future__ import annotations

from alembic import context, op

from wrist_model.errors import CatalogueError

revision = "0008"
down_revision = "0007"
COLUMNS = (
    ("explanation", "sanity_similarity", "{real}"),
    ("explanation", "sanity_p_value", "{real}"),
    ("explanation", "sanity_rule", "TEXT"),
)
HELD = {"heat map(s) checked against several shuffled networks": "explanation WHERE sanity_rule IS NOT NULL"}


def upgrade() -> None:
    real = "DOUBLE" if op.get_bind().dialect.name == "sqlite" else "DOUBLE PRECISION"
    for table, name, kind in COLUMNS:
        op.get_bind().exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind.format(real=real)}")


def downgrade() -> None:
    """Raises CatalogueError where a row holds what the earlier schema can't: links of the chain would lose it."""
    connection = op.get_bind()
    for what, rows in HELD.items():
        count = connection.exec_driver_sql(f"SELECT count(*) FROM {rows}").scalar()
        if count and context.config.attributes["wanted"] != "base":
            raise CatalogueError(
                f"Schema {down_revision} can't hold {count} {what}. "
                "Go back with `wrist db restore` and a backup made before the upgrade."
            )
    for table, name, _ in reversed(COLUMNS):
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")
