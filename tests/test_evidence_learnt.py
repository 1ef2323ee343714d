"""The gate compares on people and pictures from whom neither model has learnt: persons, copies, equal pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gate_hall import BY, RECIPE, Hall
from prefect.logging import disable_run_logger

from db import datasets, near_duplicates, patient_identity
from db.near_duplicates import NearDuplicate
from tasks import gate_rules
from tasks.gate import gate
from wrist_model.cohort import leak_guard


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    """Without a Prefect server: the gate's own work needs none."""
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    with disable_run_logger():
        made = Hall(tmp_path / "home")
        yield made
        made.engine.dispose()


def merged(hall: Hall, test: int) -> None:
    patient_identity.merge_patients(hall.engine, "pt-0000", f"pt-{test:04d}", "the PACS merged them", BY)


def copied(hall: Hall, test: int) -> None:
    pair = NearDuplicate("im-0000-0", f"im-{test:04d}-0", 2.0, 0.99, True)
    near_duplicates.add_near_duplicates(hall.engine, [pair], BY)


def compared_on(hall: Hall) -> set[int]:
    with hall.engine.connect() as connection:
        return {row[0] for row in connection.exec_driver_sql("select distinct n_patients from comparisons")}


@pytest.mark.parametrize("linked", [merged, copied])
def test_the_champion_is_not_tested_on_people_and_copies_of_pictures_that_it_learnt_from(
    hall: Hall, linked: Callable[[Hall, int], None]
) -> None:
    """They left train only in the version that the challenger learnt from."""
    champion, evaluation = hall.network(3.0)
    gate.fn([evaluation], RECIPE)
    for test in range(10, 30):
        linked(hall, test)
    near = near_duplicates.near_duplicates(hall.engine)
    later = hall.freeze(list(leak_guard.decide(datasets.candidates(hall.engine), near)))
    _, evaluation = hall.network(3.0, 2, later)
    hall.evaluation(champion, 3.0, 1, later)
    gate.fn([evaluation], RECIPE)
    assert compared_on(hall) == {60}


def test_patients_who_turn_out_to_be_one_person_while_the_gate_compares_are_not_compared_on(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, evaluation = hall.network(3.0)
    gate.fn([evaluation], RECIPE)
    compare, times = gate_rules.compare, 0

    def meanwhile(*arguments: Any) -> Any:
        nonlocal times
        found, times = compare(*arguments), times + 1
        if times == 1:
            merged(hall, 10)
        return found

    monkeypatch.setattr(gate_rules, "compare", meanwhile)
    _, evaluation = hall.network(3.0, 2)
    gate.fn([evaluation], RECIPE)
    assert times == 2 and compared_on(hall) == {79}
