"""The roots that `sources.toml` remembers: what a `retrain` or a nightly `ingest` without a path reads."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from db import home_lock
from db.home import sources_file
from wrist_model import regular_file
from wrist_model.errors import Refused, UsageError
from wrist_model.sources.source_item import Uncertain

QUIET_MINUTES = 10
_ALWAYS = ("path", "body_part")
MOST_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class Root:
    """A place to ingest from, with how to read it."""

    path: str
    labels: str | None = None
    source: str | None = None
    body_part: str = "WRIST"
    distinct_patients: bool = False  # numbers that other sources have, too, are other people's
    uncertain: Uncertain = "exclude"  # what becomes of studies whose label the source itself doubts
    follow_links: bool = False  # links that lead out of it are followed
    designation: str | None = None  # test or external:NAME: its whole source is a hold-out
    boxes: str | None = None  # a file or folder of boxes that people drew on its pictures
    label_meaning: str | None = None  # what a positive label says, where the source itself doesn't tell


def read(home: Path) -> tuple[Root, ...]:
    """The remembered roots, in the order in which they were added; none where there is no file."""
    try:
        return tuple(Root(**entry) for entry in _content(home).get("root", []))
    except TypeError as error:
        raise UsageError(f"{sources_file(home)}: {error}. Each root is a [[root]] with a path.") from None


def quiet_minutes(home: Path) -> float:
    """`[incoming] quiet_minutes`: how long after its last image `score_incoming` takes a study for complete."""
    incoming = _content(home).get("incoming", {})
    found = incoming.get("quiet_minutes", QUIET_MINUTES) if isinstance(incoming, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= MOST_MINUTES:
        raise UsageError(
            f"{sources_file(home)}: incoming.quiet_minutes must be a number from 0 to {MOST_MINUTES}, below [incoming]."
        )
    return float(found)


def remember(home: Path, root: Root) -> None:
    """Add a root, or replace the one of the same path; who else adds one waits. The file is written whole or not at
    all."""
    import tomli_w

    head = "# Roots that `wrist retrain` and the nightly ingest read; `wrist ingest PATH --remember` adds one.\n\n"
    default, file = asdict(Root("")), sources_file(home)
    with home_lock.alone(home, file.name):
        kept = [one for one in read(home) if one.path != root.path]
        content = _content(home)
        content["root"] = [
            {k: v for k, v in asdict(one).items() if k in _ALWAYS or v != default[k]} for one in (*kept, root)
        ]
        home_lock.write_whole(file, head + tomli_w.dumps(content))


def _content(home: Path) -> dict[str, Any]:
    """The file's tables; none where there is no file."""
    file = sources_file(home)
    if not file.exists():
        return {}
    try:
        return tomllib.loads(regular_file.read(file).decode())
    except (Refused, RecursionError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not a list of roots: {error}. Each is a [[root]] with a path.") from None
