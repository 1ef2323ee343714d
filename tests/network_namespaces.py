"""Machines on one network, as network name spaces of this one: an address, a name and a cable each."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

BRIDGE = "wrist-br"
SUBNET = "10.231.77"
HOSTS = Path("/etc/netns")


def _does(*words: str) -> bool:
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0


def _is_there() -> bool:
    """Whether this user may make a name space and a bridge: root with the command `ip` of iproute2."""
    if os.geteuid() or shutil.which("ip") is None or not _does("netns", "add", BRIDGE):
        return False
    found = _does("link", "add", BRIDGE, "type", "bridge") and _does("link", "del", BRIDGE)
    return _does("netns", "del", BRIDGE) and found


IS_THERE = _is_there()


class Network:
    """Machines by name; each knows the others' names."""

    def __init__(self, names: Sequence[str]) -> None:
        self.address = {name: f"{SUBNET}.{number}" for number, name in enumerate(names, start=10)}

    def start(self, machine: str, words: Sequence[str], log: Path, **more: Any) -> None:
        """A process there; what it says goes to the file."""
        with log.open("wb") as sink:
            inside = ["ip", "netns", "exec", machine, *words]
            subprocess.Popen(inside, stdout=sink, stderr=sink, start_new_session=True, **more)

    def does(self, machine: str, words: Sequence[str], **more: Any) -> str:
        """What a command prints there. AssertionError, with what it said, where it fails."""
        inside = ["ip", "netns", "exec", machine, *words]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def end(self) -> None:
        """Kill all that runs on the machines, what it started too."""
        for name in self.address:
            for pid in subprocess.check_output(["ip", "netns", "pids", name], text=True).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    def plug(self, machine: str, state: str) -> None:
        """Pull its cable (down), or put it back (up)."""
        subprocess.run(["ip", "link", "set", f"v-{machine}", state], check=True)


@contextmanager
def network(names: Sequence[str]) -> Iterator[Network]:
    """Until the block ends; this machine reaches them by their addresses."""
    made = Network(names)

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    ip("link", "add", BRIDGE, "type", "bridge")
    try:
        ip("addr", "add", f"{SUBNET}.1/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for name, address in made.address.items():
            ip("netns", "add", name)
            (HOSTS / name).mkdir(parents=True)
            known = "".join(f"{one} {other}\n" for other, one in made.address.items())
            (HOSTS / name / "hosts").write_text(f"127.0.0.1 localhost\n{known}")
            ip("link", "add", f"v-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"v-{name}", "master", BRIDGE, "up")
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield made
    finally:
        for name in names:
            _does("netns", "del", name)
            shutil.rmtree(HOSTS / name, ignore_errors=True)
        _does("link", "del", BRIDGE)
