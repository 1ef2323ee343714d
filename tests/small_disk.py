"""A disk of a few megabytes: a file system in memory, in a mount name space of its own that goes with its process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MEGABYTES = 64


def _mounted(folder: str, *command: str) -> list[str]:
    mount = 'mount -t tmpfs -o size=$1m tmpfs "$2" && shift 2 && exec "$@"'
    return ["unshare", "-rm", "sh", "-c", mount, "sh", str(MEGABYTES), folder, *command]


def _is_there() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(_mounted("/mnt", "true"), capture_output=True, check=False).returncode == 0


IS_THERE = _is_there()


def run(folder: Path, *words: str) -> str:
    """What `python WORDS` prints while the folder is such a disk."""
    done = subprocess.run(
        _mounted(str(folder), sys.executable, *words),
        env={**os.environ, "WRIST_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
