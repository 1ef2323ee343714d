"""Between any two transactions of a command anything may happen: no leak, no false record, no lost work.

SEAMS names every place where a command's transactions part, and what happens there in the tests. A place without a row
fails `test_every_seam_stands_in_the_table`.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from db.engine import open_catalogue
from db.maintenance.backup import backup, restore
from tests import acts
from tests.interleaving import Actor, At, Outcome, Seam, copied
from tests.invariants import broken

DIE = "the process dies"


@dataclass
class Stage:
    """A home with a champion, a challenger that is predicted but not measured, and files; two actors."""

    home: Path
    dataset_id: str
    champion: str
    challenger: str
    champions_evaluation: str
    challengers_evaluation: str
    held: Actor
    other: Actor

    def act(self, name: str, base: Path) -> Callable[..., Any]:
        """An act of the held actor, on a copy of the home."""
        return {
            "ingest": partial(acts.ingest, str(base / "copies" / "manifest.csv")),
            "freeze": acts.freeze,
            "train": partial(acts.train, self.dataset_id, 3),
            "predict": partial(acts.predict, self.challenger, self.dataset_id, 3),
            "measure": partial(acts.score, self.challengers_evaluation, 2),
            "gate": partial(acts.gate, self.challengers_evaluation, 2),
            "plan": partial(acts.plan, self.dataset_id, 3),
            "gate by its plan": partial(acts.gate_by_plan, self.challengers_evaluation, 2),
            "explain": partial(acts.explain, self.champions_evaluation),
            "report": partial(acts.report, self.champions_evaluation),
            "score new studies": acts.score_new,
            "promote": partial(acts.promote, self.challenger),
            "relabel": partial(acts.relabel, "p3-3.png"),
        }[name]


def meanwhile_acts(base: Path) -> dict[str, Callable[[], Any]]:
    """What another process does at a seam."""
    return {
        "near copies come in": partial(acts.ingest, str(base / "copies" / "manifest.csv")),
        "unlabelled studies come in": partial(acts.ingest, str(base / "incoming" / "manifest.csv")),
        "a study is relabelled": partial(acts.relabel, "p0-0.png"),
        "a study is left out": partial(acts.exclude, "p1-1.png"),
        "new studies are scored": acts.score_new,
        "a version is frozen": acts.freeze,
        "another model is promoted": acts.promote_challenger,
        "the hold-out is looked at": acts.look,
    }


QUICK = ("ingest", "freeze", "gate", "score new studies", "promote", "relabel")
"""The acts whose every seam is tried each time, on SQLite; the others' seams are in the soak."""
SEAMS: dict[str, dict[str, str]] = {
    "ingest": {
        "tasks/ingest.py:catalogue > db/catalogue_settings.py:_fact": "a version is frozen",
        "tasks/ingest.py:catalogue > db/catalogue_settings.py:remember_label_meaning": "unlabelled studies come in",
        "tasks/ingest.py:catalogue > db/ingest_runs.py:begin_ingest": "a study is left out",
        "tasks/ingest.py:catalogue > db/ingest_runs.py:finish_ingest": "unlabelled studies come in",
        "tasks/ingest.py:catalogue > db/known_files.py:known_files": "a version is frozen",
        "tasks/ingest.py:catalogue > db/known_files.py:roots": "a study is relabelled",
        "tasks/ingest.py:catalogue > db/patient_identity.py:unread_paths": "a study is left out",
        "tasks/ingest.py:catalogue > db/regions.py:add_region_lists": "a study is left out",
        "tasks/ingest.py:catalogue > db/regions.py:pictures_at": "a version is frozen",
        "tasks/ingest.py:catalogue > db/shared_numbers.py:newest_study": "unlabelled studies come in",
        "tasks/ingest.py:catalogue > db/shared_numbers.py:sources": "unlabelled studies come in",
        "tasks/ingest.py:catalogue > tasks/ingest_writer.py:write": "a study is relabelled",
        "tasks/ingest.py:catalogue > db/schema/revisions.py:stored_revision": "unlabelled studies come in",
    },
    "freeze": {
        "tasks/freeze.py:freeze": "near copies come in",
        "tasks/freeze.py:freeze > db/datasets.py:_dataset": "a study is left out",
        "tasks/freeze.py:freeze > db/datasets.py:candidates": "a study is relabelled",
        "tasks/freeze.py:freeze > db/datasets.py:frozen_images": "a study is left out",
        "tasks/freeze.py:freeze > db/near_duplicates.py:near_duplicates": "a study is left out",
        "tasks/freeze.py:freeze > db/schema/revisions.py:stored_revision": "near copies come in",
    },
    "train": {
        "tasks/train.py:fit > db/image_refs.py:image_refs": "near copies come in",
        "tasks/train.py:fit > db/schema/revisions.py:stored_revision": "a study is relabelled",
        "tasks/train.py:fit > db/trainings.py:add_epoch": "a version is frozen",
        "tasks/train.py:fit > db/trainings.py:finish_training": "near copies come in",
        "tasks/train.py:fit > tasks/train.py:_reuse_or_begin": "a study is relabelled",
    },
    "predict": {
        "tasks/predict_dataset.py:predict > db/evaluations.py:begin_evaluation": "a study is relabelled",
        "tasks/predict_dataset.py:predict > db/models.py:model": "another model is promoted",
        "tasks/predict_dataset.py:predict > db/models.py:operating_points": "a study is relabelled",
        "tasks/predict_dataset.py:predict > db/schema/revisions.py:stored_revision": "a version is frozen",
    },
    "measure": {
        "tasks/evaluation_metrics.py:score > db/evaluations.py:_rows": "a study is relabelled",
        "tasks/evaluation_metrics.py:score > db/metrics.py:are_measured": "another model is promoted",
        "tasks/evaluation_metrics.py:score > db/metrics.py:metrics": "a study is relabelled",
        "tasks/evaluation_metrics.py:score > db/models.py:operating_points": "another model is promoted",
        "tasks/evaluation_metrics.py:score > db/schema/revisions.py:stored_revision": "a study is relabelled",
    },
    "gate": {
        "tasks/gate.py:gate": "another model is promoted",
        "tasks/gate.py:gate > db/evaluations.py:_rows": "a study is relabelled",
        "tasks/gate.py:gate > db/evaluations.py:begin_evaluation": "a version is frozen",
        "tasks/gate.py:gate > db/models.py:model": "another model is promoted",
        "tasks/gate.py:gate > db/models.py:operating_points": "a study is relabelled",
        "tasks/gate.py:gate > db/hold_outs.py:known_patients": "a study is relabelled",
        "tasks/gate.py:gate > db/predictions.py:_stored": "a version is frozen",
        "tasks/gate.py:gate > db/promotions.py:references": "another model is promoted",
        "tasks/gate.py:gate > db/promotions.py:last_decision": "a version is frozen",
        "tasks/gate.py:gate > db/schema/revisions.py:stored_revision": "another model is promoted",
    },
    "plan": {
        "tasks/plan.py:frozen_plan": "another model is promoted",
        "tasks/plan.py:frozen_plan > db/datasets.py:_dataset": "a version is frozen",
        "tasks/plan.py:frozen_plan > db/evaluations.py:_rows": "a study is relabelled",
        "tasks/plan.py:frozen_plan > db/plans.py:_plans": "the hold-out is looked at",
        "tasks/plan.py:frozen_plan > db/plans.py:budget_plan": "the hold-out is looked at",
        "tasks/plan.py:frozen_plan > db/plans.py:comparable_patients": "the hold-out is looked at",
        "tasks/plan.py:frozen_plan > db/plans.py:looks": "the hold-out is looked at",
        "tasks/plan.py:frozen_plan > db/predictions.py:_stored": "the hold-out is looked at",
        "tasks/plan.py:frozen_plan > db/promotions.py:champion": "another model is promoted",
        "tasks/plan.py:frozen_plan > db/schema/revisions.py:stored_revision": "a version is frozen",
    },
    "gate by its plan": {
        "tasks/gate.py:gate": "the hold-out is looked at",
        "tasks/gate.py:gate > db/evaluations.py:_rows": "a study is relabelled",
        "tasks/gate.py:gate > db/evaluations.py:begin_evaluation": "a version is frozen",
        "tasks/gate.py:gate > db/models.py:model": "another model is promoted",
        "tasks/gate.py:gate > db/models.py:operating_points": "a study is relabelled",
        "tasks/gate.py:gate > db/hold_outs.py:known_patients": "the hold-out is looked at",
        "tasks/gate.py:gate > db/plans.py:_plans": "the hold-out is looked at",
        "tasks/gate.py:gate > db/plans.py:looks": "the hold-out is looked at",
        "tasks/gate.py:gate > db/predictions.py:_stored": "the hold-out is looked at",
        "tasks/gate.py:gate > db/promotions.py:references": "another model is promoted",
        "tasks/gate.py:gate > db/promotions.py:last_decision": "the hold-out is looked at",
        "tasks/gate.py:gate > db/schema/revisions.py:stored_revision": "another model is promoted",
    },
    "explain": {
        "tasks/explain.py:explain > db/evaluations.py:_rows": "another model is promoted",
        "tasks/explain.py:explain > tasks/explain.py:store": "a study is left out",
        "tasks/explain.py:explain > db/explanations.py:explanations": "another model is promoted",
        "tasks/explain.py:explain > db/image_refs.py:image_refs": "a study is left out",
        "tasks/explain.py:explain > db/localisation_metrics.py:add_localisation_metrics": "a study is left out",
        "tasks/explain.py:explain > db/localisation_metrics.py:measured_on": "a version is frozen",
        "tasks/explain.py:explain > db/models.py:model": "another model is promoted",
        "tasks/explain.py:explain > db/predictions.py:_stored": "a study is left out",
        "tasks/explain.py:explain > db/recipes.py:recipe": "another model is promoted",
        "tasks/explain.py:explain > db/regions.py:regions_of": "near copies come in",
        "tasks/explain.py:explain > db/schema/revisions.py:stored_revision": "another model is promoted",
    },
    "report": {
        "tasks/report.py:write > db/reports.py:link_newest": "another model is promoted",
        "tasks/report.py:write": "another model is promoted",
        "tasks/report.py:write > db/catalogue_settings.py:label_meaning": "a version is frozen",
        "tasks/report.py:write > db/comparisons.py:comparisons": "a study is relabelled",
        "tasks/report.py:write > db/datasets.py:_dataset": "a version is frozen",
        "tasks/report.py:write > db/datasets.py:members": "another model is promoted",
        "tasks/report.py:write > db/datasets.py:patients_known": "a study is relabelled",
        "tasks/report.py:write > db/datasets.py:sources": "a version is frozen",
        "tasks/report.py:write > db/evaluations.py:_rows": "another model is promoted",
        "tasks/report.py:write > db/evaluations.py:holdout_looks": "a study is relabelled",
        "tasks/report.py:write > db/explanations.py:explanations": "a version is frozen",
        "tasks/report.py:write > db/image_refs.py:image_refs": "another model is promoted",
        "tasks/report.py:write > db/images.py:suspicious_counts": "a study is relabelled",
        "tasks/report.py:write > db/known_files.py:files_seen": "a version is frozen",
        "tasks/report.py:write > db/leak_demonstrations.py:leak_demonstrations": "another model is promoted",
        "tasks/report.py:write > db/localisation_metrics.py:localisation_metrics": "a version is frozen",
        "tasks/report.py:write > db/metrics.py:metrics": "a study is relabelled",
        "tasks/report.py:write > db/models.py:model": "a version is frozen",
        "tasks/report.py:write > db/models.py:operating_points": "another model is promoted",
        "tasks/report.py:write > db/plans.py:_plans": "the hold-out is looked at",
        "tasks/report.py:write > db/plans.py:look_of": "the hold-out is looked at",
        "tasks/report.py:write > db/predictions.py:_stored": "a study is relabelled",
        "tasks/report.py:write > db/promotions.py:last_decision": "a version is frozen",
        "tasks/report.py:write > db/pruned_files.py:pruned": "a study is relabelled",
        "tasks/report.py:write > db/quarantine.py:quarantine_counts": "another model is promoted",
        "tasks/report.py:write > db/recipes.py:recipe": "a study is relabelled",
        "tasks/report.py:write > db/schema/revisions.py:stored_revision": "a version is frozen",
        "tasks/report.py:write > db/shared_numbers.py:shared_numbers": "a study is left out",
        "tasks/report.py:write > db/trainings.py:finished_trainings": "another model is promoted",
        "tasks/report.py:write > db/trainings.py:training_history": "another model is promoted",
        "tasks/report.py:write > db/trainings.py:training_run": "a study is relabelled",
        "tasks/report.py:write > db/tuning_trials.py:tuning_trials": "a version is frozen",
    },
    "score new studies": {
        "tasks/predict.py:score_new > db/known_files.py:roots": "unlabelled studies come in",
        "tasks/predict.py:score_new > tasks/runtime/lease.py:take": "unlabelled studies come in",
        "tasks/predict.py:score_new > tasks/runtime/lease.py:kept": "another model is promoted",
        "tasks/predict.py:score_new > db/recipes.py:recipe": "new studies are scored",
        "tasks/predict.py:score_new > db/schema/revisions.py:stored_revision": "unlabelled studies come in",
        "tasks/predict.py:score_new > tasks/predict.py:_score_new": "new studies are scored",
    },
    "promote": {
        "tasks/promote.py:by_hand": "another model is promoted",
        "tasks/promote.py:by_hand > db/schema/revisions.py:stored_revision": "a version is frozen",
    },
    "relabel": {
        "db/schema/revisions.py:stored_revision": "a version is frozen",
        "tasks/relabel.py:relabel": "a study is relabelled",
        "tasks/relabel.py:relabel > db/schema/revisions.py:stored_revision": "a version is frozen",
    },
}
REPEATED: dict[str, dict[str, int]] = {
    "ingest": {"tasks/ingest.py:catalogue > db/catalogue_settings.py:_fact": 2},
    "train": {"tasks/train.py:fit > db/image_refs.py:image_refs": 2},
    "measure": {
        "tasks/evaluation_metrics.py:score > db/evaluations.py:_rows": 2,
        "tasks/evaluation_metrics.py:score > db/metrics.py:are_measured": 2,
        "tasks/evaluation_metrics.py:score > db/models.py:operating_points": 2,
    },
    "gate": {
        "tasks/gate.py:gate > db/evaluations.py:_rows": 6,
        "tasks/gate.py:gate > db/models.py:model": 2,
        "tasks/gate.py:gate > db/predictions.py:_stored": 2,
        "tasks/gate.py:gate > db/schema/revisions.py:stored_revision": 3,
    },
    "plan": {"tasks/plan.py:frozen_plan > db/predictions.py:_stored": 2},
    "gate by its plan": {
        "tasks/gate.py:gate > db/evaluations.py:_rows": 6,
        "tasks/gate.py:gate > db/models.py:model": 2,
        "tasks/gate.py:gate > db/plans.py:_plans": 2,
        "tasks/gate.py:gate > db/predictions.py:_stored": 2,
        "tasks/gate.py:gate > db/schema/revisions.py:stored_revision": 3,
    },
    "report": {
        "tasks/report.py:write > db/evaluations.py:_rows": 5,
        "tasks/report.py:write > db/models.py:model": 2,
        "tasks/report.py:write > db/predictions.py:_stored": 3,
        "tasks/report.py:write > db/schema/revisions.py:stored_revision": 2,
    },
    "score new studies": {
        "tasks/predict.py:score_new > db/schema/revisions.py:stored_revision": 2,
        "tasks/predict.py:score_new > tasks/predict.py:_score_new": 2,
    },
}
"""Seams that come more than once in an act, and how often; the quick acts' last ones are tried, too."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    base = tmp_path_factory.mktemp("stage")
    home = base / "home"
    held, other = Actor(), Actor()

    def done(work: Callable[..., Any], *arguments: Any) -> Any:
        found = held.act({"WRIST_HOME": str(home)}, work, *arguments)
        assert found.error is None, found.error
        return found.value

    done(acts.ingest, acts.first_files(base / "files"))
    dataset_id = done(acts.freeze)
    champion = done(acts.train, dataset_id, 1)
    first = done(acts.predict, champion, dataset_id, 1)
    done(acts.score, first, 1)
    assert done(acts.gate, first, 1)["decision"] == "promoted"
    challenger = done(acts.train, dataset_id, 2)
    second = done(acts.predict, challenger, dataset_id, 2)
    done(acts.score, second, 2)
    done(acts.plan, dataset_id, 2)
    yield Stage(home, dataset_id, champion, challenger, first, second, held, other)
    held.stop()
    other.stop()


@pytest.fixture(scope="module")
def stage_database(stage: Stage, postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The stage's rows in a PostgreSQL database, the template of others."""
    address = postgresql.replace("/postgres?", "/stage?")
    on_server(postgresql, "CREATE DATABASE stage")
    file = backup(open_catalogue(stage.home), tmp_path_factory.mktemp("backup") / "stage.sqlite")
    restore(file, stage.home, address)
    return address


@pytest.fixture
def copied_database(stage_database: str, postgresql: str) -> Iterator[Callable[[], str]]:
    made = []

    def make() -> str:
        made.append(f"w{uuid.uuid4().hex[:12]}")
        on_server(postgresql, f"CREATE DATABASE {made[-1]} TEMPLATE stage")
        return stage_database.replace("/stage?", f"/{made[-1]}?")

    yield make
    for name in made:
        on_server(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


def on_server(address: str, sql: str) -> None:
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()


def files(base: Path) -> None:
    acts.near_copies(base / "copies")
    acts.incoming(base / "incoming")


def test_every_seam_stands_in_the_table(stage: Stage, tmp_path: Path) -> None:
    files(tmp_path)
    found: dict[str, set[str]] = {}
    repeated: dict[str, dict[str, int]] = {}
    for number, name in enumerate(SEAMS):
        home = copied(stage.home, tmp_path / str(number))
        outcome = stage.held.act({"WRIST_HOME": str(home)}, stage.act(name, tmp_path))
        assert outcome.error is None, (name, outcome.error)
        found[name] = {seam.place for seam in outcome.seams}
        if again := {seam.place: seam.count for seam in outcome.seams if seam.count > 1}:
            repeated[name] = again
    without_row = {name: sorted(found[name] - set(SEAMS[name])) for name in SEAMS if found[name] - set(SEAMS[name])}
    never_passed = {name: sorted(set(SEAMS[name]) - found[name]) for name in SEAMS if set(SEAMS[name]) - found[name]}
    assert (without_row, never_passed) == ({}, {})
    assert repeated == REPEATED


def rows(acts_of: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(name, place, other) for name in acts_of for place, other in SEAMS[name].items()]


def deaths(acts_of: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(name, rows([name])[-1][1], DIE) for name in acts_of]


SLOW = [name for name in SEAMS if name not in QUICK]
AGAIN = [
    (name, f"{place} #{count}", SEAMS[name][place]) for name in QUICK for place, count in REPEATED.get(name, {}).items()
]
"""What was read once may be old when it is read again."""
TRIED = [*rows(QUICK), *AGAIN, *deaths(QUICK)]
SILENT = ("score new studies", "tasks/predict.py:score_new > tasks/runtime/lease.py:take", "new studies are scored")
"""Held before it begins to renew its lease: the other waits until that is lost, for two and a half minutes."""
LONGER = [*rows(SLOW), *deaths(SLOW), SILENT]


def seam(text: str) -> Seam:
    """A table's seam: its place, with ` #2` at the end where it is not the first of that place."""
    place, _, count = text.partition(" #")
    return Seam(place, int(count or 1))


def named(text: str) -> str:
    return text.replace(" > ", "-")


@pytest.mark.parametrize(
    ("name", "place", "other"), [*TRIED, *(pytest.param(*row, marks=pytest.mark.soak) for row in LONGER)], ids=named
)
def test_nothing_leaks_and_nothing_is_lost_when_others_act_in_between(
    stage: Stage, tmp_path: Path, name: str, place: str, other: str
) -> None:
    assert interleaved(stage, tmp_path, name, At(seam(place)), [other])


@pytest.mark.parametrize(
    ("name", "place", "other"),
    [
        *(row for row in TRIED if row[0] in ("freeze", "promote") and row[2] != DIE),
        *(
            pytest.param(*row, marks=pytest.mark.soak)
            for row in [*TRIED, *LONGER]
            if row[0] not in ("freeze", "promote")
        ),
    ],
    ids=named,
)
def test_nothing_leaks_and_nothing_is_lost_on_postgresql_either(
    stage: Stage, copied_database: Callable[[], str], tmp_path: Path, name: str, place: str, other: str
) -> None:
    assert interleaved(stage, tmp_path, name, At(seam(place)), [other], copied_database())


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(300))
def test_nothing_leaks_in_random_interleavings_of_two_to_four_actors(
    stage: Stage, copied_database: Callable[[], str], tmp_path: Path, seed: int
) -> None:
    """Every third on PostgreSQL."""
    dice = random.Random(seed)
    name = dice.choice(list(SEAMS))
    place, count = dice.choice(list(SEAMS[name])), dice.choice((1, 1, 1, 2, 3))
    others = dice.sample([*meanwhile_acts(tmp_path), DIE], dice.randint(1, 3))
    database = copied_database() if seed % 3 == 2 else None
    others.sort(key=lambda other: other == DIE)
    if not interleaved(stage, tmp_path, name, At(Seam(place, count)), others, database):  # it doesn't come so often
        again = copied_database() if database else None
        assert interleaved(stage, tmp_path / "again", name, At(Seam(place, 1)), others, again)


def interleaved(stage: Stage, base: Path, name: str, at: At, others: list[str], database: str | None = None) -> bool:
    """Hold an act at a seam, let others act, run it to its end and, if it failed or died, once more; then look. Gives
    whether it came to that seam.

    database: a PostgreSQL database with the stage's rows; None: the SQLite file of a copied home.
    """
    files(base)
    home = copied(stage.home, base / "home")
    environment = {"WRIST_HOME": str(home)} | ({"WRIST_DATABASE_URL": database} if database else {})
    done: list[Outcome] = []
    held: list[Seam] = []

    def meanwhile(seam: Seam) -> str:
        held.append(seam)
        for other in others:
            if other == DIE:
                return "die"
            done.append(stage.other.act(environment, meanwhile_acts(base)[other]))
        return "go on"

    outcome = stage.held.act(environment, stage.act(name, base), hold=at, meanwhile=meanwhile)
    assert outcome.killed == (bool(held) and DIE in others)
    for one in done:
        assert one.error is None or one.error.startswith(REFUSALS), one.error
    assert outcome.error is None or outcome.error.startswith(REFUSALS), outcome.error
    if outcome.killed or outcome.error is not None:
        again = stage.held.act(environment, stage.act(name, base))
        assert again.error is None or again.error.startswith(REFUSALS), again.error
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        engine = open_catalogue(home)
        try:
            assert broken(engine) == []
        finally:
            engine.dispose()
    return bool(held)


REFUSALS = ("DataError: ", "LeaseHeld: ", "LeaseLost: ")
"""What may be said instead of done: it names what to do, and nothing was stored."""
