"""Names and reasons that somebody else wrote: they command no terminal, no spreadsheet and no page."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evidence_data import report_data
from markdown_it import MarkdownIt
from PIL import Image
from prefect_fixtures import WRIST

from db.engine import open_catalogue
from flows.console.text_table import table
from tasks.ingest_files import catalogue_files
from tasks.runtime import artifacts
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance
from wrist_model.report.model_card import model_card, plain
from wrist_model.terminal_text import escaped, in_a_line

HOSTILE = {
    "clears the screen": "a\x1b[2J\x1b[H.png",
    "sets the title": "a\x1b]0;root#\x07.png",
    "writes the clipboard": "a\x1b]52;c;cm0gLXJm\x1b\\.png",
    "has an eight-bit introducer": "a\x9b2J.png",
    "goes back over the line": "bad.png\rgood.png",
    "goes back by backspaces": "bad\b\b\bgood",
    "shows itself backwards": "a\u202egnp.exe",
    "isolates": "a\u2066x\u2069.png",
    "breaks the line": "a\u2028b\x85c",
}
FORMULA = "=cmd|' -C calc'!A0.png"


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_what_commands_a_terminal_is_written_out(name):
    for said in (escaped(name), in_a_line(name), table(("path", name), [(name, 1)])):
        assert not any((ord(letter) < 32 and letter != "\n") or ord(letter) in range(127, 160) for letter in said)
        assert not set(said) & set("\u202e\u2066\u2069\u2028")
    assert in_a_line("a\nb\tc") == "a\\nb\\tc"
    assert escaped("Überlauf\t1\n– ½ 骨") == "Überlauf\t1\n– ½ 骨"


def wrist(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WRIST_HOME": str(home)}
    done = subprocess.run([WRIST, *words], env=environment, capture_output=True, text=True, check=False)
    assert "\x1b" not in done.stderr
    return done


@pytest.fixture
def catalogued(tmp_path):
    folder, home = tmp_path / "in", tmp_path / "home"
    folder.mkdir()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 60), np.uint8)).save(folder / "a\x1b[2J\n.png")
    for name in (FORMULA, "+1.png", "b\x1b]0;x\x07.png"):
        (folder / name).write_text("no picture")
    engine = open_catalogue(home)
    catalogue_files([folder], home=home, engine=engine, rule=SplitRecipe(), provenance=Provenance("t"))
    engine.dispose()
    return home, folder


def test_no_command_prints_an_escape_sequence_out_of_a_files_name(catalogued):
    home, folder = catalogued
    select = "select path from quarantined_files union select path from images"
    for words in (("sql", select), ("sql", select, "--format", "json"), ("locate", "a\x1b[2J\n.png", str(folder))):
        done = wrist(home, *words)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
        assert "x1b[2J" in done.stdout or "u001b[2J" in done.stdout
    for words in (
        ("ingest", "gone\x1b[2J"),
        ("locate", "pa-\x1b[2J", str(folder)),
        ("--debug", "ingest", "x\x1b]0;y\x07"),
    ):
        done = wrist(home, *words)
        assert done.returncode != 0
        assert "\\x1b" in done.stderr


def test_a_csv_is_exact_or_made_for_spreadsheets(catalogued):
    home, _ = catalogued
    select = "select path, -1.5 as number from quarantined_files order by path"
    exact, safe = (wrist(home, "sql", select, "--format", "csv", *more).stdout for more in ((), ("--spreadsheet",)))
    assert [FORMULA, "-1.5"] in list(csv.reader(io.StringIO(exact)))
    assert [row[0] for row in csv.reader(io.StringIO(safe))][1:] == ["'+1.png", f"'{FORMULA}", "b\x1b]0;x\x07.png"]
    refused = wrist(home, "sql", select, "--spreadsheet")
    assert (refused.returncode, "--format csv" in refused.stderr) == (2, True)


MARKUP = [
    "[x](javascript:alert(1))",
    "![](http://evil.example/pixel.png)",
    "<img src=x onerror=alert(1)>",
    "a\n\n# Promoted\n\n| b | c |\n|---|---|",
    "`</code><script>alert(1)</script>`",
    "https://evil.example and www.evil.example",
    "<https://evil.example>",
    "~~struck~~ **bold** [ref]\n\n[ref]: http://evil.example",
]
TAGS = ("<a ", "<img ", "<script", "<h1", "<h2", "<table", "<strong", "<s>", "<code")


def tags(page: str) -> dict[str, int]:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    made = parser.render(page)
    return {tag: made.count(tag) for tag in TAGS}


def test_recipe_names_and_reasons_make_nothing_in_a_page(tmp_path):
    for hostile in MARKUP:
        assert tags(hostile) != tags("x") or "www." in hostile
        assert tags(f"It {plain(hostile)}.") == tags("x")
        assert not re.search(r"://|www\.", plain(hostile))  # of which GitHub's Markdown makes links
    given = report_data(tmp_path)
    pages = []
    for said in (" ".join(MARKUP), "because"):
        data = replace(given, recipe_name=said, decision_reason=said, gallery=())
        pages.append([tags(artifacts.summary(data, tmp_path / "report.html")), tags(model_card(data))])
    assert pages[0] == pages[1]
