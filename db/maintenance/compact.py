"""Giving back to the disk what deleted rows of a SQLite file took."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path


def compact(file: Path) -> None:
    """Make the file as small as its rows; one that somebody uses, or a full disk, leaves it as it is."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(file, timeout=5, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
