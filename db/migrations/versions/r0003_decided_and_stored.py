"""What is decided is what is stored: patients' two pseudonyms, merged patients, counts that nobody knows."""

from __future__ import annotations

from alembic import context, op

from db.migrations import identity_and_counts

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    identity_and_counts.upgrade(op.get_bind())


def downgrade() -> None:
    identity_and_counts.downgrade(op.get_bind(), context.config.attributes["wanted"])
