"""One retrain at a time on one catalogue, also between machines, and never held by the dead."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db import leases
from tasks.runtime.lease import only_one
from wrist_model.errors import CatalogueError

HOLD = "from tasks.runtime.lease import only_one\nwith only_one('retrain'):\n    print('held', flush=True)\n    input()"


def holder(catalogue: Engine) -> str | None:
    held = leases.holder(catalogue, "retrain")
    return held.owner if held else None


def test_a_second_one_is_refused_with_the_holders_name_and_a_killed_holder_is_replaced_at_once(
    catalogue: Engine,
) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    with pytest.raises(CatalogueError, match=f"Another retrain is running .*process {other.pid} "), only_one("retrain"):
        pass
    other.kill()
    other.wait()
    with only_one("retrain"):
        assert f"process {other.pid} " not in (holder(catalogue) or "")
    assert holder(catalogue) is None


def test_a_holder_elsewhere_keeps_it_while_it_is_heard_of_and_loses_it_after(catalogue: Engine) -> None:
    leases.acquire(catalogue, "retrain", "another-machine process 1 begun 1")
    with pytest.raises(CatalogueError, match="another-machine"), only_one("retrain"):
        pass
    old = (datetime.now(UTC) - timedelta(seconds=200)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with catalogue.begin() as connection:
        connection.exec_driver_sql(f"update work_lock set renewed_at = '{old}'")
    with only_one("retrain"):
        assert (holder(catalogue) or "").startswith(socket.gethostname())


def test_it_is_given_back_when_the_work_fails(catalogue: Engine, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_one("retrain"):
        1 / 0  # noqa: B018
    assert holder(catalogue) is None
