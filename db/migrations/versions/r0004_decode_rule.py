"""Images say by which rule they were decoded, and what looks wrong about them.

Rows written before keep NULL in both: the rule is that of commit a98e219, and nobody looked.
"""

from __future__ import annotations

from alembic import context, op

from wrist_model.errors import CatalogueError

revision = "0004"
down_revision = "0003"
COLUMNS = (("decode_rule", {"sqlite": "INTEGER", "postgresql": "BIGINT"}), ("suspicious", "TEXT"))


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for name, kind in COLUMNS:
        said = kind if isinstance(kind, str) else kind[dialect]
        op.get_bind().exec_driver_sql(f"ALTER TABLE image ADD COLUMN {name} {said}")


def downgrade() -> None:
    """Raises CatalogueError when an image has either: without them its hash would not be its own."""
    held = "SELECT count(*) FROM image WHERE decode_rule IS NOT NULL OR suspicious IS NOT NULL"
    count = op.get_bind().exec_driver_sql(held).scalar()
    if count and context.config.attributes["wanted"] != "base":
        raise CatalogueError(
            f"Schema {down_revision} can't hold by which rule {count} image(s) were decoded. "
            "Go back with `wrist db restore` and a backup made before the upgrade."
        )
    for name, _ in COLUMNS:
        op.get_bind().exec_driver_sql(f"ALTER TABLE image DROP COLUMN {name}")
