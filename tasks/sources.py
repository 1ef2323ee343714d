"""The places that a `retrain` or a nightly `ingest` without a path reads: WRIST_HOME/sources.toml."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from wrist_model.errors import DataError, UsageError

HEAD = (
    "# What `wrist retrain` and the nightly ingest read when no path is given. `wrist ingest --remember` adds to it.\n"
)


@dataclass(frozen=True)
class Root:
    """One remembered place and how to read it; the same words as the options of `wrist ingest`."""

    path: str
    labels: str | None = None
    source: str | None = None
    body_part: str = "WRIST"


def file(home: Path) -> Path:
    return home / "sources.toml"


def roots(home: Path) -> tuple[Root, ...]:
    """The remembered places, in order. UsageError that names the file and the field when it can't be read."""
    path = file(home)
    if not path.exists():
        return ()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from None
    known = {item.name for item in fields(Root)}
    found = []
    entries = content.get("source", [])
    if set(content) - {"source"} or not isinstance(entries, list):
        raise UsageError(f"{path}: expected tables [[source]] alone, each with path and, optionally, {_options()}.")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
            raise UsageError(f"{path}: source {number} has no path.")
        if unknown := sorted(set(entry) - known):
            raise UsageError(f"{path}: source {number}: unknown field {unknown[0]}. Known are path, {_options()}.")
        if wrong := [name for name, value in entry.items() if not isinstance(value, str)]:
            raise UsageError(f"{path}: source {number}: {wrong[0]} must be a text.")
        found.append(Root(**entry))
    return tuple(found)


def required(home: Path) -> tuple[Root, ...]:
    """`roots`, or DataError that says how to remember one."""
    if found := roots(home):
        return found
    raise DataError(f"No path was given and {file(home)} names none: `wrist ingest PATH --remember` adds one.")


def remember(home: Path, new: Sequence[Root]) -> tuple[Root, ...]:
    """Add places, or change how known ones are read; gives all of them. The file is replaced whole."""
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        kept = {root.path: root for root in roots(home)}
        for root in new:
            absolute = replace(root, path=_absolute(root.path), labels=root.labels and _absolute(root.labels))
            kept[absolute.path] = absolute
        handle, name = tempfile.mkstemp(dir=home, prefix=".sources-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(HEAD + "".join(_toml(root) for root in kept.values()))
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file(home))
    return tuple(kept.values())


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _toml(root: Root) -> str:
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in asdict(root).items() if value]
    return "\n[[source]]\n" + "\n".join(lines) + "\n"


def _options() -> str:
    return ", ".join(item.name for item in fields(Root)[1:])


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    with (home / ".sources.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
