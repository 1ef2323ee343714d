"""Heat maps say by which rule they were held against shuffled networks; trainings whether they are replicates.

Rows stored before keep NULL: such maps were compared with one shuffled network, and such trainings may serve.
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
    ("training_run", "replicate", "{big}"),
)
HELD = {
    "heat map(s) checked against several shuffled networks": "explanation WHERE sanity_rule IS NOT NULL",
    "replicate training(s)": "training_run WHERE replicate IS NOT NULL",
}


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    kinds = {"big": "INTEGER" if sqlite else "BIGINT", "real": "DOUBLE" if sqlite else "DOUBLE PRECISION"}
    for table, name, kind in COLUMNS:
        op.get_bind().exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind.format(**kinds)}")


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
