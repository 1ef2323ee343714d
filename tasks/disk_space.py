"""How much room the disks of a home have: said before one is full, and an ingest stops before it is.

On a large disk the bounds are bytes, on a small one shares of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from db.home import database_url, sqlite_file
from wrist_model.errors import DiskNearlyFull

LOW = (2 * 2**30, 0.10)
STOP = (512 * 2**20, 0.05)
"""Bytes and share of a disk, the smaller of the two: where it is said, and where nothing more is ingested."""


def nearly_full(home: Path) -> list[str]:
    """A line for each disk that has little room left, the home's and the SQLite catalogue's where that is another."""
    return [
        f"the disk of {path} has {_megabytes(free)} left, and an ingest stops at {_megabytes(_bound(STOP, total))}: "
        "make room; `wrist prune` says what can go"
        for path, free, total in _disks(home)
        if free < _bound(LOW, total)
    ]


def require_room(home: Path) -> None:
    """Raises DiskNearlyFull before there is no room to write what an ingest writes."""
    for path, free, total in _disks(home):
        if free < (bound := _bound(STOP, total)):
            raise DiskNearlyFull(
                f"The disk of {path} has {_megabytes(free)} left, less than {_megabytes(bound)}: nothing more is "
                "ingested before it is full. What was catalogued stays. Make room (`wrist prune` says what can go), "
                "then run it again: it goes on from there."
            )


def _disks(home: Path) -> Iterator[tuple[Path, int, int]]:
    """(folder, free bytes for this user, all bytes) of each disk."""
    file, seen = sqlite_file(database_url(home)), set()
    for folder in (home, *([file.parent] if file else [])):
        with suppress(OSError):
            device, use = folder.stat().st_dev, shutil.disk_usage(folder)
            if device not in seen:
                seen.add(device)
                yield folder, use.free, use.total


def _bound(bound: tuple[int, float], total: int) -> int:
    return min(bound[0], round(bound[1] * total))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
