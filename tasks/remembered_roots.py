"""The roots that `sources.toml` remembers: what a `retrain` or a nightly `ingest` without a path reads."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from wrist_model.errors import UsageError

FILE = "sources.toml"


@dataclass(frozen=True)
class Root:
    """A place to ingest from, with how to read it."""

    path: str
    labels: str | None = None
    source: str | None = None
    body_part: str = "WRIST"


def read(home: Path) -> tuple[Root, ...]:
    """The remembered roots, in the order in which they were added; none where there is no file."""
    file = home / FILE
    if not file.exists():
        return ()
    try:
        return tuple(Root(**entry) for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("root", []))
    except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not a list of roots: {error}. Each is a [[root]] with a path.") from None


def remember(home: Path, root: Root) -> None:
    """Add a root, or replace the one of the same path. The file is written whole or not at all."""
    kept = [one for one in read(home) if one.path != root.path]
    lines = ["# Roots that `wrist retrain` and the nightly ingest read; `wrist ingest PATH --remember` adds one.", ""]
    for one in (*kept, root):
        lines.append("[[root]]")
        # A JSON string is a TOML basic string.
        lines += [f"{name} = {json.dumps(value)}" for name, value in asdict(one).items() if value is not None]
        lines.append("")
    part = home / f"{FILE}.part"
    part.write_text("\n".join(lines), encoding="utf-8")
    part.replace(home / FILE)
