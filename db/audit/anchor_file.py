"""An external anchor: a few lines of the chain kept elsewhere, so that a chain rewritten as a whole is found too.

The file is JSON: the catalogue's id (of its first link), and links by number with their chain hash. Keep it where who
can write the database can't write: another machine, a mail to oneself, a time-stamping service.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from db.audit.chain import now
from db.audit.verified_link import VerifiedLink
from wrist_model.errors import CatalogueError

Found = tuple[str, str, str]
SHORTER = (
    ": the rows after its end are missing. A SQLite file that was copied after a kill, without the -wal beside it, has "
    "lost its last rows: copy it anew with `wrist db backup`, or restore the last backup."
)


def compare(connection: Connection, path: Path) -> Iterator[Found]:
    """What the chain no longer has as the anchor file says; nothing when there is no file yet."""
    if not path.exists():
        return
    ours = _catalogue(connection)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        named = content.get("catalogue")
        links = [(int(link["seq"]), str(link["chain_sha256"]), str(link["written"])) for link in content["links"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise CatalogueError(f"{path}: this is no anchor file of Wrist. Give the one that `--anchor` wrote.") from None
    if named is not None and named != ours:
        yield (
            "anchor",
            "audit_entry row 1",
            f"The anchor is of catalogue {named}, this one is {ours or 'empty'}: another catalogue's anchor, or the "
            "chain was written anew from its first link.",
        )
        return
    for seq, sha256, written in links:
        row = connection.execute(
            text("SELECT chain_sha256 AS sha FROM audit_entry WHERE seq = :seq"), {"seq": seq}
        ).first()
        if row is None:
            yield (
                "anchor",
                f"audit_entry row {seq}",
                f"The anchor of {written} has this link; the chain is shorter now{SHORTER}",
            )
            return
        if row.sha != sha256:
            yield "anchor", f"audit_entry row {seq}", f"The chain up to here is not the one anchored on {written}."
            return


def note_backup(connection: Connection, path: Path) -> None:
    """Write down how far the chain reaches in a database that is backed up, or that a backup was put into."""
    last = _end(connection)
    content: dict[str, Any] = {"place": _place(connection), "catalogue": _catalogue(connection), "written": now()}
    content |= {"seq": last.seq, "chain_sha256": last.chain_sha256} if last else {"seq": 0, "chain_sha256": None}
    try:
        path.write_text(json.dumps(content) + "\n", encoding="utf-8")
    except OSError:
        return  # it only helps; the backup itself is whole


def behind_backup(connection: Connection, path: Path) -> Iterator[Found]:
    """What the last backup of this very database had, and it has no more."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        seq, written = int(said["seq"]), str(said["written"])
        same = (said["place"], said["catalogue"]) == (_place(connection), _catalogue(connection))
    except (OSError, ValueError, KeyError, TypeError):
        return
    last = _end(connection)
    if same and seq > (last.seq if last else 0):
        yield (
            "behind_backup",
            f"audit_entry row {seq}",
            f"The backup of {written} had this link; the chain ends at {last.seq if last else 0}{SHORTER}",
        )


def _place(connection: Connection) -> str:
    url = connection.engine.url
    return f"{url.host or ''}/{url.database}"


def _end(connection: Connection) -> Any:
    return connection.execute(text("SELECT seq, chain_sha256 FROM audit_entry ORDER BY seq DESC LIMIT 1")).first()


def _catalogue(connection: Connection) -> str | None:
    """The catalogue's id: the hash of its first link, which a backup or a restored copy shares; None when empty."""
    found = connection.execute(text("SELECT chain_sha256 FROM audit_entry WHERE seq = 1")).scalar()
    return str(found)[:16] if found else None


def last_link(path: Path) -> VerifiedLink | None:
    """The link that the file ends with, and the rows by then; None where it doesn't say so, or is no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        link, ends = content["links"][-1], {str(table): int(row) for table, row in content["ends"].items()}
        at = str(link["written"])
        return VerifiedLink(int(link["seq"]), str(link["chain_sha256"]), ends, at, str(content["walked"]))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def write(connection: Connection, path: Path, reached: VerifiedLink) -> None:
    """Write the anchor, or add the chain's present end to it, by a temporary file: a kill leaves the old one."""
    last = _end(connection)
    if last is None:
        return
    links = json.loads(path.read_text(encoding="utf-8"))["links"] if path.exists() else []
    if not links or links[-1]["seq"] != last.seq:
        links.append({"seq": last.seq, "chain_sha256": last.chain_sha256, "written": now()})
    partial = path.with_name(path.name + ".partial")
    try:
        content = {"wrist_anchor": 1, "catalogue": _catalogue(connection), "links": links}
        content |= {"ends": dict(reached.ends), "walked": reached.walked_at}  # where `wrist verify --new` goes on
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise CatalogueError(f"{path}: the anchor can't be written ({error.strerror}).") from None
