"""Alembic's environment: runs on the connection that db.maintenance.migrate passes in, inside its transaction."""

from __future__ import annotations

from alembic import context

from db.schema.all_tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=False,  # the caller's transaction holds it all
)
context.run_migrations()
