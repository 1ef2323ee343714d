"""Fixtures that several rooms share. Each room's own stand beside its tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

# Before anything imports TensorFlow or Prefect: quiet, and nothing leaves the machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["DO_NOT_TRACK"] = "1"
os.environ.pop("WRIST_HOME", None)
os.environ.pop("WRIST_DATABASE_URL", None)

import pytest
from db_fixtures import catalogue, home, new_database, postgresql  # noqa: F401
from db_tamper import copied, told  # noqa: F401
from gate_hall import hall  # noqa: F401
from other_user import somebody  # noqa: F401
from prefect_fixtures import prefect_server, wrist_up  # noqa: F401
from whole_fixtures import whole  # noqa: F401

from tests import dcmtk, nginx, small_disk, together
from wrist_model.network import backbones

TOOLS = {  # markers of what needs a program that isn't Python's: whether it is there, and what is left out without it
    "dcmtk": (dcmtk.IS_THERE, "the comparisons with DCMTK (tests/test_ingest_dcmtk.py): apt-get install dcmtk"),
    "nginx": (nginx.IS_THERE, "the server behind a real proxy (tests/test_host_nginx.py): apt-get install nginx-light"),
    "small_disk": (
        small_disk.IS_THERE,
        "an ingest while a disk fills up (tests/test_disk_space.py): a kernel that lets `unshare -rm`",
    ),
}
MISSING = {name: said for name, (is_there, said) in TOOLS.items() if not is_there}


@pytest.fixture(autouse=True, scope="module")
def shipped_networks_alone() -> Iterator[None]:
    """What a module's tests add to the networks' folder (tests/small_network.py) is gone for the next one's."""
    before = [*backbones.__path__]
    yield
    backbones.__path__[:] = before


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The order is that of tests/together.py. Where a program isn't installed, what needs it is left out, and the end
    of the run says so."""
    together.order(items)
    without = [item for item in items if not any(item.get_closest_marker(name) for name in MISSING)]
    if len(without) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in without])
        items[:] = without


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> together.ByServer | None:
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # the order is ours
    return together.ByServer(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    yield
    for fixture in together.ends(item, nextitem):
        fixture.finish(item._request)  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for said in MISSING.values():
        terminalreporter.write_line(f"left out: {said}")
