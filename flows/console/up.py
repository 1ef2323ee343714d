"""Command `up`: a Prefect server with its UI, the deployments of prefect.yaml and a worker, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from db.home import prefect_folder
from flows.console.output import say, say_if_new

POOL = "wrist"
LOOK_SECONDS = 2.0
RESCUE_SECONDS = 15.0
POOL_SECONDS = 90
SOON = "soon"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(up)


def up(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Where the UI listens on 127.0.0.1.")] = 4200,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="How many worker processes.")] = 1,
) -> None:
    """Prefect server with UI, the deployments of prefect.yaml, and a worker, until Ctrl-C."""
    from db.engine import open_catalogue
    from db.home import home
    from flows.host.server import running

    say_if_new()
    open_catalogue().dispose()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that starts it in the background has SIGINT ignored
        signal.signal(number, _stop)
    here = home()
    with running(here, say=say, port=port) as url:
        _serve(here, url, workers)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _serve(home: Path, url: str, workers: int) -> None:
    from flows.host.crash_recovery import rescue
    from flows.host.server import running

    seen: dict[str, float] = {}
    with _workers(home, url, workers) as pool:
        _await_pool(url, pool)
        deploy(home, url)
        _tell(home, url)
        rescued = 0.0
        try:
            while True:
                time.sleep(LOOK_SECONDS)
                pool.mend()
                if not _healthy(url):
                    say("The Prefect server is gone; starting it again …")
                    with running(home, say=lambda _: None, port=int(url.removesuffix("/api").rpartition(":")[2])):
                        say("… it answers again.")
                if time.monotonic() - rescued > RESCUE_SECONDS:
                    for line in _quietly("look after crashed runs", lambda: rescue(url, seen)):
                        say(line)
                    rescued = time.monotonic()
        except KeyboardInterrupt:
            say("Stopping the worker and the server …")


def _quietly(aim: str, look: Callable[[], list[str]]) -> list[str]:
    """A look that must not end `wrist up`, though the server be too busy to answer: what came in its way instead."""
    from wrist_model.errors import WristError

    try:
        return look()
    except (WristError, OSError) as error:
        return [f"Could not {aim} just now: {error}"]


def _healthy(url: str) -> bool:
    """Whether the server answers; one that is busy is given half a minute."""
    from flows.host.prefect_api import answers

    return any(answers(url, 10) for _ in range(3))


class Workers:
    """Worker processes of this command; one that died is started again."""

    def __init__(self, home: Path, url: str, count: int) -> None:
        self.home, self.url, self.log = home, url, prefect_folder(home) / "worker.log"
        self.processes = [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        from flows.host.server import environment

        with self.log.open("ab") as sink:
            return subprocess.Popen(
                [sys.executable, "-m", "flows.host.child_process", "parent", str(os.getpid())]
                + ["--", "worker", "start", "--pool", POOL, "--type", "process"],
                env={**os.environ, **environment(self.home), "PREFECT_API_URL": self.url},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    def mend(self) -> None:
        """Start those again that have ended."""
        for number, process in enumerate(self.processes):
            if process.poll() is not None:
                say(f"A worker ended (status {process.returncode}; {self.log} says why); starting another …")
                self.processes[number] = self._start()

    def stop(self) -> None:
        """Ask all to end, and make those end that don't within 20 s."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        end = time.monotonic() + 20
        for process in self.processes:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _workers(home: Path, url: str, count: int) -> Iterator[Workers]:
    pool = Workers(home, url, count)
    try:
        yield pool
    finally:
        pool.stop()


def _await_pool(url: str, pool: Workers) -> None:
    """The first worker makes the work pool, with the right template for its type."""
    from flows.host.prefect_api import ask
    from wrist_model.errors import CatalogueError

    end = time.monotonic() + POOL_SECONDS
    while time.monotonic() < end:
        try:
            ask(url, f"/work_pools/{POOL}")
            return
        except OSError:  # no pool yet, or a server too busy to answer in time
            pool.mend()
            time.sleep(0.5)
    raise CatalogueError(f"No worker made the work pool {POOL!r} within {POOL_SECONDS} s; {pool.log} says why.")


def deploy(home: Path, url: str) -> None:
    """`prefect deploy --all` with Wrist's own prefect.yaml. Raises CatalogueError with Prefect's last line."""
    from flows.host.server import ROOT, environment
    from wrist_model.errors import CatalogueError

    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        env={**os.environ, **environment(home), "PREFECT_API_URL": url},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise CatalogueError(f"The deployments of {ROOT / 'prefect.yaml'} failed: {lines[-1] if lines else 'no word'}")


def _tell(home: Path, url: str) -> None:
    print(f"UI:       {url.removesuffix('/api')}")
    for line in _quietly("read the schedule", lambda: _schedule(url)):
        print(f"{'':<10}{line}")
    print(f"Home:     {home}")
    print("Runs go on while this command does; Ctrl-C stops it.", flush=True)


def _schedule(url: str) -> list[str]:
    end = time.monotonic() + 10
    while any(row["next"] == SOON for row in deployments(url)) and time.monotonic() < end:
        time.sleep(0.5)  # until the scheduler has seen the new schedules
    return [f"{row['name']:<32}{row['next'] or 'when asked'}" for row in deployments(url)]


def deployments(url: str) -> list[dict[str, Any]]:
    """Name, and the time of the next scheduled run (UTC), of each of Wrist's deployments."""
    from flows.host.prefect_api import ask

    found = []
    flows = {row["id"]: row["name"] for row in ask(url, "/flows/filter", {"limit": 200})}
    for row in ask(url, "/deployments/filter", {"limit": 200}):
        wanted = {
            "deployments": {"id": {"any_": [row["id"]]}},
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        }
        runs = ask(url, "/flow_runs/filter", {**wanted, "sort": "EXPECTED_START_TIME_ASC", "limit": 1})
        active = [schedule for schedule in row["schedules"] if schedule["active"]]
        when = runs[0]["expected_start_time"][:16].replace("T", " ") + " UTC" if runs else None
        name = f"{flows.get(row['flow_id'], '?')}/{row['name']}"
        found.append({"name": name, "next": when or (SOON if active else None), "paused": bool(row["paused"])})
    return sorted(found, key=lambda row: str(row["name"]))
