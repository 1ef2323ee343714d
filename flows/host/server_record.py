"""What a home notes about its running server: which process it is, where it listens, and where people see it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from db import process_identity
from db.home import prefect_folder
from flows.host import up_record
from tasks.runtime import pages

RECORD = "server.json"


def record(home: Path, url: str, pid: int, *, origin: str = "", base: str = "") -> None:
    """Remember which process serves this home, and where. url: the API's, on 127.0.0.1; origin, base: see
    public_address.py."""
    said = {"url": url, "process": asdict(process_identity.process(pid)), "origin": origin, "base": base}
    (prefect_folder(home) / RECORD).write_text(json.dumps(said))


def _said(home: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, TypeError):
        return dict(json.loads((prefect_folder(home) / RECORD).read_text()))
    return {}


def base(home: Path) -> str:
    """The path below which the home's server is shown, or ""."""
    return str(_said(home).get("base", ""))


def shown_at(home: Path) -> str:
    """The address that people use, without a slash at its end; "" where no server was recorded."""
    said = _said(home)
    own = str(said.get("url", "")).removesuffix("/api")
    return f"{said.get('origin') or own}{said.get('base', '')}"


def address(home: Path, path: str) -> str | None:
    """The whole address of a page of the home's server, such as `/reports/latest.html`: for a mail, or an event. None
    where another server is used, or one that lives no longer than a command."""
    return f"{shown_at(home)}{path}" if pages.BASE in os.environ and up_record.runs(home) else None


def living(home: Path) -> tuple[str, int] | None:
    """URL and pid of the server that this home recorded, if that very process lives and listens, answering or not."""
    try:
        said = _said(home)
        url, process = str(said["url"]), process_identity.Process(**said["process"])
    except (KeyError, TypeError):
        return None
    gone = process_identity.is_gone(process)
    if gone or (gone is False and not listens(process.pid, port_of(url))):
        return None
    return url, process.pid


def port_of(url: str) -> int:
    """Of an API's URL."""
    return int(url.removesuffix("/api").rpartition(":")[2])


def listens(pid: int, port: int) -> bool:
    """Whether this very process listens on the port: who else does isn't told the home's password.

    Of another user's process that can't be seen; in a home that a group shares it is taken for granted.
    """
    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)
