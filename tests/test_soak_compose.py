"""docs/compose/compose.yaml without a container engine: each of its parts a process on a machine of its own (a network
name space), by the file's own commands and environment; one worker is cut off for two minutes while it ingests."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import network_namespaces
import psycopg
import pytest
import yaml
from network_namespaces import Network, network
from prefect_fixtures import WRIST, radiographs, wait

from tasks.sources_toml import Root, remember

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "compose"
SERVICES: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
SYSTEM_POSTGRESQL = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
PASSWORD = "a1b2c3"  # noqa: S105
MACHINES = ("postgres", "server", "worker-1", "worker-2")
CUT_SECONDS = 120
pytestmark = pytest.mark.soak


def environment(service: str, home: Path) -> dict[str, str]:
    """As compose gives it, but for the home's place."""
    said = {name: str(value) for name, value in SERVICES[service]["environment"].items()}
    filled = {name: re.sub(r"\$\{WRIST_PASSWORD[^}]*\}", PASSWORD, value) for name, value in said.items()}
    return {
        "PATH": f"{Path(WRIST).parent}:{os.environ['PATH']}",
        "HOME": str(home.parent / service),
        **filled,
        "WRIST_HOME": str(home),
    }


@contextmanager
def database(net: Network) -> Iterator[None]:
    """What the image does: a cluster of the user wrist, the database wrist, and the mounted file of SQL."""
    assert SYSTEM_POSTGRESQL is not None
    folder = Path(tempfile.mkdtemp(prefix="wrist-pg-"))
    (folder / "password").write_text(PASSWORD)
    for path in (folder, folder / "password"):
        shutil.chown(path, "postgres")
    control = ["runuser", "-u", "postgres", "--", str(SYSTEM_POSTGRESQL.parent / "pg_ctl"), "-D", str(folder / "data")]
    cluster = f"-U wrist -A scram-sha-256 --pwfile={folder / 'password'}"
    net.does("postgres", [*control, "-s", "-o", cluster, "initdb"], cwd=folder)
    with (folder / "data" / "pg_hba.conf").open("a") as file:
        file.write("host all all 0.0.0.0/0 scram-sha-256\n")
    settings = f"-k {folder} -c listen_addresses=*"
    start = [*control, "-s", "-w", "-o", settings, "-l", str(folder / "log"), "start"]
    subprocess.run(["ip", "netns", "exec", "postgres", *start], cwd=folder, check=True)
    try:
        for statement in ("create database wrist", *(FOLDER / "databases.sql").read_text().split(";")[:-1]):
            with psycopg.connect(address(net, "postgres"), autocommit=True) as connection:
                connection.execute(statement)
        yield
    finally:
        net.end()
        shutil.rmtree(folder)


def address(net: Network, name: str) -> str:
    return f"postgresql://wrist:{PASSWORD}@{net.address['postgres']}/{name}"


class Composed:
    """The running parts, asked from this machine."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.net, self.folder, self.home = net, folder, folder / "home"
        self.url = f"http://{net.address['server']}:4200/api"
        for name in ("server", "deploy", "worker"):
            (folder / name).mkdir()

    def start(self, service: str, machine: str) -> None:
        """The service's command on that machine."""
        words = shlex.split(SERVICES[service]["command"])
        here = environment(service, self.home)
        self.net.start(machine, words, self.folder / f"{machine}.log", env=here, cwd=ROOT)

    def deploy(self) -> None:
        here = environment("deploy", self.home)
        self.net.does("server", shlex.split(SERVICES["deploy"]["command"]), env=here, cwd=ROOT)

    def ask(self, path: str, body: object = None) -> Any:
        import httpx

        sign_in = httpx.BasicAuth("wrist", PASSWORD)
        with httpx.Client(auth=sign_in, timeout=20, trust_env=False) as client:
            reply = client.get(self.url + path) if body is None else client.post(self.url + path, json=body)
        return reply.raise_for_status().json() if reply.content else None

    def answers(self) -> bool:
        import httpx

        try:
            return bool(self.ask("/health"))
        except httpx.HTTPError:
            return False

    def ingest(self, manifest: Path) -> str:
        """Ask for a run of the deployment; its id."""
        (found,) = self.ask("/deployments/filter", {"deployments": {"name": {"any_": ["ingest"]}}})
        asked = {"parameters": {"paths": [str(manifest)], "source": manifest.parent.name, "body_part": "ANY"}}
        return str(self.ask(f"/deployments/{found['id']}/create_flow_run", asked)["id"])

    def wrist(self, machine: str, *words: str) -> str:
        """What a command of the console prints on that machine."""
        return self.net.does(machine, [WRIST, *words], env=environment("worker", self.home), cwd=self.folder)

    def state(self, run: str) -> str:
        return str(self.ask(f"/flow_runs/{run}")["state_type"])

    def ended(self, run: str, seconds: float) -> str:
        wait(lambda: self.state(run) in ("COMPLETED", "FAILED", "CRASHED"), seconds)
        return self.state(run)

    def counted(self, sql: str) -> Any:
        with psycopg.connect(address(self.net, "wrist")) as connection:
            return connection.execute(sql).fetchone()


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Composed]:
    with network(MACHINES) as net, database(net):
        made = Composed(net, tmp_path)
        made.home.mkdir()
        made.start("server", "server")
        wait(made.answers, 120)
        made.deploy()
        yield made


HOLDS = """
import time
from db.engine import open_catalogue, writing
with writing(open_catalogue()):
    print("holds", flush=True)
    time.sleep(600)
"""

if network_namespaces.IS_THERE and SYSTEM_POSTGRESQL:

    def test_a_worker_that_is_cut_off_for_two_minutes_stops_nobody_and_loses_nothing(composed: Composed) -> None:
        large, small = radiographs(composed.folder / "large", 12_000), radiographs(composed.folder / "small", 300)
        remember(composed.home, Root(str(large)))
        composed.start("worker", "worker-1")
        cut_off = composed.ingest(large)
        wait(lambda: composed.counted("select to_regclass('image')")[0], 120)
        wait(lambda: composed.counted("select count(*) from image")[0] > 500, 120)
        assert composed.state(cut_off) == "RUNNING"
        composed.net.plug("worker-1", "down")
        begun = time.monotonic()
        try:
            assert "300 new" in composed.wrist("worker-2", "ingest", str(small), "--body-part", "ANY")
            beside = time.monotonic() - begun
            assert beside < CUT_SECONDS
            time.sleep(CUT_SECONDS - beside)
        finally:
            composed.net.plug("worker-1", "up")
        back = time.monotonic()
        first = composed.ended(cut_off, 400)
        composed.start("worker", "worker-2")
        print(f"\nthe other machine's ingest took {beside:.0f} s of the cut")
        print(f"the run that was cut off ended as {first}, {time.monotonic() - back:.0f} s after the cable was back")
        assert composed.ended(composed.ingest(large), 400) == "COMPLETED"
        assert composed.counted("select count(*), count(distinct image_uid) from images") == (12_300, 12_300)
        assert composed.counted("select count(*) from ingest_runs where status = 'running'") == (0,)
        assert "All as it was written" in composed.wrist("worker-2", "verify")

    def test_a_machine_that_vanishes_inside_a_transaction_holds_up_the_others_for_a_minute(composed: Composed) -> None:
        small = radiographs(composed.folder / "small", 30)
        here = environment("worker", composed.home)
        words = [sys.executable, "-c", HOLDS]
        log = composed.folder / "holds.log"
        composed.wrist("worker-2", "ingest", str(radiographs(composed.folder / "first", 3)), "--body-part", "ANY")
        composed.net.start("worker-1", words, log, env=here, cwd=ROOT)
        wait(lambda: "holds" in log.read_text(), 60)
        composed.net.plug("worker-1", "down")
        begun = time.monotonic()
        assert "30 new" in composed.wrist("worker-2", "ingest", str(small), "--body-part", "ANY")
        print(f"\nthe next writer went on after {time.monotonic() - begun:.0f} s")
