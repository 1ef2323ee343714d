"""One process at a time changes a small file of the home; a killed one leaves no lock behind, and no half a file."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.home import lock_file, make_shared


@contextmanager
def alone(home: Path, name: str) -> Iterator[int]:
    """Hold the lock of that name; waits for whoever holds it. Gives the lock's file, open, where there is a note to
    keep. Raises OSError where it can't be made."""
    file = lock_file(home, name)
    make_shared(file)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if os.geteuid() == 0:  # as SQLite does with its files: the home's owner may hold it after root
            os.fchown(descriptor, home.stat().st_uid, home.stat().st_gid)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; by a temporary file of its own. Raises OSError."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
