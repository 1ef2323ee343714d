"""Was the catalogue restored from a backup since this step began?

What a step read or wrote before a restore says nothing of the rows after it. `open_catalogue`, the first thing that a
command or a task does, notes the newest link of the audit chain; each transaction of that step notes how far the chain
reaches by then, and one that writes looks whether the link that was noted last still stands.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from wrist_model.errors import CatalogueError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SEEN: ContextVar[tuple[tuple[Any, int, str], ...]] = ContextVar("newest links", default=())
"""(database, seq, chain_sha256): the newest link that this context saw since it last opened it; 0: there was none."""


def note(connection: Connection) -> None:
    """From now on this context works on the catalogue as it is."""
    _keep(connection, *_newest(connection))


def seen(connection: Connection) -> None:
    """This context has read or written up to the newest link. After a restore what it saw before counts on."""
    for seq, chain_sha256 in _noted(connection):
        newest = _newest(connection)
        if newest[0] > seq and _stands(connection, seq, chain_sha256):
            _keep(connection, *newest)


def refuse(connection: Connection) -> None:
    """Raises CatalogueError when the link that was newest then is another now, or is gone."""
    for seq, chain_sha256 in _noted(connection):
        if not _stands(connection, seq, chain_sha256):
            raise CatalogueError(
                "The catalogue was restored from a backup since this step began: what it read may be there no more. "
                "Nothing of this step was stored. Run the same command again."
            )


def _noted(connection: Connection) -> list[tuple[int, str]]:
    url = connection.engine.url
    return [(seq, chain_sha256) for database, seq, chain_sha256 in _SEEN.get() if database == url]


def _keep(connection: Connection, seq: int, chain_sha256: str) -> None:
    url = connection.engine.url
    _SEEN.set((*(one for one in _SEEN.get() if one[0] != url), (url, seq, chain_sha256)))


def _newest(connection: Connection) -> tuple[int, str]:
    row = connection.exec_driver_sql("SELECT seq, chain_sha256 FROM audit_entry ORDER BY seq DESC LIMIT 1").first()
    return (row[0], row[1]) if row else (0, "")


def _stands(connection: Connection, seq: int, chain_sha256: str) -> bool:
    if seq == 0:
        return True
    there = connection.exec_driver_sql(f"SELECT chain_sha256 FROM audit_entry WHERE seq = {seq:d}").scalar()
    return bool(there == chain_sha256)
