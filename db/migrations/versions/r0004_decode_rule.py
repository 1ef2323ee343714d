"""Images say by which rule they were decoded, what looks wrong about them, and what their source labels them.

Rows written before keep NULL in all: the rule is that of commit a98e219, nobody looked, and no source labelled images.
"""

from __future__ import annotations

from alembic import context, op

from wrist_model.errors import CatalogueError

revision = "0004"
down_revision = "0003"
NUMBER = {"sqlite": "INTEGER", "postgresql": "BIGINT"}
COLUMNS = (("decode_rule", NUMBER), ("suspicious", "TEXT"), ("image_label", "SMALLINT"))


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for name, kind in COLUMNS:
        said = kind if isinstance(kind, str) else kind[dialect]
        op.get_bind().exec_driver_sql(f"ALTER TABLE image ADD COLUMN {name} {said}")


def downgrade() -> None:
    """Raises CatalogueError when an image has any: without them its hash would not be its own."""
    held = f"SELECT count(*) FROM image WHERE {' OR '.join(f'{name} IS NOT NULL' for name, _ in COLUMNS)}"
    count = op.get_bind().exec_driver_sql(held).scalar()
    if count and context.config.attributes["wanted"] != "base":
        raise CatalogueError(
            f"Schema {down_revision} can't hold by which rule {count} image(s) were decoded, nor their labels. "
            "Go back with `wrist db restore` and a backup made before the upgrade."
        )
    for name, _ in COLUMNS:
        op.get_bind().exec_driver_sql(f"ALTER TABLE image DROP COLUMN {name}")
