"""Files that hold a secret: made whole, for their owner alone, and not read where others could read them too.

In a folder that a group shares on purpose (setgid, and writable by the group) its group may read them.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from wrist_model.errors import CatalogueError

ALONE, SHARED = 0o600, 0o640
_SHARED_FOLDER = stat.S_ISGID | stat.S_IRWXG


def is_shared(folder: Path) -> bool:
    """Whether this folder is a group's on purpose: mode 2770 or the like. Not where there is none yet."""
    try:
        return folder.stat().st_mode & _SHARED_FOLDER == _SHARED_FOLDER
    except OSError:
        return False


def make(path: Path, text: str) -> None:
    """Write a new secret, whole and never wider than it ends; whoever links first wins. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(descriptor, SHARED if is_shared(path.parent) else ALONE)
            file.write(text + "\n")
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink(missing_ok=True)


def read(path: Path) -> str:
    """The secret. Raises CatalogueError where others may read the file too, OSError where it can't be read."""
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        allowed = SHARED if is_shared(path.parent) else ALONE
        if mode & ~allowed:
            raise CatalogueError(
                f"{path}: its mode is {mode:o}, so that others may read or change it. If nobody has: "
                f"chmod {allowed:o} {path}"
            )
        return file.read().decode("ascii", "replace").strip()
