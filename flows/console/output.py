"""What a command prints: lines for the person, and its result as text or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEBUG = False
ROOT = Path(__file__).parents[2]


def say(message: str) -> None:
    """A line for the person, beside results: on stderr."""
    print(message, file=sys.stderr, flush=True)


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
        print(json.dumps(result, indent=2, default=str))
    else:
        tell()
