"""What is decided is what is stored: one table of leases in the place of heartbeats and locks, patients' pseudonyms
without an issuer, merged patients, and counts that nobody knows (`db.migrations.identity_and_counts`).

Heartbeats and locks said who was at work at that moment; a run that was under way counts as ended from outside.
"""

from __future__ import annotations

from pathlib import Path

from alembic import context, op

from db.migrations import identity_and_counts

revision = "0003"
down_revision = "0002"
BEFORE = ("heartbeat", "work_lock")
LEASE = """
CREATE TABLE lease (
	resource TEXT NOT NULL,
	fence {big} NOT NULL,
	owner TEXT,
	host TEXT,
	boot_id TEXT,
	pid_namespace TEXT,
	pid {big},
	begun {real},
	prefect_flow_run_id TEXT,
	renewed {real},
	acquired_at TEXT,
	renewed_at TEXT,
	PRIMARY KEY (resource)
)
"""


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    kinds = {"big": "INTEGER" if sqlite else "BIGINT", "real": "DOUBLE" if sqlite else "DOUBLE PRECISION"}
    op.get_bind().exec_driver_sql(LEASE.format(**kinds).strip())
    _same_rights("work_lock", ("lease",))
    for table in BEFORE:
        op.get_bind().exec_driver_sql(f"DROP TABLE {table}")
    identity_and_counts.upgrade(op.get_bind())


def downgrade() -> None:
    """The tables before it are empty again: nobody is at work under the schema before."""
    identity_and_counts.downgrade(op.get_bind(), context.config.attributes["wanted"])
    dialect = op.get_bind().dialect.name
    first = Path(__file__).with_name(f"0001_{dialect}.sql").read_text(encoding="utf-8")
    for statement in first.split("\n-- next\n"):
        if any(statement.strip().startswith(f"CREATE TABLE {table} ") for table in BEFORE):
            op.get_bind().exec_driver_sql(statement.strip())
    _same_rights("lease", BEFORE)
    op.get_bind().exec_driver_sql("DROP TABLE lease")


def _same_rights(before: str, after: tuple[str, ...]) -> None:
    """Give PostgreSQL's roles the rights on the new tables that they have on the one before."""
    if op.get_bind().dialect.name == "sqlite":
        return
    rows = op.get_bind().exec_driver_sql(
        "SELECT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, "
        f"g.privilege_type FROM pg_class c, aclexplode(c.relacl) g WHERE c.oid = '{before}'::regclass "
        "AND g.grantee <> c.relowner"
    )
    for role, right in list(rows):
        for table in after:
            op.get_bind().exec_driver_sql(f"GRANT {right} ON {table} TO {role}")
