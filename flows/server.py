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
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from wrist_model.errors import CatalogueError, UsageError

HOST = "127.0.0.1"
PORT = 4200
ROOT = Path(__file__).parent.parent
START_SECONDS = 180
DRAIN_SECONDS = 60
RECORD = "server.json"
BUSY, BUSY_TRIES = 503, 8  # what Prefect answers while its database is locked

Say = Callable[[str], None]


def environment(home: Path) -> dict[str, str]:
    """What every Prefect process of this home is started with: no telemetry, its files under the home, prefect.toml."""
    folder = home / "prefect"
    return {
        **_settings(tomllib.loads((ROOT / "prefect.toml").read_text(encoding="utf-8")), "PREFECT"),
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
def prefect_api(home: Path, say: Say) -> Iterator[str]:
    """Gives the URL of a Prefect API and sets this process to use it.

    It is, in this order: PREFECT_API_URL of the environment or of the user's Prefect profile, the server that this
    home runs already (`wrist up`, or another command), or a new one for this command; `say` is told of that one.
    At the end the runs' events have been recorded. Raises CatalogueError when PREFECT_API_URL does not answer or
    the new server doesn't start.
    """
    before = dict(os.environ)
    asked = os.environ.get("PREFECT_API_URL") or _of_profile()
    os.environ.update(environment(home))
    try:
        if asked:
            with _used(asked) as url:
                yield url
        else:
            with running(home, say=say) as url, _used(url):
                yield url
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _used(url: str) -> Iterator[str]:
    """Point Prefect, imported or not, at this API; record everything before leaving."""
    if not answers(url):
        raise CatalogueError(
            f"PREFECT_API_URL is {url}, and no Prefect server answers there. "
            "Start it, or unset the variable to let Wrist start one of its own."
        )
    os.environ["PREFECT_API_URL"] = url
    from prefect.settings import PREFECT_API_URL, temporary_settings

    begun = time.time()
    with temporary_settings({PREFECT_API_URL: url}):
        try:
            yield url
        finally:
            drain(url, begun)


def _of_profile() -> str | None:
    """The API of the user's own active Prefect profile, if it answers; the file is only read."""
    folder = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    try:
        profiles = tomllib.loads((folder / "profiles.toml").read_text(encoding="utf-8"))
        url = profiles["profiles"][profiles["active"]]["PREFECT_API_URL"]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError):
        return None
    return str(url) if answers(str(url)) else None


@contextmanager
def running(home: Path, *, say: Say, port: int | None = None) -> Iterator[str]:
    """The server of this home, found or started; it lives at least as long as this block.

    port: where to start one; None takes a free port. Raises UsageError when the port is in use, CatalogueError when
    the server doesn't start.
    """
    folder = home / "prefect"
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
    """Be counted as a user. A server that is ending holds the lock to its end: wait for that."""
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
    import psutil

    try:
        record = json.loads((home / "prefect" / RECORD).read_text())
        process = psutil.Process(int(record["pid"]))
        if abs(process.create_time() - float(record["created"])) > 1:
            return None
        url = str(record["url"])
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if answers(url):
            return url
    return None


def _start(home: Path, port: int) -> str:
    import psutil

    folder = home / "prefect"
    url = f"http://{HOST}:{port}/api"
    log = folder / "server.log"
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.keeper", "users", str(folder / "users.lock")]
            + ["--", "server", "start", "--host", HOST, "--port", str(port)],
            env={**inherited, **environment(home), "PREFECT_SERVER_UI_API_URL": url},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    record = {"url": url, "pid": process.pid, "created": psutil.Process(process.pid).create_time()}
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise CatalogueError(f"The Prefect server stopped while starting; {log} says why.")
        if answers(url, 1.0):
            (folder / RECORD).write_text(json.dumps(record))
            return url
        time.sleep(0.2)
    process.kill()
    raise CatalogueError(f"The Prefect server did not answer within {START_SECONDS} s; {log} says why.")


def answers(url: str, seconds: float = 5.0) -> bool:
    """Whether a healthy Prefect API is at this URL."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=seconds) as reply:  # noqa: S310 (loopback or the user's)
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


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


def ask(url: str, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """A call of the Prefect REST API; the parsed answer. A server that is busy is asked again."""
    request = urllib.request.Request(  # noqa: S310 (the server found above)
        f"{url}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    for attempt in range(BUSY_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
                return json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != BUSY or attempt == BUSY_TRIES - 1:
                raise
            time.sleep(0.5 * (attempt + 1))
    return None


def drain(url: str, begun: float, seconds: float = DRAIN_SECONDS) -> None:
    """Send what this process still holds, then wait until the server has recorded it.

    That is: no task run begun since is left unfinished, and their number rests for 1.5 s; or it rests for 10 s.
    """
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=10, at_exit=False)
    APILogWorker.drain_all(timeout=10, at_exit=False)
    since = {"start_time": {"after_": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun - 1))}}
    states = {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}
    end, count, rested = time.monotonic() + seconds, -1, time.monotonic()
    while time.monotonic() < end:
        try:
            now = ask(url, "/task_runs/count", {})
            unfinished = ask(url, "/task_runs/count", {"task_runs": {**since, **states}})
        except (urllib.error.URLError, OSError):
            return
        if now != count:
            count, rested = now, time.monotonic()
        rest = time.monotonic() - rested
        if (not unfinished and rest > 1.5) or rest > 10:
            return
        time.sleep(0.3)
