"""The run form of the UI: plain fields, recipes to choose from; and its list of runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import prefect
import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate
from prefect_fixtures import Up, wait

from flows.host.prefect_page import change
from flows.host.run_forms import plain, recipes
from flows.ingest import ingest
from flows.retrain import retrain
from flows.score_incoming import score_incoming
from flows.tune import tune
from flows.watch_drift import watch_drift

CHOICE = ("quick", "report")


@pytest.mark.parametrize("flow", [ingest, retrain, score_incoming, tune, watch_drift])
def test_no_field_of_a_form_is_nothing(flow: Any) -> None:
    given = parameter_schema(flow).model_dump()
    form = plain(given, CHOICE)
    for name, field in form["properties"].items():
        assert "anyOf" not in field and field["type"] != "null" and field.get("default", 0) is not None, name
    assert form["properties"].get("recipe", {"enum": list(CHOICE)})["enum"] == list(CHOICE)
    assert plain(form, CHOICE) == form
    assert set(given["properties"]) - set(form["properties"]) <= {"request", "cluster", "follow_links"}


def test_a_form_takes_what_the_flow_takes_and_an_empty_field() -> None:
    form = plain(parameter_schema(retrain).model_dump(), CHOICE)
    for given in ({}, {"paths": None, "jobs": None}, {"paths": ["/a"], "jobs": 2, "models": ["resnet50"]}):
        assert not validate(given, form)
    for given in ({"jobs": 0}, {"recipe": "none-such"}, {"models": ["vgg"]}, {"body_part": "HEAD"}, {"paths": "/a"}):
        assert validate(given, form), given


def test_the_choice_holds_what_comes_with_wrist_and_what_lies_in_the_home(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "mine.toml").touch()
    assert recipes(tmp_path) == ["demo", "lite0", "quick", "report", str(tmp_path / "recipes" / "mine.toml")]


def test_up_offers_the_recipes_and_one_that_is_added_later(wrist_up: Up) -> None:
    def offered(name: str) -> list[str]:
        return list(wrist_up.deployment(name)["parameter_openapi_schema"]["properties"]["recipe"]["enum"])

    for name in ("ingest", "retrain", "watch_drift", "tune"):
        assert offered(name)[:4] == ["demo", "lite0", "quick", "report"]
    runs = "/flow_runs/count"
    coming = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    assert wait(lambda: wrist_up.ask(runs, coming), 60)
    later = wrist_up.home / "recipes" / "later.toml"
    later.parent.mkdir(exist_ok=True)
    later.touch()
    wait(lambda: str(later) in offered("retrain"), 60)
    deployment = wrist_up.deployment("retrain")["id"]
    of_it = {"flow_runs": {**coming["flow_runs"], "deployment_id": {"any_": [deployment]}}}
    assert wait(lambda: wrist_up.ask(runs, of_it), 60), "its coming runs are made again"
    later.unlink()


def test_prefects_page_hides_the_parts_of_a_run_and_leads_to_its_artifacts(tmp_path: Path) -> None:
    """If this fails after an upgrade of Prefect, its page writes that otherwise: see flows/host/prefect_page.py."""
    copy = tmp_path / "ui"
    shutil.copytree(Path(prefect.__file__).parent / "server" / "ui", copy)
    change(copy)
    change(copy)
    scripts = {one.name: one.read_text() for one in copy.glob("assets/*.js")}
    (runs,) = [text for name, text in scripts.items() if name.startswith("Runs-")]
    (dashboard,) = [text for name, text in scripts.items() if name.startswith("Dashboard-")]
    assert len(re.findall(r"\(`hide-subflows`,\w+,!0\)", runs)) == 1
    assert dashboard.count(",tags:[],hideSubflows:!0}") == 1
    (run,) = [text for name, text in scripts.items() if name.startswith("FlowRun-")]
    assert len(re.findall(r"!!(\w+)\.value\?\.stateType&&\1\.value\.stateName!==`AwaitingRetry`&&", run)) == 1
    (form,) = [text for text in scripts.values() if "__name:`FlowRunCreateForm`" in text]
    assert len(re.findall(r"=\w+\((\w+)\.name\?\?\1\.deployment\.name\),\{state:", form)) == 1, "no random name"


def test_ups_own_copy_of_the_page_is_the_changed_one(wrist_up: Up) -> None:
    (copy,) = (wrist_up.home / "prefect").glob("ui-*")
    assert [one.name for one in copy.iterdir()] == ["v1"], "the second page is not offered"
    (runs,) = copy.glob("v1/assets/Runs-*.js")
    assert re.search(r"\(`hide-subflows`,\w+,!0\)", runs.read_text())


@pytest.mark.parametrize("flow", [ingest, retrain, score_incoming, watch_drift])
def test_a_runs_name_begins_with_its_flows_as_it_was_scheduled(flow: Any) -> None:
    given = flow.flow_run_name
    assert str(given() if callable(given) else given).startswith(flow.name)
