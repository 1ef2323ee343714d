"""Alembic's environment: runs on the connection that db.migrate passes in, inside its transaction."""

from __future__ import annotations

from alembic import context

import db.schema.model_tables  # noqa: F401  (registers its tables)
from db.schema.column_types import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=False,  # the caller's transaction holds it all
)
context.run_migrations()
