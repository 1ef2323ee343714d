"""Where the catalogue is: the only place that reads WRIST_HOME and WRIST_DATABASE_URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def home() -> Path:
    """WRIST_HOME, or ./wrist-home; absolute."""
    return Path(os.environ.get("WRIST_HOME") or "wrist-home").expanduser().absolute()


def database_url(home: Path | None = None) -> str:
    """WRIST_DATABASE_URL, or SQLite in the home. Never shown: it may hold a password."""
    return os.environ.get("WRIST_DATABASE_URL") or f"sqlite:///{(home or _default_home()) / 'catalogue.sqlite'}"


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, else None."""
    return Path(url.removeprefix("sqlite:///")).absolute() if url.startswith("sqlite:///") else None


_default_home = home
