"""That `wrist up` runs: a file that it leaves behind where it ends without being stopped, by a power cut say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from db import process_identity
from db.home import prefect_folder

RECORD = "up.json"


@contextmanager
def kept(home: Path) -> Iterator[None]:
    """The file is there while the block runs, and after it only where this process is killed. A second `wrist up` of
    the home leaves the first one's alone."""
    file, first = prefect_folder(home) / RECORD, _recorded(home)
    if first is not None and not _ended(first):
        yield
        return
    file.write_text(json.dumps(asdict(process_identity.this_process())))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def died(home: Path) -> bool:
    """Whether a `wrist up` of this home has ended and was not stopped."""
    found = _recorded(home)
    return found is not None and _ended(found)


def runs(home: Path) -> bool:
    """Whether a `wrist up` of this home is at work, as far as can be seen."""
    found = _recorded(home)
    return found is not None and not _ended(found)


def _recorded(home: Path) -> process_identity.Process | None:
    with suppress(OSError, ValueError, TypeError):
        return process_identity.Process(**json.loads((prefect_folder(home) / RECORD).read_text()))
    return None


def _ended(process: process_identity.Process) -> bool:
    here = process_identity.this_process()
    started_anew = process.host == here.host and process.boot_id not in ("", here.boot_id)
    return started_anew or process_identity.is_gone(process) is True
