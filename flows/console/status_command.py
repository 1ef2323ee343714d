"""Command `status`: what is catalogued, trained, serving, scheduled, and what needs a person."""

from __future__ import annotations

from typing import Any

import typer

from flows.console.options import Json
from flows.console.output import say_if_new, show
from wrist_model.terminal_text import in_a_line


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(status)


def status(as_json: Json = False) -> None:
    """What is catalogued, trained, serving, scheduled, and what needs a person."""
    from tasks.status import state

    say_if_new()
    found = state()
    found["scheduled"], waiting = _scheduled()
    found["needs_a_person"] += waiting
    if waiting:
        found["text"]["Needs a person"] = found["needs_a_person"]
    found["text"]["Scheduled"] = [f"{row['name']}: {row['next'] or 'when asked'}" for row in found["scheduled"]] or [
        "nothing while no `wrist up` runs"
    ]

    def tell() -> None:
        for title, lines in found["text"].items():
            print(title)
            for text in lines:
                print(f"  {in_a_line(text)}")

    show({key: value for key, value in found.items() if key != "text"}, as_json, tell)


def _scheduled() -> tuple[list[dict[str, Any]], list[str]]:
    """The deployments and when each runs next, and a line for each run that waits for an answer.

    Both are empty where this home's server doesn't answer, or is too busy to.
    """
    from db.home import home
    from flows.host.deployments import deployments, waiting_for_an_answer
    from flows.host.environment import prefect_settings
    from flows.host.server import recorded
    from wrist_model.errors import CatalogueError

    place = home()
    try:
        with prefect_settings(place):
            url = recorded(place)
            return (deployments(url), waiting_for_an_answer(url)) if url is not None else ([], [])
    except CatalogueError:
        return [], []
