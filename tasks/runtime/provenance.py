"""Who, on which code and on which machine: what every audited row carries."""

from __future__ import annotations

import functools
import getpass
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from prefect.runtime import flow_run

from wrist_model.records import LineageFacts, Provenance

LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn", "pydicom", "pillow", "prefect", "sqlalchemy", "wrist")


def provenance() -> Provenance:
    """The login name of this process, and the Prefect flow run it works for, if any."""
    return Provenance(_login(), flow_run.get_id() or None)


@functools.cache
def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the password file, as in some containers
        return f"uid {os.getuid()}"


@functools.cache
def facts() -> LineageFacts:
    """Commit (and whether the work tree is dirty), library versions and machine. Read once a process."""
    commit, dirty = _git()
    return LineageFacts(
        git_commit=commit,
        git_dirty=dirty,
        libraries=tuple((name, importlib.metadata.version(name)) for name in LIBRARIES),
        machine=(
            ("python", platform.python_version()),
            ("system", f"{platform.system()} {platform.release()}"),
            ("processor", platform.machine()),
            ("cores", str(os.cpu_count())),
        ),
    )


def _git() -> tuple[str, bool]:
    """The code's commit, and whether tracked files differ from it; ("unknown", True) outside a checkout."""
    root = Path(__file__).parents[2]

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if commit is None:
        return "unknown", True
    return commit, bool(git("status", "--porcelain", "--untracked-files=no"))
