"""Chunks of files to worker processes and their results back: a pool on this machine, or a Dask cluster."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, forkserver
from multiprocessing.context import BaseContext, ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from wrist_model.intake.examine_file import Context, Examined, Task, crashed, examine_chunk

CHUNK = 32
"""Files a chunk: some 0.1 s of work, so that progress moves and the workers end at about the same time."""

CPU_SECONDS = 120.0
"""The most computing that one file may take: damaged pixel data can keep a decoder busy for ever."""

BYTES_A_PIXEL, LEAST_MEMORY = 64, 1 << 30
"""How much memory a worker may take for a file: so much for each pixel of the largest picture that it may decode."""

KEPT_BYTES = 64 << 20
"""Memory that a worker keeps between files."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h

_context: Context | None = None
_limit = CPU_SECONDS


def _begin(context: Context, limit: float) -> None:
    """In each worker, once."""
    global _context, _limit
    _context, _limit = context, limit
    nowhere = os.open(os.devnull, os.O_WRONLY)  # codecs write about damaged files to where the person looks
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _keep_memory()
    _limit_memory(max(LEAST_MEMORY, BYTES_A_PIXEL * context.max_pixels))


def _limit_memory(more: int) -> None:
    """So many bytes beyond what is mapped now; then Python raises MemoryError, and a codec fails or dies. Where the
    system knows no such limit (macOS), it is without one."""
    mapped = Path("/proc/self/statm")
    if mapped.exists():
        most = int(mapped.read_text().split()[0]) * resource.getpagesize() + more
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _keep_memory() -> None:
    """Let glibc keep what a picture took for the next: giving it back and getting it again, zeroed, takes an eighth of
    the time that a picture takes (mallopt(3))."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES // 2)
        libc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(tasks: Sequence[Task]) -> tuple[Examined, ...]:
    if _context is None:
        raise RuntimeError("The worker was not given its context.")
    # SIGPROF ends a process that doesn't handle it, as a crash does.
    return examine_chunk(tasks, _context, lambda: signal.setitimer(signal.ITIMER_PROF, _limit))


def cores() -> int:
    """How many processes may run at once on this machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def examined(tasks: Iterable[Task], context: Context, jobs: int) -> Iterator[tuple[Examined, ...]]:
    """Results of each chunk as it is done, in any order; few chunks are in flight, so memory doesn't grow.

    Workers come from a fork server, never by forking this process: TensorFlow may be loaded in it. Where a decoder
    takes a worker down, or takes CPU_SECONDS, or too much memory, the files in flight are gone through one by one and
    the culprit refused.
    """
    parts = chunks(tasks)
    while True:
        lost: list[Sequence[Task]] = []
        yield from _until_broken(parts, context, jobs, lost)
        if not lost:
            return
        for chunk in lost:
            yield from alone(chunk, context)


def chunks(tasks: Iterable[Task]) -> Iterator[Sequence[Task]]:
    """CHUNK tasks at a time."""
    chunk: list[Task] = []
    for task in tasks:
        chunk.append(task)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Worker(ForkServerProcess):
    """A process that doesn't import what `__main__` is here: under a Prefect worker that is Prefect's engine, which
    takes half a second and 60 MiB, and a worker needs nothing of it."""

    @staticmethod
    def _Popen(process: BaseProcess) -> Any:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return ForkServerProcess._Popen(process)
        finally:
            sys.modules["__main__"] = main


class _ForkServer(ForkServerContext):
    Process = _Worker


def warm() -> BaseContext:
    """Start the process that workers are forked from, and return at once: it imports what they need in half a second,
    which passes while the caller opens the catalogue and looks for files."""
    start = _ForkServer()
    start.set_forkserver_preload(["tasks.compute.decode_pool", "imagehash", "scipy.fftpack", "PIL.PngImagePlugin"])
    forkserver.ensure_running()
    return start


def _pool(context: Context, jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, mp_context=warm(), initializer=_begin, initargs=(context, CPU_SECONDS))


def _until_broken(
    parts: Iterator[Sequence[Task]], context: Context, jobs: int, lost: list[Sequence[Task]]
) -> Iterator[tuple[Examined, ...]]:
    flying: dict[Future[tuple[Examined, ...]], Sequence[Task]] = {}
    pool = _pool(context, jobs)
    try:
        for chunk in parts:
            try:
                flying[pool.submit(_work, chunk)] = chunk
            except BrokenProcessPool:
                lost.append(chunk)
            if lost:
                break
            while len(flying) > jobs + 2:
                yield from _landed(flying, lost)
        while flying:
            yield from _landed(flying, lost)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _landed(
    flying: dict[Future[tuple[Examined, ...]], Sequence[Task]], lost: list[Sequence[Task]]
) -> Iterator[tuple[Examined, ...]]:
    for future in wait(flying, return_when=FIRST_COMPLETED).done:
        chunk = flying.pop(future)
        try:
            result = future.result()
        except (BrokenProcessPool, MemoryError):
            lost.append(chunk)
        else:
            yield result


def alone(tasks: Sequence[Task], context: Context) -> Iterator[tuple[Examined, ...]]:
    """The results of tasks among which some take their worker down: one by one, and those are refused."""
    pool = _pool(context, 1)
    try:
        for task in tasks:
            try:
                yield pool.submit(_work, [task]).result()
            except MemoryError:
                yield (crashed(task, context),)
            except BrokenProcessPool:
                yield (crashed(task, context),)
                pool.shutdown()
                pool = _pool(context, 1)
    finally:
        pool.shutdown(cancel_futures=True)
