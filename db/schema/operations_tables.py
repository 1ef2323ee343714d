"""The audit chain, what runs ran on and cost, and which runs are working now."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from db.schema.column_types import METADATA, Flag, Number, Real, audited_table, optional, required

# One link of the hash chain: a batch of rows of one table, written in the same transaction.
audit_entry = Table(
    "audit_entry",
    METADATA,
    Column("seq", Number, primary_key=True, autoincrement=False),  # 1, 2, 3 …
    required("table_name", Text),  # the table that the rows were added to
    required("first_row", Number),  # id of the first row
    required("last_row", Number),  # id of the last row
    required("n_rows", Number),  # last_row − first_row + 1
    required("batch_sha256", Text),  # of the rows
    required("marks", Text),  # JSON: CRC-32 of each row (base64) and of each column: says what changed, not that it did
    required("chain_sha256", Text),  # of this link and the one before it
    required("actor", Text),  # who wrote the rows
    required("at", Text, index=True),  # when
    optional("prefect_flow_run_id", Text),  # in which flow run
)

# Code, libraries and machine of a run.
environment = audited_table(
    "environment",
    required("environment_sha256", Text, unique=True),  # of the other four
    required("git_commit", Text),  # of this code
    required("git_dirty", Flag),  # 1: with changes that are not committed
    required("libraries", Text),  # JSON object: name → version
    required("machine", Text),  # JSON object
)

# What a stage of a flow cost.
stage_cost = audited_table(
    "stage_cost",
    required("flow", Text, index=True),  # the flow's name
    optional("run_id", Text),  # the ingest, training or evaluation that it was part of
    required("stage", Text),  # the stage's name
    required("wall_seconds", Real),  # wall time
    optional("cpu_seconds", Real),  # of this process and its ended children
    optional("peak_bytes", Number),  # largest resident memory
)

# When a run's process last reported that it is working. Not audited.
heartbeat = Table(
    "heartbeat",
    METADATA,
    Column("run_id", Text, primary_key=True),  # the run
    required("at", Text),  # the last report
    required("host", Text),  # machine
    required("pid", Number),  # process
    required("note", Text),  # the process's start time, or a remark
)

# Who is doing what only one process may do at a time (retrain). Not audited.
work_lock = Table(
    "work_lock",
    METADATA,
    Column("name", Text, primary_key=True),  # what is locked
    required("owner", Text),  # who holds it
    required("acquired_at", Text),  # since when
    required("renewed_at", Text),  # last sign that the owner is working
)
