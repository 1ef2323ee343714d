"""Who, on which code and on which machine: what every audited row carries."""

from __future__ import annotations

import functools
import getpass
import importlib.metadata
import os
import platform
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from prefect.runtime import flow_run

from wrist_model.network import keras_settings
from wrist_model.records import Forward, LineageFacts, Provenance

LIBRARIES = (
    "tensorflow",
    "keras",
    "openvino",
    "numpy",
    "scikit-learn",
    "pydicom",
    "pillow",
    "prefect",
    "sqlalchemy",
    "wrist",
)
SCHEDULE = "schedule"
FOREIGN = (
    "git refuses to read this checkout, since it belongs to another user: the commit is not known. The user that runs "
    "Wrist may allow it with `git config --global --add safe.directory FOLDER`"
)
_NOT_OURS = ("dubious ownership", "unsafe repository")  # git 2.35.3 and later, and 2.35.2


def provenance() -> Provenance:
    """Who does it, and the Prefect flow run that it is done for, if any: `schedule` where no person began the run."""
    return Provenance(SCHEDULE if _began_by_itself() else _login(), flow_run.get_id() or None)


def _began_by_itself() -> bool:
    """Whether this process runs what a schedule or an event of Prefect began; its parts are done for it too."""
    run = os.environ.get("PREFECT__FLOW_RUN_ID")  # of a worker's process; a command has none
    return run is not None and flow_run.get_id() is not None and _was_scheduled(run)


@functools.cache
def _was_scheduled(run: str) -> bool:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = client.read_flow_run(UUID(run))
    by = found.created_by.type if found.created_by else None
    return found.auto_scheduled or by in ("SCHEDULE", "AUTOMATION")


@functools.cache
def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the password file, as in some containers
        return f"uid {os.getuid()}"


def facts(ran: Forward | None = None) -> LineageFacts:
    """Commit (and whether the work tree is dirty), library versions and machine, read once a process; and how networks
    ran forward."""
    return replace(_facts(), forward=ran)


@functools.cache
def _facts() -> LineageFacts:
    commit, dirty, code = _commit(Path(__file__).resolve().parents[2])
    return LineageFacts(
        git_commit=commit,
        git_dirty=dirty,
        libraries=tuple((name, _version(name)) for name in LIBRARIES),
        machine=(
            *((("code", code),) if code else ()),
            ("python", platform.python_version()),
            ("system", f"{platform.system()} {platform.release()}"),
            ("processor", platform.machine()),
            ("cores", str(os.cpu_count())),
            *keras_settings.stored(),
        ),
    )


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:  # OpenVINO, which Wrist does without
        return "none"


def _commit(root: Path) -> tuple[str, bool, str]:
    """The commit of the code in this folder, whether tracked files differ from it, and why there is none.

    ("unknown", True, why) where the folder is no checkout of its own: a repository that happens to enclose an installed
    package says nothing about it. Its version is among the libraries.
    """

    refused: list[str] = []

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *words],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "LC_ALL": "C"},
            )
        except OSError:
            return None
        refused.extend(sign for sign in _NOT_OURS if sign in done.stderr)
        return done.stdout.strip() if done.returncode == 0 else None

    top, commit = git("rev-parse", "--show-toplevel"), git("rev-parse", "HEAD")
    if refused:
        return "unknown", True, FOREIGN
    if top is None or commit is None:
        return "unknown", True, "no git checkout, or no git on this machine"
    if Path(top).resolve() != root or git("ls-files", "--error-unmatch", "pyproject.toml") is None:
        return "unknown", True, "installed inside a git checkout of something else"
    return commit, bool(git("status", "--porcelain", "--untracked-files=no")), ""
