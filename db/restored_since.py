"""Was the catalogue restored from a backup since this step began?

What a step read before a restore says nothing of the rows after it. `open_catalogue`, the first thing that a command or
a task does, notes the newest link of the audit chain; a transaction that writes looks whether that link still stands.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_BEGUN: ContextVar[tuple[tuple[Any, int, str], ...]] = ContextVar("newest links", default=())
"""(database, seq, chain_sha256): the newest link when this context last opened it."""


def note(connection: Connection) -> None:
    """From now on this context works on the catalogue as it is."""
    url = connection.engine.url
    newest = connection.exec_driver_sql("SELECT seq, chain_sha256 FROM audit_entry ORDER BY seq DESC LIMIT 1").first()
    rest = tuple(one for one in _BEGUN.get() if one[0] != url)
    _BEGUN.set(rest if newest is None else (*rest, (url, *newest)))


def refuse(connection: Connection) -> None:
    """Raises CatalogueError when the link that was newest then is another now, or is gone."""
    for url, seq, chain_sha256 in _BEGUN.get():
        if url != connection.engine.url:
            continue
        there = connection.exec_driver_sql(f"SELECT chain_sha256 FROM audit_entry WHERE seq = {seq:d}").scalar()
        if there != chain_sha256:
            raise CatalogueError(
                "The catalogue was restored from a backup since this step began: what it read may be there no more. "
                "Nothing of this step was stored. Run the same command again."
            )
