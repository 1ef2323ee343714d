"""This machine and its processes, by what no wall clock moves: the one place that leases on SQLite take the time from.

Linux: the kernel's boot id, CLOCK_BOOTTIME, and a process's start in ticks since the boot. macOS: its boot session, its
CLOCK_MONOTONIC (it counts sleep, too), and the start that the kernel keeps.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")
SAME_START = 0.05  # seconds between two readings of one process's start


@dataclass(frozen=True)
class Process:
    """A process as leases and records name it. boot_id, pid_namespace: empty where they can't be seen.

    begun: seconds from the boot to the process's start (macOS: since 1970), None where it can't be seen.
    """

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    begun: float | None


def seconds() -> float:
    """Seconds since the boot, sleep included; the same for every process of the machine, also in a time namespace."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock) - _offset()


@cache
def boot_id() -> str:
    """What names this boot of the machine; empty where it can't be seen."""
    if sys.platform == "darwin":
        done = subprocess.run(["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True)
        return done.stdout.strip()
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def this_process() -> Process:
    """The process that asks."""
    return process(os.getpid())


def process(pid: int) -> Process:
    """A process of this PID namespace that runs now."""
    mine = pid == os.getpid() and sys.platform != "darwin"
    seen = _seen("self" if mine else pid)
    return Process(socket.gethostname(), boot_id(), _pid_namespace(), pid, seen[0] if seen else None)


def is_gone(process: Process) -> bool | None:
    """Whether a process has ended: True or False where that is certain, None where it can't be seen from here.

    Only a process of this boot and PID namespace can be seen. One that the kernel doesn't know, that begun at another
    time, or that is a zombie without a living thread has ended. A /proc that hides it says nothing.
    """
    if not process.boot_id or process.boot_id != boot_id():
        return None
    if not process.pid_namespace or process.pid_namespace != _pid_namespace():
        return None
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's: it is there
        pass
    seen = _seen(process.pid)
    if seen is None or process.begun is None:
        return None
    begun, ended = seen
    return ended or abs(begun - process.begun) > SAME_START


def _seen(pid: int | str) -> tuple[float, bool] | None:
    """A process's start, and whether it is a zombie without a living thread; None where it can't be seen."""
    if sys.platform == "darwin":
        return _seen_by_psutil(int(pid))
    try:
        if pid != "self" and (PROC / "self").readlink().name != str(os.getpid()):
            return None  # /proc is another namespace's: its numbers aren't ours
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    ended = fields[0] in "ZX" and int(fields[17]) <= 1
    return int(fields[19]) / os.sysconf("SC_CLK_TCK") - _offset(), ended


def _seen_by_psutil(pid: int) -> tuple[float, bool] | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return process.create_time(), process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None


def _pid_namespace() -> str:
    if sys.platform == "darwin":
        return "macOS"
    try:
        return str((PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


@cache
def _offset() -> float:
    """By how much this process's time namespace shows the time since the boot otherwise than the machine's own."""
    try:
        lines = (PROC / "self/timens_offsets").read_text().splitlines()
    except OSError:
        return 0.0
    for name, whole, nanoseconds in (line.split() for line in lines):
        if name == "boottime":
            return int(whole) + int(nanoseconds) / 1e9
    return 0.0
