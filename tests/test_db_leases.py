"""Leases: one at work on a thing at a time, a live one never declared dead, a lost one never written with."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lease_holder
import psutil
import pytest
from db_story import BY, begin_training, tell
from lease_holder import ROOT, Holding, hold
from sqlalchemy import Engine

from db import leases, process_identity, stage_costs, trainings
from db.audit import chain
from db.engine import reading, writing
from db.lookups import every
from db.unended_runs import end_abandoned, unended
from wrist_model.errors import LeaseHeld, LeaseLost
from wrist_model.records import Epoch, TrainedModel

COST = stage_costs.StageCost("f", "s", 1.0)
EPOCH = Epoch(1, 1.0, 0.5, 1.0, 0.5, 1e-3, 1.0)
TRAINED = TrainedModel("resnet50", "ab" * 32, "none", None, 1, 1.0, (EPOCH,))


def begin(engine: Engine, dataset_id: str) -> trainings.TrainingStart:
    return begin_training(engine, dataset_id, seed=77)


def another(work: Callable[[], Any]) -> Any:
    """What `work` gives in a caller's place of its own, as another process would have it."""
    return contextvars.Context().run(work)


def change(engine: Engine, what: str) -> None:
    with writing(engine, chained=False, fenced=False) as connection:
        connection.exec_driver_sql(f"UPDATE lease SET {what}")


def events(engine: Engine, training_run_id: str) -> list[str]:
    sql = (
        "SELECT e.status FROM training_event e JOIN training_run t ON t.id = e.training_run_id "
        "WHERE t.training_run_id = :run ORDER BY e.id"
    )
    with reading(engine) as connection:
        return [row.status for row in every(connection, sql, run=training_run_id)]


@pytest.fixture
def holding(catalogue: Engine) -> Iterator[Holding]:
    """Another process that holds the retrain of this catalogue."""
    with hold("retrain") as other:
        yield other


def test_a_training_under_way_is_not_handed_to_a_second_caller(catalogue: Engine) -> None:
    story = tell(catalogue)
    first = begin(catalogue, story.dataset_id)
    for ask in (
        lambda: begin(catalogue, story.dataset_id),
        lambda: another(lambda: begin(catalogue, story.dataset_id)),
    ):
        with pytest.raises(LeaseHeld, match=f"at work on training {first.training_run_id} .process {os.getpid()} "):
            ask()
    trainings.add_epoch(catalogue, first.training_run_id, EPOCH, BY)
    trainings.finish_training(catalogue, first.training_run_id, TRAINED, BY)
    assert events(catalogue, first.training_run_id) == ["finished"]


def test_one_training_never_ends_as_failed_and_as_finished(catalogue: Engine) -> None:
    story = tell(catalogue)
    mine = contextvars.copy_context()
    first = mine.run(begin, catalogue, story.dataset_id)
    change(catalogue, "boot_id = 'another', renewed = renewed - 1000")  # unheard of, and elsewhere
    second = begin(catalogue, story.dataset_id)
    assert second.resumed and second.training_run_id == first.training_run_id
    for write in (trainings.add_epoch, trainings.finish_training, trainings.fail_training):
        with pytest.raises(LeaseLost, match="taken over by process"):
            mine.run(write, catalogue, first.training_run_id, {"add_epoch": EPOCH}.get(write.__name__, TRAINED), BY)
        with pytest.raises(LeaseLost, match="isn't this process's"):
            another(lambda write=write: write(catalogue, first.training_run_id, TRAINED, BY))
    with pytest.raises(LeaseLost):  # and nothing else either
        mine.run(stage_costs.add_stage_cost, catalogue, COST, BY)
    trainings.finish_training(catalogue, second.training_run_id, TRAINED, BY)
    assert events(catalogue, first.training_run_id) == ["failed", "resumed", "finished"]


def test_a_run_that_was_declared_dead_writes_nothing_more(catalogue: Engine) -> None:
    story = tell(catalogue)
    mine = contextvars.copy_context()
    run = mine.run(begin, catalogue, story.dataset_id).training_run_id
    assert end_abandoned(catalogue, BY) == [] and [one.run_id for one in unended(catalogue)] == [run]
    change(catalogue, "boot_id = 'another', renewed = renewed - 1000")
    assert [one.run_id for one in end_abandoned(catalogue, BY)] == [run]
    assert end_abandoned(catalogue, BY) == []
    with pytest.raises(LeaseLost, match="stops here"):
        mine.run(trainings.finish_training, catalogue, run, TRAINED, BY)
    assert events(catalogue, run) == ["failed"]


def test_each_holder_has_a_higher_number_and_a_name_of_its_own(catalogue: Engine) -> None:
    owners, fences = set(), []
    for _ in range(3):
        lease = lease_holder.acquire(catalogue, "retrain")
        owners.add(lease.owner)
        fences.append(lease.fence)
        with pytest.raises(LeaseHeld):
            lease_holder.acquire(catalogue, "retrain")
        lease_holder.release(catalogue, lease)
        assert not lease_holder.renew(catalogue, lease)
    assert fences == [1, 2, 3] and len(owners) == 3


def test_two_who_ask_at_once_do_not_both_get_it(catalogue: Engine) -> None:
    got: list[object] = []
    ready = threading.Barrier(8)

    def ask() -> None:
        ready.wait()
        try:
            got.append(lease_holder.acquire(catalogue, "scoring queue"))
        except LeaseHeld as error:
            got.append(error)

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert sum(isinstance(one, leases.Lease) for one in got) == 1 and len(got) == 8


@pytest.mark.parametrize("step", [2, -2, 3600, -3600])
def test_a_clock_that_is_set_takes_nothing_from_the_living(
    holding: Holding, catalogue: Engine, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    told = time.time
    monkeypatch.setattr(time, "time", lambda: told() + step)
    monkeypatch.setattr(chain, "now", lambda: f"2026-01-01T0{abs(step) % 7}:00:00.000000Z")
    linux = getattr(psutil, "_pslinux", None)
    if linux is not None:  # the kernel tells the boot's time anew once the clock is set
        booted = linux.boot_time()
        monkeypatch.setattr(linux, "BOOT_TIME", booted + step, raising=False)
        monkeypatch.setattr(linux, "boot_time", lambda: booted + step)
    with pytest.raises(LeaseHeld, match=f"process {holding.pid} "):
        lease_holder.acquire(catalogue, "retrain")


def test_a_clock_set_back_by_an_hour_keeps_nobody_waiting_for_the_dead(holding: Holding, catalogue: Engine) -> None:
    change(catalogue, "acquired_at = '2099-01-01T00:00:00.000000Z', renewed_at = '2099-01-01T00:00:00.000000Z'")
    holding.kill()
    assert lease_holder.acquire(catalogue, "retrain").fence == 2


def test_another_machine_with_a_wrong_clock_keeps_its_run(catalogue: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    if catalogue.dialect.name == "sqlite":
        monkeypatch.setattr(
            process_identity, "boot_id", lambda: ""
        )  # where no other machine is, but one that can't be told
    lease = lease_holder.acquire(catalogue, "retrain")
    change(catalogue, "boot_id = 'there', host = 'there', renewed_at = '2001-01-01T00:00:00.000000Z'")
    with pytest.raises(LeaseHeld, match="on there"):
        another(lambda: lease_holder.acquire(catalogue, "retrain"))
    assert lease_holder.renew(catalogue, lease)
    change(catalogue, f"renewed = renewed - {leases.TTL_SECONDS + 1}")
    assert another(lambda: lease_holder.acquire(catalogue, "retrain")).fence == lease.fence + 1


def test_what_was_held_before_the_machine_started_anew_is_free(catalogue: Engine) -> None:
    lease_holder.acquire(catalogue, "retrain")
    change(catalogue, "boot_id = 'the boot before'")
    if catalogue.dialect.name == "sqlite":  # a file has no user on another machine
        assert "started anew" in str(lease_holder.holders(catalogue)[0].lost)
        assert another(lambda: lease_holder.acquire(catalogue, "retrain")).fence == 2
    else:
        with pytest.raises(LeaseHeld):
            another(lambda: lease_holder.acquire(catalogue, "retrain"))


def test_a_holder_in_another_pid_namespace_is_alive_until_it_is_silent(catalogue: Engine) -> None:
    """As root on Linux a real namespace, with the same host name; else the row that one would leave."""
    real = sys.platform == "linux" and os.geteuid() == 0
    with hold("retrain", ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc") if real else ()) as other:
        if not real:
            change(catalogue, "pid_namespace = 'pid:[1]', pid = 1")
        (row,) = lease_holder.holders(catalogue)
        assert row.process.host == process_identity.this_process().host and row.process.pid < 10
        with pytest.raises(LeaseHeld, match=f"process {row.process.pid} "):
            lease_holder.acquire(catalogue, "retrain")
        other.kill()
        with pytest.raises(LeaseHeld):  # it can't be seen that it is gone
            lease_holder.acquire(catalogue, "retrain")
        change(catalogue, f"renewed = renewed - {leases.TTL_SECONDS}")
        assert lease_holder.acquire(catalogue, "retrain").fence == 2


def test_a_proc_that_hides_processes_makes_nobody_dead(
    holding: Holding, catalogue: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (process,) = [one.process for one in lease_holder.holders(catalogue)]
    (tmp_path / str(os.getpid()) / "ns").mkdir(parents=True)
    (tmp_path / "self").symlink_to(str(os.getpid()))
    if sys.platform == "linux":
        (tmp_path / "self" / "ns" / "pid").symlink_to(Path("/proc/self/ns/pid").readlink())
    monkeypatch.setattr(process_identity, "PROC", tmp_path)
    if sys.platform == "linux":
        assert process_identity.is_gone(process) is None
    with pytest.raises(LeaseHeld, match=f"process {holding.pid} "):
        lease_holder.acquire(catalogue, "retrain")
    monkeypatch.setattr(process_identity, "PROC", Path("/nowhere"))
    with pytest.raises(LeaseHeld):
        lease_holder.acquire(catalogue, "retrain")


def test_a_killed_holder_that_nobody_reaped_is_replaced(holding: Holding, catalogue: Engine) -> None:
    holding.process.kill()  # and not waited for: a zombie
    wait(lambda: psutil.Process(holding.pid).status() == psutil.STATUS_ZOMBIE)
    assert lease_holder.acquire(catalogue, "retrain").fence == 2


def test_a_process_whose_first_thread_ended_is_alive(catalogue: Engine) -> None:
    with hold("retrain", leave=True) as other:
        if sys.platform == "linux":
            wait(lambda: psutil.Process(other.pid).status() == psutil.STATUS_ZOMBIE)
        with pytest.raises(LeaseHeld, match=f"process {other.pid} "):
            lease_holder.acquire(catalogue, "retrain")


def test_a_process_number_that_was_given_out_again_is_not_the_holder(catalogue: Engine) -> None:
    lease_holder.acquire(catalogue, "retrain")
    change(catalogue, "begun = begun - 5")
    assert another(lambda: lease_holder.acquire(catalogue, "retrain")).fence == 2


def test_a_machine_that_slept_loses_nothing_and_a_hung_process_does(
    catalogue: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = lease_holder.acquire(catalogue, "retrain")
    change(catalogue, "renewed = renewed - 30000")  # a night; the process is there
    for _ in range(2):
        with pytest.raises(LeaseHeld) as caught:
            another(lambda: lease_holder.acquire(catalogue, "retrain"))
        assert caught.value.silent
    assert lease_holder.renew(catalogue, lease)  # it woke
    with pytest.raises(LeaseHeld) as caught:
        another(lambda: lease_holder.acquire(catalogue, "retrain"))
    assert not caught.value.silent
    change(catalogue, "renewed = renewed - 30000")
    with pytest.raises(LeaseHeld):
        another(lambda: lease_holder.acquire(catalogue, "retrain"))
    monkeypatch.setattr(leases, "LOOK_AGAIN_SECONDS", 0.0)
    assert another(lambda: lease_holder.acquire(catalogue, "retrain")).fence == 2


def test_time_since_the_boot_is_the_machines_also_in_a_time_namespace() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        assert abs(process_identity.seconds() - process_identity.seconds()) < 5
        return
    code = "from db import process_identity as here; print(here.seconds(), here.this_process().begun)"
    command = ["unshare", "--time", "--boottime", "100000", "--fork", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    at, begun = map(float, done.stdout.split())
    assert 0 <= process_identity.seconds() - at < 60 and 0 <= at - begun < 60


def test_while_the_catalogue_is_restored_nobody_else_writes(catalogue: Engine) -> None:
    with hold("catalogue") as other:
        for write in (
            lambda: stage_costs.add_stage_cost(catalogue, COST, BY),
            lambda: lease_holder.acquire(catalogue, "retrain"),
        ):
            with pytest.raises(LeaseHeld, match=f"being restored or pruned .process {other.pid} "):
                write()
        other.kill()
        stage_costs.add_stage_cost(catalogue, COST, BY)


def wait(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)
