"""What each stage of a flow takes: wall and CPU seconds and peak memory, of this process and those it starts."""

from __future__ import annotations

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


class _Meter:
    """Samples a process tree; a child that ends between two samples loses what it did since the last one."""

    def __init__(self) -> None:
        self.me = psutil.Process()
        self.done = threading.Event()
        self.peak = 0
        self.children: dict[tuple[int, float], float] = {}
        self.before: dict[tuple[int, float], float] = {}
        self.sample()
        self.before = dict(self.children)
        self.own = time.process_time()
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._run, daemon=True, name="costs")
        self.thread.start()

    def _run(self) -> None:
        while not self.done.wait(SAMPLE_SECONDS):
            self.sample()

    def sample(self) -> None:
        memory = self.me.memory_info().rss
        for child in self.me.children(recursive=True):
            try:
                times = child.cpu_times()
                memory += child.memory_info().rss
                self.children[child.pid, child.create_time()] = times.user + times.system
            except psutil.Error:
                continue
        self.peak = max(self.peak, memory)

    def stop(self) -> tuple[float, float, int]:
        """Wall seconds, CPU seconds, peak bytes."""
        self.done.set()
        self.thread.join()
        self.sample()
        wall, own = time.monotonic() - self.began, time.process_time() - self.own
        theirs = sum(seconds - self.before.get(child, 0.0) for child, seconds in self.children.items())
        return wall, own + theirs, self.peak


@contextmanager
def stage(flow: str, name: str) -> Iterator[None]:
    """Measure a block and store what it took, also when it fails."""
    meter = _Meter()
    try:
        yield
    finally:
        wall, cpu, peak = meter.stop()
        by = provenance()
        cost = stage_costs.StageCost(flow, name, wall, cpu, peak, by.prefect_flow_run_id)
        stage_costs.add_stage_cost(open_catalogue(), cost, by)


def tell(flow: str) -> None:
    """The table of this run's stages beside the mean of the five runs before, as an artifact of the run."""
    run_id = provenance().prefect_flow_run_id
    found = stage_costs.stage_costs(open_catalogue(), flow, 6)
    now = [cost for cost in found if cost.run_id == run_id]
    artifacts.costs(flow, now, [cost for cost in found if cost.run_id != run_id])
