"""The last link of the chain that `wrist verify` found whole, so that `wrist verify --new` goes on from there.

It is kept in the home, under a seal: a keyed hash that only who reads the home's identity.key can make. So nobody whose
rights end at the database, or at writing files, can name a later link, or other rows, as verified. What it can't stand
against is in docs/audit.md.
"""

from __future__ import annotations

import hmac
import json
import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from db import home_lock
from db.audit.chain import now
from wrist_model.errors import CatalogueError

Seal = Callable[[str], str]
_NOTE = 32  # bytes, in the lock's file


@dataclass(frozen=True)
class VerifiedLink:
    """seq, chain_sha256: the link. ends: audited table → its last row by then. at: when it was found whole (UTC).
    walked_at: when all links and rows were last read."""

    seq: int
    chain_sha256: str
    ends: Mapping[str, int]
    at: str
    walked_at: str


def end_of(connection: Connection, ends: Mapping[str, int], after: VerifiedLink | None) -> VerifiedLink | None:
    """The chain's present end, whose tables end so; None for an empty chain."""
    last = connection.execute(text("SELECT seq, chain_sha256 FROM audit_entry ORDER BY seq DESC LIMIT 1")).first()
    if last is None:
        return None
    at = now()
    return VerifiedLink(last.seq, last.chain_sha256, dict(ends), at, after.walked_at if after else at)


def read(path: Path, seal: Seal) -> VerifiedLink | None:
    """What was remembered; None when nothing was. Raises CatalogueError for a file not sealed with this key."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        link = VerifiedLink(**content["link"])
        whole = hmac.compare_digest(seal(_text(link)), content["seal"])
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise CatalogueError(
            f"{path.name} is not as Wrist wrote it, or another identity.key stands in the home; somebody may want "
            "changed rows not to be read"
        )
    return link


def begun(path: Path) -> bytes:
    """What a check hands to `write` when it ends: `forget` changes it. Empty in a home that can't be written."""
    try:
        with home_lock.alone(path.parent, path.name) as lock:
            return os.pread(lock, _NOTE, 0)
    except OSError:
        return b""


def write(path: Path, link: VerifiedLink, seal: Seal, since: bytes) -> None:
    """Remember it, unless something was forgotten since the check of it had `begun`: what it read may be wrong by now.
    Not in a home that can't be written: then the next check only reads more."""
    with suppress(OSError), home_lock.alone(path.parent, path.name) as lock:
        if os.pread(lock, _NOTE, 0) == since:
            home_lock.write_whole(path, json.dumps({"link": asdict(link), "seal": seal(_text(link))}) + "\n")


def forget(path: Path) -> None:
    """The next `--new` reads everything, and no check that has begun before this is remembered."""
    with suppress(OSError), home_lock.alone(path.parent, path.name) as lock:
        os.pwrite(lock, uuid.uuid4().hex.encode(), 0)
    with suppress(OSError):  # somebody who may only read has looked
        path.unlink(missing_ok=True)


def _text(link: VerifiedLink) -> str:
    return json.dumps(asdict(link), sort_keys=True)
