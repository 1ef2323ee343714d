"""The password of a home's Prefect server: user and password in one, as its sign-in page and its clients take it."""

from __future__ import annotations

import secrets
from pathlib import Path

from db.home import prefect_password_file
from wrist_model import secret_file
from wrist_model.errors import CatalogueError


def load_or_make(home: Path) -> str:
    """`wrist:…`, made on first use. Raises CatalogueError where its file can't be used, or others may read it."""
    file = prefect_password_file(home)
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            secret_file.make(file, f"wrist:{secrets.token_urlsafe(24)}")
        return secret_file.read(file)
    except OSError as error:
        raise CatalogueError(f"{file}: can't be read or made: {error.strerror}.") from None


def known(home: Path) -> str | None:
    """The password where there is one already. Raises CatalogueError as `load_or_make` does."""
    return load_or_make(home) if prefect_password_file(home).exists() else None


def is_told(home: Path) -> bool:
    """Whether `wrist up` has printed it."""
    return _told(home).exists()


def tell(home: Path) -> None:
    """Note that it has been printed."""
    _told(home).touch()


def _told(home: Path) -> Path:
    file = prefect_password_file(home)
    return file.with_name(f"{file.name}.shown")
