"""That `wrist up` runs: a file that it leaves behind where it ends without being stopped, by a power cut say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from db import process_identity
from db.home import prefect_folder

RECORD = "up.json"


@contextmanager
def kept(home: Path, started: str = "wrist up") -> Iterator[None]:
    """The file is there while the block runs, and after it only where this process is killed. A second `wrist up` of
    the home leaves the first one's alone. started: the command, with its options."""
    file, first = prefect_folder(home) / RECORD, _recorded(home)
    if first is not None and not _ended(first):
        yield
        return
    file.write_text(json.dumps({**asdict(process_identity.this_process()), "command": started}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def died(home: Path) -> bool:
    """Whether a `wrist up` of this home has ended and was not stopped."""
    found = _recorded(home)
    return found is not None and _ended(found)


def command(home: Path) -> str:
    """What started the last one, with its options."""
    return str(_read(home).get("command", "wrist up"))


def runs(home: Path) -> bool:
    """Whether a `wrist up` of this home is at work, as far as can be seen."""
    found = _recorded(home)
    return found is not None and not _ended(found)


def _recorded(home: Path) -> process_identity.Process | None:
    with suppress(TypeError):
        return process_identity.Process(**{name: value for name, value in _read(home).items() if name != "command"})
    return None


def _read(home: Path) -> dict[str, Any]:
    """What the file says; nothing where it is not there or can't be read."""
    with suppress(OSError, ValueError):
        found = json.loads((prefect_folder(home) / RECORD).read_text())
        return found if isinstance(found, dict) else {}
    return {}


def _ended(process: process_identity.Process) -> bool:
    here = process_identity.this_process()
    started_anew = process.host == here.host and process.boot_id not in ("", here.boot_id)
    return started_anew or process_identity.is_gone(process) is True
