"""After downtime a deployment catches up once; schedules stand where no clock jumps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from prefect_fixtures import ask, wait

from flows.host.scheduled_runs import begun, tidy

ROOT = Path(__file__).parents[1]


def test_missed_runs_become_one_and_what_a_person_asked_for_stays(prefect_server: str) -> None:
    """Nobody works here: the scheduler's runs, one a second, fall due one after the other."""
    flow = ask(prefect_server, "/flows/", {"name": "missed"})["id"]
    schedule = {"interval": 1, "anchor_date": datetime.now(UTC).isoformat(), "timezone": "UTC"}
    made = {"name": "missed", "flow_id": flow, "schedules": [{"active": True, "schedule": schedule}]}
    deployment = ask(prefect_server, "/deployments/", made)["id"]
    by_hand = ask(prefect_server, f"/deployments/{deployment}/create_flow_run", {"name": "by hand"})["id"]

    def due() -> list[str]:
        before = {"before_": datetime.now(UTC).isoformat()}
        where = {"deployment_id": {"any_": [deployment]}, "expected_start_time": before}
        asked = {"flow_runs": where, "sort": "EXPECTED_START_TIME_ASC"}
        return [run["id"] for run in ask(prefect_server, "/flow_runs/filter", asked) if run["id"] != by_hand]

    missed = wait(lambda: found if len(found := due()) > 4 else None, 90)
    (line,) = begun(prefect_server, 1.0)  # `wrist up` waits before it deploys, which would take them away
    assert "not begun within 1 s" in line
    soon = {"after_": (datetime.now(UTC) + timedelta(seconds=20)).isoformat()}
    ahead = {"deployment_id": {"any_": [deployment]}, "expected_start_time": soon}
    asked = {"flow_runs": ahead, "sort": "EXPECTED_START_TIME_ASC", "limit": 1}
    (later,) = ask(prefect_server, "/flow_runs/filter", asked)
    (line,) = [line for line in tidy(prefect_server) if line.startswith("missed: ")]
    assert "one makes up for all" in line and not set(missed[:-1]) & set(due())  # the newest may be the one that stays
    assert ask(prefect_server, f"/flow_runs/{by_hand}")["name"] == "by hand"
    assert ask(prefect_server, f"/flow_runs/{later['id']}")["name"] == "missed"
    ask(prefect_server, f"/deployments/{deployment}/pause_deployment", {})
    assert begun(prefect_server, 20.0) == [], "a paused deployment has no run that is due"


def test_no_schedule_stands_in_an_hour_that_summer_time_repeats_or_leaves_out() -> None:
    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        for schedule in deployment.get("schedules", ()):
            hour = schedule["cron"].split()[1]
            fixed = re.fullmatch(r"\d+", hour) and not 1 <= int(hour) < 3
            assert fixed or schedule["timezone"] == "UTC", deployment["name"]
