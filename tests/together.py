"""Which test files run one after the other in one process, since they share a server, and in what order files begin.

A Prefect server that nobody asks anything takes a twentieth of a core and more: each is started once for all its files,
and ended after the last of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

SERVERS = {
    "prefect_server": """flow_whole console_demo flow_scaling flow_gate flow_plan flow_replicates flow_incoming
        flow_lock flow_drift tasks_decisions tasks_ensemble ingest_privacy disk_space prune host_scheduled_runs""",
    "wrist_up": "console_up host_run_forms host_password host_surroundings home_rights",
}
"""Session's fixture → the files that use it, in their order: the last leaves a schedule of every second behind."""

LONG = "train_fit console_rights flow_external db_insider interleavings train_resume train_weights house"
"""What begins right after these: the last file to end shouldn't be a long one."""

RANK = " ".join([*SERVERS.values(), LONG]).split()


def _name(file: str) -> str:
    return Path(file.split("::")[0]).stem.removeprefix("test_")


def server_of(file: str) -> str | None:
    """The server that a test file uses, or a test's, by its id."""
    return next((server for server, names in SERVERS.items() if _name(file) in names.split()), None)


def order(items: list[pytest.Item]) -> None:
    """Sort by file."""
    names = [_name(item.nodeid) for item in items]
    ranks = {name: RANK.index(name) if name in RANK else len(RANK) for name in names}
    kept = [item for _, item in sorted(zip(names, items, strict=True), key=lambda both: ranks[both[0]])]
    items[:] = kept


def strays(items: list[pytest.Item]) -> set[tuple[str, str]]:
    """Files that use a server and aren't in its row, each with that server."""
    used = {(_name(one.nodeid), name) for one in items for name in getattr(one, "fixturenames", ())}
    return {(file, server) for file, server in used if server in SERVERS and server_of(file) != server}


class ByServer(LoadFileScheduling):
    """Files by workers, as --dist loadfile has them, but those that share a server to one."""

    def _split_scope(self, nodeid: str) -> str:
        return server_of(nodeid) or super()._split_scope(nodeid)


def ends(item: pytest.Item, following: pytest.Item | None) -> Iterator[Any]:
    """The fixtures that end with this test: those of its server, where the next test's file doesn't use it."""
    server = server_of(item.nodeid)
    if server and not (following and server_of(following.nodeid) == server):
        yield from item.session._fixturemanager.getfixturedefs(server, item) or ()
