"""Files examined on a Dask cluster instead of this machine's process pool; its machines must see the same files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tasks.pool import chunks
from wrist_model.errors import UsageError
from wrist_model.examine import Context, Examined, Task, examine_chunk


def examined(tasks: Iterable[Task], context: Context, jobs: int, *, address: str) -> Iterator[tuple[Examined, ...]]:
    """Results of each chunk as it is done, in any order. jobs: chunks in flight beyond the cluster's own threads.

    The context (key, labels) is sent to each worker once. Raises UsageError when there is no scheduler at address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("A Dask cluster needs the packages of the extra `dask`: pip install 'wrist[dask]'.") from None
    try:
        client = Client(address, timeout="5s", set_as_default=False)
    except OSError:
        raise UsageError(f"{address}: no Dask scheduler answers there. Start one, or leave --cluster out.") from None
    with client, client.as_current():
        shared = client.scatter(context, broadcast=True, hash=False)
        flying: set[Any] = set()
        limit = jobs + 2 * sum(client.nthreads().values())
        for chunk in chunks(tasks):
            flying.add(client.submit(examine_chunk, chunk, shared, pure=False))
            while len(flying) >= limit:
                yield from _landed(flying)
        while flying:
            yield from _landed(flying)


def _landed(flying: set[Any]) -> Iterator[tuple[Examined, ...]]:
    from distributed import wait

    for future in wait(flying, return_when="FIRST_COMPLETED").done:
        flying.discard(future)
        yield future.result()
