"""Every path below WRIST_HOME: the only place that reads WRIST_HOME and WRIST_DATABASE_URL and names what lies there.

What lies inside a store (a training's checkpoint, the feature store, the pixel store) is its module's own.
"""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """WRIST_HOME, or ./wrist-home; absolute."""
    return Path(os.environ.get("WRIST_HOME") or "wrist-home").expanduser().absolute()


def database_url(place: Path | None = None) -> str:
    """WRIST_DATABASE_URL, or SQLite in the home. Never shown: it may hold a password."""
    return os.environ.get("WRIST_DATABASE_URL") or f"sqlite:///{catalogue_file(place or home())}"


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, else None."""
    return Path(url.removeprefix("sqlite:///")).absolute() if url.startswith("sqlite:///") else None


def catalogue_file(home: Path) -> Path:
    """The SQLite catalogue, unless WRIST_DATABASE_URL names another database."""
    return home / "catalogue.sqlite"


