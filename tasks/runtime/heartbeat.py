"""Who is alive: a heartbeat in the catalogue for each run at work, and an end for runs whose process is gone.

The catalogue's status rests on these alone, never on Prefect's: Prefect can call a run crashed that is not, and
running that is not.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
from sqlalchemy import Engine

from db import leases
from db.engine import open_catalogue, reading
from db.lookups import one
from tasks.runtime.provenance import provenance
from wrist_model.errors import CatalogueError

BEAT_SECONDS = 15.0
STALE_SECONDS = 75.0  # five beats: a busy disk may delay one


@contextmanager
def alive(run_id: str, engine: Engine | None = None) -> Iterator[None]:
    """Say every BEAT_SECONDS that this process works on a run, until the block ends; in the home's catalogue."""
    engine, done = engine if engine is not None else open_catalogue(), threading.Event()
    leases.beat(engine, run_id)
    thread = threading.Thread(target=_beat, args=(engine, run_id, done), daemon=True, name=f"alive {run_id}")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(engine: Engine, run_id: str, done: threading.Event) -> None:
    while not done.wait(BEAT_SECONDS):
        try:
            leases.beat(engine, run_id)
        except (
            CatalogueError
        ):  # a full disk or a locked database: the work itself will say so; the next beat tries again
            continue


@dataclass(frozen=True)
class Ended:
    """A run that was found without its process, and is failed now."""

    kind: str
    run_id: str
    reason: str


def recover(engine: Engine) -> list[Ended]:
    """Write that runs have failed whose process is gone: dead on this machine, or unheard of for STALE_SECONDS.

    What they had done stays, and the same command goes on with it. Safe to call at any time, by anybody.
    """
    found = []
    for run in leases.unfinished(engine, -1.0):
        reason = _why_dead(engine, run)
        if reason and leases.fail_unfinished(engine, run.run_id, reason, provenance()):
            found.append(Ended(run.kind, run.run_id, reason))
    return found


def _why_dead(engine: Engine, run: leases.Unfinished) -> str | None:
    heard = run.last_beat or run.since
    with reading(engine) as connection:
        beat = one(connection, "SELECT host, pid FROM heartbeat WHERE run_id = :run", run=run.run_id)
    if beat is not None and beat.host == socket.gethostname():
        if not _lives(int(beat.pid), heard):
            return f"its process was ended from outside; last heard of at {heard}"
        return None
    silent = (datetime.now(UTC) - datetime.fromisoformat(heard)).total_seconds()
    if silent > STALE_SECONDS:
        return f"nothing was heard of its process for {silent:.0f} s"
    return None


def _lives(pid: int, heard: str) -> bool:
    """Whether that process still is the one that sent the beat: alive, and begun before it."""
    try:
        return psutil.Process(pid).create_time() <= datetime.fromisoformat(heard).timestamp() + 1
    except psutil.NoSuchProcess:
        return False
