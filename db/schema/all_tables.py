"""Every table of the catalogue, whichever area defines it: import the tables' metadata from here."""

from __future__ import annotations

from db.schema import (  # noqa: F401  (each registers its tables in METADATA)
    catalogue_tables,
    datasets_tables,
    evaluations_tables,
    labels_tables,
    operations_tables,
    plans_tables,
    regions_tables,
    trainings_tables,
)
from db.schema.column_types import METADATA

__all__ = ["AUDITED", "METADATA"]

AUDITED = tuple(table.name for table in METADATA.sorted_tables if table.info.get("audited"))
"""The append-only tables but `audit_entry` itself, each after those that it refers to."""
