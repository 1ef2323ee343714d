"""What `wrist prune` would free of the home's own stores, and freeing it: never a row, nor a file that rows still need.

Stored features and TensorBoard's logs are made again by whoever needs them; maps of superseded predictions leave their
rows and an audited fact. The catalogue's lease is held meanwhile: nobody is at work on what is deleted.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from db import pruned_files
from db.home import home, work_folders
from db.leases import CATALOGUE
from db.pruned_files import SupersededMap
from tasks.runtime.lease import held
from tasks.runtime.provenance import provenance
from wrist_model.errors import CatalogueError


@dataclass(frozen=True)
class Folder:
    """A folder of the home that nobody has read or written since; bytes: of its files."""

    path: Path
    bytes: int


@dataclass(frozen=True)
class Prunable:
    """What is older than the time that was asked for. map_bytes: of the maps whose file is there."""

    features: tuple[Folder, ...]
    tensorboard: tuple[Folder, ...]
    maps: tuple[SupersededMap, ...]
    map_bytes: int


def prunable(engine: Engine, before: datetime) -> Prunable:
    """What was last used, or stored, before that time (aware)."""
    folders, place = work_folders(home()), home()
    sizes = [(one, _bytes(place / one.path)) for one in pruned_files.superseded_maps(engine, _text(before))]
    there = [(one, size) for one, size in sizes if size is not None]
    return Prunable(
        tuple(_unused(folders.features, before)),
        tuple(_unused(folders.tensorboard, before)),
        tuple(one for one, _ in there),
        sum(size for _, size in there),
    )


def prune(engine: Engine, before: datetime) -> Prunable:
    """Delete it, and give what was deleted. Raises LeaseHeld while somebody is at work on the catalogue, CatalogueError
    for what can't be deleted; what is left then goes at the next try."""
    with held(CATALOGUE):
        found = prunable(engine, before)
        pruned_files.add_pruned(engine, found.maps, provenance())
        try:
            for one in found.maps:
                (home() / one.path).unlink(missing_ok=True)
            for folder in (*found.features, *found.tensorboard):
                shutil.rmtree(folder.path)
        except OSError as error:
            raise CatalogueError(f"{error.filename}: can't be deleted ({error.strerror}).") from None
    return found


def _unused(root: Path, before: datetime) -> Iterator[Folder]:
    """The folders in it that hold nothing that was read or written since; links are left alone."""
    with suppress(OSError):
        for path in sorted(root.iterdir()):
            if path.is_symlink() or not path.is_dir():
                continue
            facts = [one.lstat() for one in (path, *path.rglob("*"))]
            if max(map(_used, facts)) < before.timestamp():
                yield Folder(path, sum(one.st_size for one in facts))


def _used(fact: os.stat_result) -> float:
    """When a file was last read or written; a folder is read by looking what it holds."""
    return max(fact.st_mtime, fact.st_atime) if stat.S_ISREG(fact.st_mode) else fact.st_mtime


def _bytes(path: Path) -> int | None:
    """The size of a regular file, None where there is none."""
    with suppress(OSError):
        if path.is_file() and not path.is_symlink():
            return path.stat().st_size
    return None


def _text(at: datetime) -> str:
    """As the trail writes times."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
