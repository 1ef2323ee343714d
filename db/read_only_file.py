"""A SQLite catalogue that is only read: by who may not write it, or from a disk that can't be written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from db.database_errors import BUSY_SECONDS


def is_writable(file: Path) -> bool:
    """Whether this process may write the file, and what SQLite keeps beside it."""
    beside = [one for one in (Path(f"{file}-wal"), Path(f"{file}-shm")) if one.exists()]
    return os.access(file.parent, os.W_OK) and all(os.access(one, os.W_OK) for one in (file, *beside))


def connect(file: Path, **more: bool) -> sqlite3.Connection:
    """A connection that can't write."""
    address = f"{file.absolute().as_uri()}?mode=ro"
    if not os.access(file.parent, os.W_OK) and not Path(f"{file}-wal").exists():
        address += "&immutable=1"  # SQLite can't make the files that WAL needs
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, **more)


BESIDE_A_WRITER = (
    "Somebody has just begun to write it, and SQLite lets you read it only once they have read it, too: run the same "
    "command again in a moment, or get the right to write its folder."
)
