"""Another user of this machine, as a fixture: a number that no password file knows, with no home folder.

Root runs the command as that user, who may read everything (the interpreter may lie below /root) and write its own.
Where the tests aren't root's, the user is the one who runs them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from prefect_fixtures import WRIST

IS_ROOT = os.geteuid() == 0


@cache
def _reads() -> tuple[str, ...]:
    """What lets the user read everything; nothing in a container whose root may not give it away."""
    words = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return (
        words if subprocess.run(["setpriv", *words, "true"], capture_output=True, check=False).returncode == 0 else ()
    )


@dataclass(frozen=True)
class Somebody:
    """folder: the user's own, where commands run, with `home` in it. groups: besides the one of the same number."""

    uid: int
    folder: Path
    gid: int = 0
    umask: int = 0o022

    def owns(self, *names: str) -> None:
        for name in names:
            for path in (self.folder / name, *(self.folder / name).rglob("*")):
                if IS_ROOT:
                    os.chown(path, self.uid, self.gid or self.uid)

    def runs(self, *words: str, program: str = WRIST, **more: str) -> subprocess.CompletedProcess[str]:
        gone = ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME", "XDG_RUNTIME_DIR")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PREFECT") and name not in gone
        }
        gid = str(self.gid or self.uid)
        before = ("setpriv", "--reuid", str(self.uid), "--regid", gid, "--clear-groups", *_reads()) if IS_ROOT else ()
        return subprocess.run(
            [*before, program, *words],
            cwd=self.folder,
            env={**environment, "WRIST_HOME": str(self.folder / "home"), **more},
            umask=self.umask,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def somebody() -> Iterator[Somebody]:
    """In a folder that everybody may enter: pytest's own is the tests' user's, and access(2) knows no capability."""
    one = Somebody(54_321, Path(tempfile.mkdtemp(prefix="wrist-user-")))
    one.folder.chmod(0o755)
    one.owns(".")
    yield one
    shutil.rmtree(one.folder, ignore_errors=True)
