"""Command `up`: a Prefect server with its UI, the deployments of prefect.yaml and a worker, until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from flows.console.output import say, say_if_new

if TYPE_CHECKING:
    from flows.host.public_address import PublicAddress

CHECK_SECONDS = 2.0
RECOVERY_SECONDS = 15.0
MISSED_SECONDS = 60.0  # for the workers to begin what was missed, before it is deployed anew


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(up)


def up(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Where the UI listens.")] = 4200,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="How many worker processes.")] = 1,
    host: Annotated[
        str, typer.Option("--host", help="The address that it listens on; another than 127.0.0.1 needs encryption.")
    ] = "127.0.0.1",
    public_url: Annotated[
        str | None, typer.Option("--public-url", help="How browsers name it: https://NAME[:PORT][/PATH/], a proxy's.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Its certificate, a PEM file.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="The certificate's key, a PEM file.")] = None,
) -> None:
    """Prefect server with UI, the deployments of prefect.yaml, and a worker, until Ctrl-C."""
    from db.engine import open_catalogue
    from db.home import home
    from flows.host.environment import prefect_settings
    from flows.host.public_address import chosen
    from flows.host.server import running
    from tasks.home_rights import share_databases

    address = chosen(host, port, url=public_url, certificate=tls_cert, key=tls_key, around=os.environ)
    say_if_new()
    open_catalogue().dispose()
    share_databases(home())
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that starts it in the background has SIGINT ignored
        signal.signal(number, _stop)
    here = home()
    own = None if address.is_apart else port
    with prefect_settings(here), running(here, say=say, port=own, address=address) as url:
        _serve(here, url, workers, address)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _serve(home: Path, url: str, count: int, address: PublicAddress) -> None:
    from uuid import UUID

    from flows.host import run_forms, scheduled_runs, up_record, work_pool
    from flows.host.crash_recovery import end_crashed_runs
    from flows.host.server_watch import ServerWatch
    from flows.host.workers import workers
    from tasks import disk_space

    server = ServerWatch(home, url, say, address)
    without_process: dict[UUID, float] = {}
    work_pool.make(url)

    low: list[str] = []

    def look_after_runs() -> list[str]:
        before, low[:] = bool(low), disk_space.nearly_full(home)
        told = [] if before else low
        return [*told, *scheduled_runs.tidy(url), *end_crashed_runs(url, without_process), *run_forms.keep(url, home)]

    for line in _or_why_not("look after missed runs", lambda: scheduled_runs.tidy(url)):
        say(line)
    with up_record.kept(home, shlex.join(["wrist", *sys.argv[1:]])), workers(home, url, count, say=say) as pool:
        for line in _or_why_not("wait for the missed runs", lambda: scheduled_runs.begun(url, MISSED_SECONDS)):
            say(line)
        deploy(home, url)
        for line in _or_why_not("mend the run forms", lambda: run_forms.keep(url, home)):
            say(line)
        _tell(home, url)
        checked = 0.0
        try:
            while True:
                time.sleep(CHECK_SECONDS)
                pool.restart_ended()
                server.look()
                if time.monotonic() - checked > RECOVERY_SECONDS:
                    for line in _or_why_not("look after the runs", look_after_runs):
                        say(line)
                    checked = time.monotonic()
        except KeyboardInterrupt:
            say("Stopping the worker and the server …")


def _or_why_not(aim: str, read: Callable[[], list[str]]) -> list[str]:
    """The lines that `read` gives, or one that says why it failed: a busy server must not end `wrist up`."""
    from wrist_model.errors import WristError

    try:
        return read()
    except (WristError, OSError) as error:
        return [f"Could not {aim} just now: {error}"]


def deploy(home: Path, url: str) -> None:
    """`prefect deploy --all` with Wrist's own prefect.yaml. Raises CatalogueError with Prefect's last line."""
    from flows.host.environment import SHIPPED, process_environment
    from wrist_model.errors import CatalogueError

    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        env=process_environment(home, url),
        cwd=SHIPPED,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = lines[-1] if lines else "Prefect gave no reason"
        raise CatalogueError(f"The deployments of {SHIPPED / 'prefect.yaml'} failed: {reason}")


def _tell(home: Path, url: str) -> None:
    from db.home import prefect_password_file
    from flows.host import password
    from flows.host.server_record import shown_at

    print(f"UI:       {shown_at(home)}")
    if password.is_told(home) or _is_kept(sys.stdout):
        print(f"Password: in {prefect_password_file(home)}")
    else:
        print(f"Password: {password.load_or_make(home)}  (shown this once; kept in {prefect_password_file(home)})")
        password.tell(home)
    for line in _or_why_not("read the schedule", lambda: _schedule(url)):
        print(f"{'':<10}{line}")
    print(f"Home:     {home}")
    print("Runs go on while this command does; Ctrl-C stops it.", flush=True)


def _is_kept(stream: TextIO) -> bool:
    """Whether what is printed goes to a file or a journal, where others may read it."""
    try:
        kind = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # no file at all
        return False
    return stat.S_ISREG(kind) or stat.S_ISSOCK(kind)


def _schedule(url: str) -> list[str]:
    from flows.host.deployments import deployments

    end = time.monotonic() + 10
    found = deployments(url)
    while any(one.soon and one.next is None for one in found) and time.monotonic() < end:
        time.sleep(0.5)  # until the scheduler has seen the new schedules
        found = deployments(url)
    return [f"{one.name:<32}{one.due}" for one in found]
