"""Every file below a folder, once, in a stable order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

LEADS_OUT = "A link leads out of the folder that is ingested; --follow-links takes what it leads to."


class Bounds:
    """Where links may lead: below the root, or below the part of it that somebody named; both may be links."""

    def __init__(self, root: Path, start: Path | None = None) -> None:
        self._named = {str(root), str(start or root)}
        self._places = {os.path.realpath(place) for place in self._named}
        self._folders: dict[str, bool] = {}

    def hold(self, path: str) -> bool:
        """Whether what is behind a path lies within them."""
        if path in self._named:
            return True
        folder = os.path.dirname(path)  # noqa: PTH120 (once a file)
        if folder not in self._folders:
            self._folders[folder] = self._is_below(os.path.realpath(folder))
        return self._folders[folder] and (not os.path.islink(path) or self._is_below(os.path.realpath(path)))  # noqa: PTH114

    def _is_below(self, real: str) -> bool:
        return any(real == place or real.startswith(place.rstrip("/") + "/") for place in self._places)


def files(root: Path, start: Path | None = None, *, follow_links: bool = False) -> Iterator[tuple[str, str]]:
    """(path, path relative to root) of every file below start (root by default), sorted within each folder.

    Links to folders within the root are followed, and with follow_links those that lead out of it; one that isn't is
    given as if it were a file, and so is a folder that can't be listed or entered: it is reported and not passed over.
    Each folder is entered once: loops end.
    """
    first = start or root
    bounds = None if follow_links else Bounds(root, first)
    seen: set[tuple[int, int]] = set()
    stack = [(str(first), "" if first == root else first.relative_to(root).as_posix())]
    while stack:
        folder, below = stack.pop()
        try:
            facts = os.stat(f"{folder}/.")  # noqa: PTH116 (once a study; `/.`: may it be entered?)
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
            if _is_folder(entry) and (bounds is None or not entry.is_symlink() or bounds.hold(entry.path)):
                deeper.append((entry.path, relative))
            else:
                yield entry.path, relative
        stack.extend(reversed(deeper))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
