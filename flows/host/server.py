"""A Prefect server for the console: the one that answers, or one that this home starts on 127.0.0.1.

A server of the home keeps its database under WRIST_HOME/prefect, so that `wrist up` later shows the same history. It
ends by itself when the last command that uses it has ended, killed or not. Nothing is written to ~/.prefect, and
nothing is asked of the network.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from db import process_identity
from db.home import make_shared, prefect_folder
from flows.host.prefect_api import answers
from wrist_model.errors import CatalogueError, UsageError

HOST = "127.0.0.1"
PORT = 4200
ROOT = Path(__file__).parents[2]
START_SECONDS = 180
RECORD = "server.json"
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
Say = Callable[[str], None]


def environment(home: Path) -> dict[str, str]:
    """What every Prefect process of this home is started with: no telemetry, its files under the home, prefect.toml.

    A server on this machine is never asked through a proxy.
    """
    folder = prefect_folder(home)
    excepted = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
    no_proxy = ",".join(dict.fromkeys([host.strip() for host in excepted if host.strip()] + [HOST, "localhost"]))
    file = str(folder / "prefect.db")
    # Prefect puts its file into an address as it stands, where a `?` would begin a query.
    address = {DATABASE: f"sqlite+aiosqlite:///file:{quote(file)}?uri=true"} if "?" in file else {}
    return {
        **address,
        **_settings(tomllib.loads((ROOT / "prefect.toml").read_text(encoding="utf-8")), "PREFECT"),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PREFECT_HOME": str(folder),
        "PREFECT_PROFILES_PATH": str(folder / "profiles.toml"),
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
        "WRIST_HOME": str(home),
    }


def _settings(table: dict[str, Any], prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        label = f"{prefix}_{name.upper()}"
        found |= _settings(value, label) if isinstance(value, dict) else {label: str(value)}
    return found


@contextmanager
def prefect_settings(home: Path) -> Iterator[None]:
    """Give this process the environment of the home's Prefect processes, before it imports Prefect; take it back."""
    before = dict(os.environ)
    os.environ.update(environment(home))
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def running(home: Path, *, say: Say, port: int | None = None) -> Iterator[str]:
    """The server of this home, found or started; it lives at least as long as this block.

    port: where to start one; None takes a free port. Raises UsageError when the port is in use, CatalogueError when
    the server doesn't start.
    """
    folder = prefect_folder(home)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        users = (folder / "users.lock").open("a")
    except OSError as error:
        raise CatalogueError(
            f"{folder}: can't be written ({error.strerror}). Set WRIST_HOME to a folder that can be."
        ) from None
    with users:
        _share(users)
        with (folder / "start.lock").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            url = recorded(home)
            if url is None:
                if port is not None:
                    require_free(port)
                say("No Prefect server answers; starting one (about 10 s; 25 s on a new home) …")
                url = _start(home, port or free_port())
            elif port is not None:
                say("Another command has this home's server running: joining it, where it listens.")
        yield url


def _share(users: IO[str]) -> None:
    """Take the users' shared lock. A server that is ending holds the exclusive one to its end: wait for that."""
    end = time.monotonic() + 40
    while True:
        try:
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise CatalogueError(f"{users.name} is held by a process that doesn't end; end it.") from None
            time.sleep(0.1)


def recorded(home: Path) -> str | None:
    """The URL of the server that this home recorded, if that very process lives and answers."""
    try:
        said = json.loads((prefect_folder(home) / RECORD).read_text())
        url, process = str(said["url"]), process_identity.Process(**said["process"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if process_identity.is_gone(process):
        return None
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if answers(url):
            return url
        time.sleep(0.2)
    return None


def record(home: Path, url: str, pid: int) -> None:
    """Remember which process serves this home, and where."""
    said = {"url": url, "process": asdict(process_identity.process(pid))}
    (prefect_folder(home) / RECORD).write_text(json.dumps(said))


def _start(home: Path, port: int) -> str:
    folder = prefect_folder(home)
    url = f"http://{HOST}:{port}/api"
    make_shared(folder / "prefect.db")
    log = folder / "server.log"
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.host.child_process", "users", str(folder / "users.lock")]
            + ["--", "server", "start", "--host", HOST, "--port", str(port)],
            env={**inherited, **environment(home), "PREFECT_SERVER_UI_API_URL": url},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise CatalogueError(f"The Prefect server stopped while starting; {log} says why.")
        if answers(url, 1.0):
            record(home, url, process.pid)
            return url
        time.sleep(0.2)
    process.kill()
    raise CatalogueError(f"The Prefect server did not answer within {START_SECONDS} s; {log} says why.")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int) -> None:
    """Raises UsageError when something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            raise UsageError(
                f"Port {port} can't be used, perhaps another `wrist up` has it. Choose another one: wrist up --port "
                f"{port + 1 if 1024 <= port < 65535 else PORT + 1}"
            ) from None
