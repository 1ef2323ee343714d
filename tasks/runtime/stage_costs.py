"""What each stage of a flow takes: wall and CPU seconds and peak memory, of this process and those it starts."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from db import stage_costs
from db.engine import open_catalogue
from tasks.runtime import artifacts
from tasks.runtime.provenance import provenance

SAMPLE_SECONDS = 0.5


def _cpu_seconds() -> float:
    """CPU seconds so far, of this process and of those it started, running or ended.

    Decoding workers are the fork server's children, not ours: of a running process its ended children count too.
    (macOS doesn't say that of other processes: there the ended workers are missing.)
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(one.ru_utime + one.ru_stime for one in used)
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:  # it has ended
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


class _PeakMemory:
    """The most bytes that this process and those it started held at once, sampled in a thread."""

    def __init__(self) -> None:
        self.bytes = 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True, name="peak memory")
        self.thread.start()

    def _run(self) -> None:
        me, ended = psutil.Process(), False
        while not ended:
            ended = self.done.wait(SAMPLE_SECONDS)
            self.bytes = max(self.bytes, sum(map(_resident, [me, *me.children(recursive=True)])))

    def stop(self) -> int:
        """Take the last sample and give the peak."""
        self.done.set()
        self.thread.join()
        return self.bytes


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended
        return 0


@contextmanager
def stage(flow: str, name: str, *, measured: bool = True) -> Iterator[None]:
    """Measure a block and store what it took, also when it fails. measured: False where it only reads results back."""
    if not measured:
        yield
        return
    memory, cpu, began = _PeakMemory(), _cpu_seconds(), time.monotonic()
    try:
        yield
    finally:
        wall, cpu = time.monotonic() - began, _cpu_seconds() - cpu
        by = provenance()
        cost = stage_costs.StageCost(flow, name, wall, cpu, memory.stop(), by.prefect_flow_run_id)
        stage_costs.add_stage_cost(open_catalogue(), cost, by)


def show_costs(flow: str) -> None:
    """The table of this run's stages beside the mean of the five runs before, as an artifact of the run."""
    run_id = provenance().prefect_flow_run_id
    found = stage_costs.stage_costs(open_catalogue(), flow, 6)
    now = [cost for cost in found if cost.run_id == run_id]
    artifacts.costs(flow, now, [cost for cost in found if cost.run_id != run_id])
