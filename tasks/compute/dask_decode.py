"""Files examined on a Dask cluster instead of this machine's process pool; its machines must see the same files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tasks.compute.decode_pool import alone, chunks
from wrist_model.errors import UsageError
from wrist_model.intake.examine_file import Context, Examined, Task, examine_chunk


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the Dask scheduler at address. Raises UsageError when there is none, or no Dask here."""
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("A Dask cluster needs the packages of the extra `dask`: pip install 'wrist[dask]'.") from None
    try:
        client = Client(address, timeout="5s", set_as_default=False)
    except OSError:
        raise UsageError(f"{address}: no Dask scheduler answers there. Start one, or leave --cluster out.") from None
    with client, client.as_current():
        yield client


def examined(tasks: Iterable[Task], context: Context, jobs: int, *, address: str) -> Iterator[tuple[Examined, ...]]:
    """Results of each chunk as it is done, in any order. jobs: chunks in flight beyond the cluster's own threads.

    The context (key, labels) is sent to each worker once. Files among which one takes workers down are gone through
    one by one on this machine. Raises UsageError when there is no scheduler at address.
    """
    with connected(address) as client:
        from distributed import as_completed

        shared = client.scatter(context, broadcast=True, hash=False)
        done = as_completed()
        flying: dict[Any, Sequence[Task]] = {}
        limit = jobs + 2 * sum(client.nthreads().values())
        for chunk in chunks(tasks):
            if shared.status != "finished":  # all workers that had it died
                shared = client.scatter(context, broadcast=True, hash=False)
            future = client.submit(examine_chunk, chunk, shared, pure=False)
            flying[future.key] = chunk
            done.add(future)
            while len(flying) >= limit:
                yield from _landed(next(done), flying, context)
        while flying:
            yield from _landed(next(done), flying, context)


def _landed(future: Any, flying: dict[Any, Sequence[Task]], context: Context) -> Iterator[tuple[Examined, ...]]:
    from distributed import CancelledError
    from distributed.scheduler import KilledWorker

    chunk = flying.pop(future.key)
    try:
        result = future.result()
    except (KilledWorker, CancelledError):  # a worker died on it, or with its result
        yield from alone(chunk, context)
    else:
        yield result
