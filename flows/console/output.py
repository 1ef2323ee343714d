"""What a command prints: lines for the person, and its result as text or JSON."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from wrist_model.terminal_text import escaped

DEBUG = False
ROOT = Path(__file__).parents[2]


def print_anything() -> None:
    """What the console's encoding lacks is printed as an escape, `\\u2026`; it is never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def can_print(text: str) -> bool:
    """Whether standard output's encoding has these characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Escaped(io.TextIOBase):
    """Standard output for lines that hold names and reasons of others."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return self.stream.write(escaped(text))

    def flush(self) -> None:
        self.stream.flush()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding


def say(message: str) -> None:
    """A line for the person, beside results: on stderr."""
    print(escaped(message), file=sys.stderr, flush=True)


def say_if_new() -> None:
    """In the wrong folder a new catalogue is made, and an empty one answers everything with nothing."""
    from db.engine import is_there
    from db.home import home

    if not is_there():
        say(f"No catalogue was in {home()}: a new, empty one is made. WRIST_HOME names another.")


def counted(number: int, one: str, many: str = "") -> str:
    """`1 study`, `2 studies`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def show(result: Any, as_json: bool, tell: Callable[[], None]) -> None:
    """The result as JSON, or as `tell` prints it."""
    if as_json:
        from db.query.json_text import json_text

        print(json_text(result, indent=2))
    else:
        with redirect_stdout(_Escaped(sys.stdout)):
            tell()
