"""The documentation's commands: each exists with its options. Those that only look are run in test_flow_whole.py."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from flows.console.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path) -> list[list[str]]:
    """The words of each `wrist …` in the page's blocks of commands; quotes may span lines."""
    found = []
    for block in re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        held = ""
        for line in block.splitlines():
            if not held and not re.match(r"(\$ )?([A-Z_]+=\S+ )*(\S*/)?wrist ", line):
                continue
            held = f"{held}\n{line}" if held else line.removeprefix("$ ")
            if held.endswith("\\"):
                held = held[:-1]
                continue
            try:
                words = shlex.split(held, comments=True)
            except ValueError:  # a quote is still open
                continue
            held = ""
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words and Path(words[0]).name == "wrist" and len(words) > 1:
                found.append([word for word in words[1:] if word not in ("|", ">")])
        assert not held, f"{page.name}: a block ends in the middle of a command: {held}"
    return found


ALL = [(page.name, words) for page in PAGES for words in commands(page)]


def test_the_pages_have_commands_and_no_dead_links() -> None:
    assert len(ALL) >= 15
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


@pytest.mark.parametrize(("page", "words"), ALL, ids=[f"{page}: {' '.join(words)[:60]}" for page, words in ALL])
def test_each_command_exists_with_its_options(page: str, words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{page}: no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "--debug"}
    given = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
    assert given <= known, f"{page}: {sorted(given - known)}"
