"""Command `status`: what is catalogued, trained, serving, scheduled, and what needs a person."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console.options import Json
from flows.console.output import say_if_new, show
from wrist_model.terminal_text import in_a_line

if TYPE_CHECKING:
    from flows.host.deployments import Deployment

WATCH_SECONDS = 5.0
CLEARED = "\x1b[H\x1b[2J"
VERIFY = "`wrist verify` shows each finding, docs/audit.md says what to do; its run"
RETRY = "press Retry on its page, which goes on with what was done"
SAID_ELSEWHERE = ("Drift", "Unanswered")  # of these the catalogue tells, with their commands


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(status)


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every 5 s, until Ctrl-C.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only what needs a person; exit status 1 when something does. For cron.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What is catalogued, trained, serving, scheduled, and what needs a person."""
    if watch and (check or as_json):
        raise typer.BadParameter("It goes with neither --check nor --json.", param_hint="--watch")
    say_if_new()
    if watch:
        return _watch()
    found = _found()
    if check:
        found = {"needs_a_person": found["needs_a_person"]}
        show(found, as_json, lambda: _print(found["needs_a_person"]))
        raise typer.Exit(1 if found["needs_a_person"] else 0)
    return show({key: value for key, value in found.items() if key != "text"}, as_json, lambda: _tell(found))


def _watch() -> None:
    with suppress(KeyboardInterrupt):
        while True:
            found = _found()
            print(CLEARED if sys.stdout.isatty() else "", end="")
            show(found, False, partial(_tell, found))
            sys.stdout.flush()
            time.sleep(WATCH_SECONDS)


def _tell(found: dict[str, Any]) -> None:
    for title, lines in found["text"].items():
        print(title)
        _print(lines, "  ")


def _print(lines: list[str], before: str = "") -> None:
    for text in lines:
        print(before + in_a_line(text))


def _found() -> dict[str, Any]:
    """The catalogue's state, and the server's beside it."""
    from tasks.status import state

    found, server = state(), _server()
    found["scheduled"] = [asdict(one) for one in server.deployments]
    found["under_way"] = server.under_way
    found["report"] = server.report or None
    found["needs_a_person"] += server.needs
    text = found["text"]
    if server.report:
        text["Models"].append(f"newest report: {server.report}")
    text["Under way"] = (server.under_way + [f"held: {name}" for name in found["running"]]) or ["nothing"]
    del text["Needs a person"]  # it comes last
    text["Scheduled"] = _lines(server.deployments) or [server.silent or "nothing while no `wrist up` runs"]
    text["Needs a person"] = found["needs_a_person"] or ["nothing"]
    return found


@dataclass
class _Server:
    """What this home's server says. report: the newest one's address. silent: why it says nothing."""

    deployments: list[Deployment] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    report: str = ""
    silent: str = ""


def _server() -> _Server:
    from db.home import home, latest_report_file, prefect_folder
    from flows.host import up_record
    from flows.host.deployments import deployments, under_way, waiting_for_an_answer
    from flows.host.environment import prefect_settings
    from flows.host.server import living, recorded
    from flows.host.server_record import shown_at
    from wrist_model.errors import CatalogueError

    place, found = home(), _Server()
    if up_record.died(place):
        found.needs.append(
            "`wrist up` has ended without being stopped (a kill, or a power cut): start it again: "
            f"`{up_record.command(place)}`"
        )
    try:
        with prefect_settings(place):
            url = recorded(place)
            if url is not None:
                found.deployments, found.under_way = deployments(url), under_way(url)
                latest = latest_report_file(place)
                found.report = f"{shown_at(place)}/reports/{latest.name}" if latest.exists() else ""
                found.needs += waiting_for_an_answer(url, shown_at(place)) + _needs(found.deployments, shown_at(place))
            elif living(place) is not None:
                found.silent = "the server is there and doesn't answer"
    except CatalogueError as error:
        found.silent = str(error)
    if found.silent:
        found.needs.append(f"{found.silent.rstrip('.')}; its log: {prefect_folder(place) / 'server.log'}")
    return found


def _lines(found: list[Deployment]) -> list[str]:
    """A line a deployment: when it runs next, and how it ended last."""
    from tasks.local_time import local

    width = max((len(one.name) for one in found), default=0)
    lines = []
    for one in found:
        last = f"last {one.last.state}, {local(one.last.at)}" if one.last else "has not run yet"
        late = f"; LATE since {local(one.late_since)}" if one.late_since else ""
        lines.append(f"{one.name:<{width}}  next {one.due:<24}  {last}{late}")
    return lines


def _needs(found: list[Deployment], shown_at: str) -> list[str]:
    """A line for each deployment whose last run ended red, or that nobody begins."""
    from flows.host.deployments import page
    from tasks.local_time import local

    lines = []
    for one in found:
        flow = one.name.partition("/")[0]
        if one.late_since:
            lines.append(
                f"{flow} was due at {local(one.late_since)} and nobody begins it: is there a worker? "
                "`wrist up` starts one; its log is prefect/worker.log of the home"
            )
        if one.last and one.last.is_red and one.last.state not in SAID_ELSEWHERE:
            why = " ".join(one.last.message.split())[:200]
            todo = VERIFY if flow == "verify" else RETRY if one.last.state == "Crashed" else f"mend that, then {RETRY}"
            where = page(shown_at, one.last.run_id)
            lines.append(f"{flow} ended as {one.last.state} at {local(one.last.at)} ({why}): {todo}: {where}")
    return lines
