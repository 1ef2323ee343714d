"""What `wrist demo` says beside the retrain: the run's page, the report in a browser, commands to type as they are."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from prefect import flow
from prefect_fixtures import ask

from flows.console import demo_command
from flows.console.cli import app
from flows.console.flow_session import with_link


def test_a_run_says_where_it_is_seen_when_it_begins(
    prefect_server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WRIST_HOME", str(tmp_path))
    said: list[str] = []

    @flow(name="short", persist_result=False)
    def short(number: int) -> int:
        said.append(capsys.readouterr().err)
        return number + 1

    assert with_link(short)(1) == 2
    (link,) = re.findall(r"^This run: (\S+)$", said[0], re.MULTILINE)
    at, _, run_id = link.rpartition("/runs/flow-run/")
    assert at == prefect_server.removesuffix("/api")
    assert ask(prefect_server, f"/flow_runs/{run_id}")["parameters"] == {"number": 1}


def test_the_report_is_opened_in_the_users_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, seen, page = tmp_path / "browser", tmp_path / "seen", tmp_path / "a report.html"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{seen}"\n')
    browser.chmod(0o755)
    opened_with(monkeypatch, str(browser))
    demo_command.open_page(page)
    assert seen.read_text() == page.as_uri() and page.as_uri().endswith("/a%20report.html")


def test_without_a_browser_it_says_where_the_report_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened_with(monkeypatch, str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    demo_command.open_page(tmp_path / "report.html")
    assert str(tmp_path / "report.html") in capsys.readouterr().err


def opened_with(monkeypatch: pytest.MonkeyPatch, browser: str) -> None:
    """As in a new process: the library looks for browsers once."""
    import webbrowser

    monkeypatch.setenv("BROWSER", browser)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setattr(webbrowser, "_browsers", {})


def test_commands_are_printed_as_they_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "a folder" / ".venv" / "bin" / "wrist"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script), "demo"])
    monkeypatch.delenv("WRIST_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path / "a folder")
    assert demo_command.called() == ".venv/bin/wrist"
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert demo_command.called() == f"'{script}'"
    monkeypatch.setenv("PATH", str(script.parent))
    assert demo_command.called() == "wrist"
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "the home"))
    assert demo_command.called() == f"WRIST_HOME='{tmp_path / 'the home'}' wrist"


def test_what_to_do_next_exists_with_its_options() -> None:
    console: Any = typer.main.get_command(app)
    for _, words in demo_command.NEXT:
        name, *options = words.split()
        known = {option for parameter in console.commands[name].params for option in parameter.opts}
        assert set(options) <= known, words
    assert len(demo_command.NEXT) == len(demo_command.QUERIES) == 3
