"""What is decided is what is stored: recipes, answers, reports and interrupted work, as a user meets them."""

from __future__ import annotations

import contextvars
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from gate_hall import ASKS, BY, RECIPE, Hall
from prefect import flow
from prefect.input.actions import create_flow_run_input
from sqlalchemy import Connection, Engine, event

from db import evaluations, models, promotions, recipes, reports
from db.audit.verify import Verdict, verify
from db.engine import open_catalogue
from db.home import database_url
from db.maintenance.backup import backup, restore
from db.query.read_only_sql import query
from flows.approval import _question
from tasks.evaluation_choice import models_to_evaluate
from tasks.gate import gate
from tasks.predict_dataset import predictions
from tasks.promote import by_hand, record, reject
from tasks.recipe import chosen_recipe, read_recipe, used_recipe
from tasks.report import write
from tasks.train import fit
from wrist_model.errors import CatalogueError, DataError
from wrist_model.recipe import EvaluationRecipe, GateRecipe, SplitRecipe

ANSWER = {"decision": "approve", "reason": "looked at the maps", "name": "Dr. Example"}


def test_after_a_reused_training_the_new_recipe_is_known_and_evaluates(hall: Hall) -> None:
    model, evaluation = hall.network(3.0)
    other = replace(RECIPE, gate=GateRecipe(margin_roc_auc=0.1))
    assert fit(hall.dataset, other, "resnet50") == model
    assert recipes.recipe(hall.engine, other.sha256).canonical_json == other.canonical_json
    one = RECIPE.only(("resnet50",))
    dataset, found = models_to_evaluate(None, one, None)
    assert (dataset, found) == (hall.dataset, (model,))
    assert predictions(model, hall.dataset, one) == evaluation
    assert recipes.recipe(hall.engine, one.sha256)


def test_a_recipe_edited_meanwhile_changes_nothing_of_what_has_begun(hall: Hall, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[training]\nepochs = 3\n")
    begun = used_recipe(str(file), ["resnet50"])
    file.write_text("[training]\nepochs = 9\n")
    assert begun.name == "mine" and begun.network.architectures == ("resnet50",)
    again = chosen_recipe(begun.sha256, ["resnet50"])
    assert again.canonical_json == begun.canonical_json and again.training.epochs == 3
    file.unlink()
    assert chosen_recipe(begun.sha256).training.epochs == 3


def test_a_training_by_another_split_rule_is_refused_before_it_begins(hall: Hall, tmp_path: Path) -> None:
    from db import catalogue_settings

    rule = {"seed": 1712, "train": 0.7, "validation": 0.15, "test": 0.15}
    assert catalogue_settings.remember_split_rule(hall.engine, rule, BY) == rule
    assert catalogue_settings.remember_split_rule(hall.engine, {**rule, "seed": 3}, BY) == rule, "the first one holds"
    file = tmp_path / "other.toml"
    file.write_text("[split]\nseed = 3\n")
    with pytest.raises(CatalogueError, match="never moves"):
        read_recipe(str(file))
    assert SplitRecipe(**rule) == chosen_recipe("report").split  # type: ignore[arg-type]


def test_an_answer_does_not_put_an_older_model_over_a_newer_champion(hall: Hall) -> None:
    hall.recipe = ASKS
    old, evaluation = hall.network(3.0)
    asked = gate([evaluation], ASKS)
    newer, _ = hall.network(3.0)
    by_hand(newer, "better on call")
    for _ in range(2):  # given again, it is not stored again
        assert record(old, True, "fine maps", "Dr. Example", asked["promotion_id"]) == "undecided"
    assert hall.champion() == newer
    last = promotions.last_decision(hall.engine, old)
    assert last is not None and "Dr. Example said promoted (fine maps)" in last.reason and newer in last.reason
    assert query("select count(*) from promotions").rows == [(3,)]
    again = gate([evaluation], ASKS)
    assert again["ask"] and hall.references(old) == {newer}, "compared again, with who serves now"
    assert record(old, True, "fine maps", "Dr. Example", again["promotion_id"]) == "promoted"
    assert hall.champion() == old


def test_an_answer_is_recorded_once_and_keeps_what_it_rests_on(hall: Hall) -> None:
    first, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    hall.recipe = ASKS
    model, evaluation = hall.network(3.0)
    asked = gate([evaluation], ASKS)
    for _ in range(2):
        assert record(model, True, "looked at the maps", "Dr. Example", asked["promotion_id"]) == "promoted"
    held = "select decision, decided_by, comparison_ids from promotions where model_version_id = "
    rows = query(f"{held}'{model}'").rows
    assert [row[0] for row in rows] == ["undecided", "promoted"] and rows[1][1] == "Dr. Example"
    assert rows[0][2] and rows[1][2] == rows[0][2]
    by_hand(first, "night shift")
    by_hand(model, "the first was worse after all")
    assert query(f"{held}'{model}'").rows[-1][2] == rows[0][2]


def test_an_answer_after_somebody_decided_by_hand_is_kept_and_changes_nobodys_role(hall: Hall) -> None:
    hall.recipe = ASKS
    model, evaluation = hall.network(3.0)
    asked = gate([evaluation], ASKS)
    by_hand(model, "could not wait")
    assert record(model, True, "fine", "Dr. Example", asked["promotion_id"]) == "promoted"
    assert record(model, False, "too few hands", "Dr. Other", asked["promotion_id"]) == "undecided"
    assert hall.champion() == model
    last = promotions.last_decision(hall.engine, model)
    assert last is not None and "Dr. Other said refused (too few hands)" in last.reason
    assert record(model, True, "it does well", "Dr. Third", asked["promotion_id"]) == "undecided"
    last = promotions.last_decision(hall.engine, model)
    assert last is not None and last.reason == "Dr. Third said promoted (it does well); it serves already"


def test_a_person_rejects_by_hand_and_the_gate_keeps_to_it(hall: Hall) -> None:
    first, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    hall.recipe = ASKS
    model, evaluation = hall.network(3.0)
    gate([evaluation], ASKS)
    assert reject(model, "too few hands")["decision"] == "refused"
    assert models.model(hall.engine, model).role == "rejected"
    verdict = gate([evaluation], ASKS)
    assert (verdict["decision"], verdict["ask"]) == ("refused", False)
    for wrong, said in ((model, "rejected already"), (first, "serves"), ("mv-nonesuch", "No model")):
        with pytest.raises(DataError, match=said):
            reject(wrong, "again")


def test_reports_are_kept_beside_each_other_and_verify_finds_nothing(hall: Hall) -> None:
    hall.network(3.0)
    model, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    first = Path(write([evaluation]))
    before = first.read_bytes()
    by_hand(hall.network(3.0)[0], "better on call")
    reject(hall.network(1.0)[0], "worse")
    by_hand(model, "back again")
    second = Path(write([evaluation]))
    assert first != second and first.read_bytes() == before
    latest = hall.home / "reports" / "latest.html"
    assert latest.resolve() == second
    newest = query("select path, file_sha256 from newest_reports where kind = 'html'").rows
    assert newest == [(str(second.relative_to(hall.home)), hashlib.sha256(second.read_bytes()).hexdigest())]
    verdict = verify(hall.engine)
    assert verdict.ok and not verdict.warnings, (verdict.findings, verdict.warnings)


def only_documents_are_left(verdict: Verdict) -> None:
    left = [one.where for one in verdict.warnings if one.kind == "left_over" and one.where.startswith("reports/")]
    assert verdict.findings == () and left and all(where.startswith("reports/ds-") for where in left)


def test_after_a_restore_the_link_leads_to_the_newest_report_that_the_catalogue_holds(hall: Hall) -> None:
    none = backup(hall.engine, hall.home.parent / "none.sqlite")
    _, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    first = Path(write([evaluation]))
    file = backup(hall.engine, hall.home.parent / "backup.sqlite")
    by_hand(hall.network(3.0)[0], "better on call")
    latest = hall.home / "reports" / "latest.html"
    assert Path(write([evaluation])) == latest.resolve() != first
    contextvars.Context().run(restore, file, hall.home, database_url(hall.home))
    assert latest.resolve() == first
    only_documents_are_left(verify(open_catalogue(hall.home)))  # the later report's
    contextvars.Context().run(restore, none, hall.home, database_url(hall.home))
    assert not latest.is_symlink()


def test_a_report_that_could_not_be_recorded_leaves_the_link_to_the_newest_where_it_was(hall: Hall) -> None:
    _, evaluation = hall.network(3.0)
    gate([evaluation], RECIPE)
    first = Path(write([evaluation]))
    by_hand(hall.network(3.0)[0], "better on call")
    latest = hall.home / "reports" / "latest.html"
    lost: list[Path] = []

    def lose(connection: Connection) -> None:
        if connection.get_execution_options().get("wrist_writes"):
            lost.append(latest.resolve())
            raise CatalogueError("the server went away before the commit")

    event.listen(Engine, "commit", lose)
    try:
        with pytest.raises(CatalogueError, match="went away"):
            write([evaluation])
    finally:
        event.remove(Engine, "commit", lose)
    assert lost == [first] and latest.resolve() == first
    only_documents_are_left(verify(hall.engine))  # that no row tells of
    second = Path(write([evaluation]))
    assert first != second and latest.resolve() == second


def test_a_report_that_an_earlier_wrist_wrote_over_is_told_apart_from_a_changed_file(hall: Hall) -> None:
    _, evaluation = hall.network(3.0)
    file = hall.home / "reports" / f"{hall.dataset}-{evaluation}.html"
    file.parent.mkdir()
    for text in ("before the decision", "after it"):
        file.write_text(text)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        said = {"kind": "html", "dataset_id": hall.dataset, "evaluation_ids": [evaluation], "by": BY}
        reports.add_report(hall.engine, path=f"reports/{file.name}", file_sha256=sha256, **said)  # type: ignore[arg-type]
    verdict = verify(hall.engine)
    assert verdict.ok and [one.kind for one in verdict.warnings] == ["overwritten"]
    assert "an earlier Wrist wrote" in verdict.warnings[0].message
    for text in ("before the decision", "another's words"):
        file.write_text(text)
        assert [one.kind for one in verify(hall.engine).findings] == ["file"], text
    file.unlink()
    assert [one.kind for one in verify(hall.engine).findings] == ["file"]


def test_a_prediction_that_fails_is_stored_with_why_and_the_next_one_goes_on_with_it(hall: Hall) -> None:
    model, _ = hall.network(3.0)
    other = replace(RECIPE, evaluation=EvaluationRecipe(resamples=300, serve="resnet50"))
    with pytest.raises(Exception) as caught:  # the file holds no network, and no image is there
        predictions(model, hall.dataset, other)
    status = query("select evaluation_id, status from evaluations order by started_at").rows
    assert [row[1] for row in status] == ["finished", "failed"]
    with hall.engine.connect() as connection:
        reason = connection.exec_driver_sql("select reason from evaluation_event where status = 'failed'").scalar()
    assert str(reason).startswith(type(caught.value).__name__)
    assert evaluations.evaluation(hall.engine, status[1][0]).status == "failed"


def test_an_answer_is_found_again_after_a_failure_and_an_unanswered_question_is_asked_anew(hall: Hall) -> None:
    @flow
    def asks() -> list[tuple[str, str | None]]:
        seen = []
        for kind, content in (("schema", {}), ("schema", {}), ("response", ANSWER), ("description", "read again")):
            key, answer = _question("mv-example")
            seen.append((key, answer.name if answer else None))
            create_flow_run_input(f"suspended-{'gate-mv-example' if kind == 'response' else key}-{kind}", content)
        return seen

    assert asks() == [
        ("gate-mv-example", None),
        ("gate-mv-example-asked-2", None),
        ("gate-mv-example-asked-3", None),
        ("gate-mv-example", "Dr. Example"),
    ]
