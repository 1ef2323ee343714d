"""Every file below a folder, once, in a stable order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files(root: Path, start: Path | None = None) -> Iterator[tuple[str, str]]:
    """(path, path relative to root) of every file below start (root by default), sorted within each folder.

    Links to folders are followed, each folder is entered once: loops end. A folder that can't be listed is given as
    if it were a file, so that it is reported and not passed over.
    """
    first = start or root
    seen: set[tuple[int, int]] = set()
    stack = [(str(first), "" if first == root else first.relative_to(root).as_posix())]
    while stack:
        folder, below = stack.pop()
        try:
            facts = os.stat(folder)  # noqa: PTH116 (MURA has a folder for each study: Path costs as much as the look)
            if (facts.st_dev, facts.st_ino) in seen:
                continue
            seen.add((facts.st_dev, facts.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            yield folder, below or "."
            continue
        deeper = []
        for entry in entries:
            relative = f"{below}/{entry.name}" if below else entry.name
            if _is_folder(entry):
                deeper.append((entry.path, relative))
            else:
                yield entry.path, relative
        stack.extend(reversed(deeper))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
