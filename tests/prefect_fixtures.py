"""A real Prefect server for the session, and a real `wrist up`; both start on first use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

WRIST = str(Path(sys.executable).parent / "wrist")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of a session-wide home; this process uses it. A test sets its own WRIST_HOME."""
    from flows.host.server_choice import prefect_api

    said: list[str] = []
    with prefect_api(tmp_path_factory.mktemp("server") / "home", said.append) as url:
        os.environ.pop("WRIST_HOME", None)
        yield url


def ask(url: str, path: str, body: object = None, home: Path | None = None) -> Any:
    """A call of the server's REST API, a POST where there is a body; the parsed answer. home: whose password to use;
    None: this process's."""
    from flows.host.environment import prefect_settings
    from flows.host.prefect_api import connected

    with prefect_settings(home) if home else nullcontext(), connected(url) as client:
        method: Any = "GET" if body is None else "POST"
        reply = client.request(method, path, **({} if body is None else {"json": body}))  # type: ignore[arg-type]
        return reply.json() if reply.content else None  # an event is taken without a word


@dataclass
class Up:
    """A running `wrist up`."""

    process: subprocess.Popen[str]
    home: Path
    url: str
    folder: Path  # of the remembered root: six small radiographs, three of them positive
    first_lines: list[str]

    def ask(self, path: str, body: object = None) -> Any:
        return ask(self.url, path, body, self.home)

    def deployment(self, name: str) -> dict[str, Any]:
        found = self.ask("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        assert len(found) == 1
        return dict(found[0])

    def recipe(self, name: str, content: str) -> str:
        """A recipe where a deployment's run may name it, offered by the run form."""
        file = self.home / "recipes" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        wait(lambda: offers(self.deployment("retrain"), file), 60)
        wait(lambda: offers(self.deployment("ingest"), file), 60)
        return str(file)

    def ended(self, run: str, seconds: float = 90) -> dict[str, Any]:
        """The run once it has ended."""
        return wait(lambda: _ended(self.ask(f"/flow_runs/{run}")), seconds)


def offers(deployment: dict[str, Any], recipe: Path) -> bool:
    """Whether the run form of a deployment lists this recipe: what it doesn't list is refused."""
    return str(recipe) in deployment["parameter_openapi_schema"]["properties"]["recipe"].get("enum", ())


def _ended(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None


def wait(look: Callable[[], Any], seconds: float) -> Any:
    """What `look` gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"nothing within {seconds} s"
        time.sleep(0.3)
    return found


def radiographs(folder: Path, count: int = 6) -> Path:
    """A manifest of small pictures, one a patient, every second positive."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    lines = ["path,label,patient"]
    for number in range(count):
        Image.fromarray(random.integers(0, 200, (48, 40), dtype=np.uint8)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{number % 2},{folder.name}-p{number}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def hostile(shared: Path) -> dict[str, str]:
    """Proxies that nobody answers at, a shared temporary folder where Prefect's runner can't make its own, and
    somebody's settings for another Prefect server."""
    shared.mkdir()
    (shared / "runner_storage").touch()  # as another user's folder, also for root
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy"), "http://127.0.0.1:9")
    theirs = {"URL": "http://127.0.0.1:9/api", "KEY": "theirs", "AUTH_STRING": "some:body"}
    settings = {f"PREFECT_API_{name}": value for name, value in theirs.items()}
    settings |= {"PREFECT_PROFILE": "none-such", "PREFECT_SERVER_API_AUTH_STRING": "some:body"}
    settings |= {"PREFECT_SERVER_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:////none/prefect.db"}
    return {**proxies, **settings, "all_proxy": "socks5://127.0.0.1:9", "TMPDIR": str(shared)}


@pytest.fixture(scope="session")
def wrist_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`wrist up` as a process of its own, on a new home that remembers one manifest, in hostile surroundings."""
    from flows.host.server import free_port
    from tasks.sources_toml import Root, remember

    base = tmp_path_factory.mktemp("up")
    home, port = base / "home", free_port()
    home.mkdir()
    manifest = radiographs(base / "radiographs")
    remember(home, Root(str(manifest), body_part="ANY"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    process = subprocess.Popen(
        [WRIST, "up", "--port", str(port)],
        env={**environment, **hostile(base / "shared"), "WRIST_HOME": str(home)},
        cwd=base,
        umask=0,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("Runs go on"):
                break
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        yield Up(process, home, f"http://127.0.0.1:{port}/api", manifest.parent, lines)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
