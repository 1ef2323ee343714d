"""A Prefect server for the console: the one that answers, or one that this home starts on 127.0.0.1.

For people on other machines it listens elsewhere, too, where `wrist up` is told so (public_address.py).

A server of the home keeps its database under WRIST_HOME/prefect, so that `wrist up` later shows the same history. It
ends by itself when the last command that uses it has ended, killed or not. Nothing is written to ~/.prefect, and
nothing is asked of the network.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from db.home import prefect_folder
from flows.host import password
from flows.host.environment import HOST, exactly, process_environment, server_environment
from flows.host.prefect_api import Kind, answers, look
from flows.host.public_address import PublicAddress
from flows.host.server_record import listens, living, record
from tasks.home_rights import share_databases
from wrist_model.errors import CatalogueError, UsageError

PORT = 4200
START_SECONDS = 180
LOCAL = PublicAddress()
Say = Callable[[str], None]


@contextmanager
def running(home: Path, *, say: Say, port: int | None = None, address: PublicAddress = LOCAL) -> Iterator[str]:
    """The server of this home, found or started; it lives at least as long as this block.

    port: where to start one on 127.0.0.1; None takes a free port. address: where it is for people. Raises UsageError
    when a port is in use, or a server that runs has another address, CatalogueError when the server doesn't start.
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
            password.load_or_make(home)
            url = recorded(home)
            if url is None:
                if port is not None:
                    require_free(port)
                if address.is_apart and address.port is not None:
                    require_free(address.port, address.host)
                say("No Prefect server answers; starting one (about 10 s; 25 s on a new home) …")
                url = _start(home, port or free_port(), address)
            else:
                _require_ours(url, say)
                if not address.is_default:
                    raise UsageError(
                        "This home's server runs already, and would go on listening where it does: stop the other "
                        "`wrist up` and the commands that use it, then start this one again."
                    )
                if port is not None:
                    say("Another command has this home's server running: joining it, where it listens.")
        with exactly(process_environment(home, url)):
            yield url


def _require_ours(url: str, say: Say) -> None:
    """Raises CatalogueError when the home's running server doesn't let this home in; says when it is an older one."""
    import prefect

    answer = look(url)
    if answer.kind is Kind.REFUSES:
        raise CatalogueError(
            f"The Prefect server of this home, at {url}, refuses this home's password: it was started with another "
            "one. Stop `wrist up` and the commands that use it, and start again."
        )
    if answer.kind is Kind.PREFECT and answer.version != prefect.__version__:
        say(
            f"This home's server runs Prefect {answer.version}, and this command Prefect {prefect.__version__}: "
            "stop `wrist up` and start it again."
        )


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
    found = living(home)
    if found is None:
        return None
    url, _ = found
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if answers(url):
            return url
        time.sleep(0.2)
    return None


def _start(home: Path, port: int, address: PublicAddress) -> str:
    folder = prefect_folder(home)
    share_databases(home)
    url = f"http://{HOST}:{port}/api"
    log, words = folder / "server.log", ["serve", str(port)]
    if address.is_apart:
        words += [address.host, str(address.port), str(address.certificate or ""), str(address.key or "")]
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.host.child_process", "users", str(folder / "users.lock")] + ["--", *words],
            env=server_environment(home, address.origins(port), address.base, address.api_url),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise CatalogueError(f"The Prefect server stopped while starting. {last_line(log)}")
        if listens(process.pid, port) and answers(url, 1.0):
            record(home, url, process.pid, origin=address.origin, base=address.base)
            return url
        time.sleep(0.2)
    process.kill()
    raise CatalogueError(f"The Prefect server did not answer within {START_SECONDS} s. {last_line(log)}")


class Deaths:
    """How often in a row something that is started again has ended as soon as it had started."""

    MOST = 4
    SOON_SECONDS = 20.0

    def __init__(self) -> None:
        self._started, self._count = time.monotonic(), 0

    def too_many(self) -> bool:
        """Count one more death, and take it for started again now; whether what kills it seems to stay."""
        soon = time.monotonic() - self._started < self.SOON_SECONDS
        self._started, self._count = time.monotonic(), self._count + 1 if soon else 1
        return self._count >= self.MOST


AFTER_AN_ERROR = ("(Background on this error", "[SQL: ", "[parameters: ")


def last_line(log: Path) -> str:
    """The last thing that this log says, and where it stands; SQLAlchemy's lines after its error left out."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
    except OSError as error:
        return f"{log} can't be read: {error.strerror}."
    lines = [line for line in lines if line and not line.startswith(AFTER_AN_ERROR)]
    return f"{log} ends with: {lines[-1][:400]}" if lines else f"{log} says nothing."


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, host: str = HOST) -> None:
    """Raises UsageError when something listens on the port already, or the host is no address of this machine."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except (OSError, OverflowError) as error:
        if isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
            raise UsageError(f"--host {host}: no address of this machine.") from None
        raise UsageError(
            f"Port {port} can't be used, perhaps another `wrist up` has it. Choose another one: wrist up --port "
            f"{port + 1 if 1024 <= port < 65535 else PORT + 1}"
        ) from None
