"""Command `demo`: synthetic radiographs, the whole retraining flow on them, and what to do next."""

from __future__ import annotations

import shlex
import shutil
import sys
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.console.flow_session import prefect, with_link
from flows.console.options import Json
from flows.console.output import say, show
from flows.console.training_commands import print_retrained

QUERIES = (
    "select label, split, count(*) as studies from studies group by label, split",
    "select architecture, level, value, ci_low, ci_high from evaluation_metrics "
    "where metric = 'roc_auc' and split = 'test' and hold_out is null and subgroup = 'all'",
    "select reason_code, count(*) as files from quarantined_files group by reason_code",
)

NEXT = (  # what for, and the command's words
    ("read the report in a browser", "demo --open"),
    ("check that nothing which was stored has been changed since", "verify"),
    ("look at the run and its pages in Prefect's UI (Ctrl-C ends it)", "up"),
)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(demo)


def demo(
    open_report: Annotated[bool, typer.Option("--open", help="Open the report in a browser at the end.")] = False,
    as_json: Json = False,
) -> None:
    """Make synthetic radiographs, run the whole retraining flow on them, and say where everything is."""
    from db.home import demo_data_folder, home
    from wrist_model.synthetic import dataset

    folder = demo_data_folder(home())
    say("Wrist demo: synthetic radiographs, networks trained from scratch. What it shows is the pipeline, not wrists.")
    with ThreadPoolExecutor(1) as beside:  # the radiographs are drawn while the server starts
        drawn = beside.submit(dataset.write, folder)
        with prefect():
            from flows.retrain import retrain as retrain_flow

            made = drawn.result()
            paths, labels = [str(made.mura), str(made.dicom)], ["", str(made.labels)]
            result = with_link(retrain_flow)(paths, labels, "synthetic", "WRIST", "demo")
    show(result, as_json, lambda: _tell(result))
    if open_report:
        open_page(Path(result["report"]))


def _tell(result: dict[str, Any]) -> None:
    print_retrained(result)
    wrist = called()
    print("\nThree queries to try:")
    for sql in QUERIES:
        print(f'  {wrist} sql "{sql}"')
    print("\nThree things to do next:")
    for what, words in NEXT:
        print(f"  {what}:\n    {wrist} {words}")
    print(
        "\nThese radiographs are synthetic and the networks began from random weights: no figure here is about wrists."
        "\nYour own radiographs belong in a home of their own, apart from these: see README.md, which sets WRIST_HOME."
    )


def called() -> str:
    """How this program can be called again from this folder, and with the home that it used."""
    from db.home import default_home, home

    own, found = Path(sys.argv[0]), shutil.which("wrist")
    if found and own.exists() and Path(found).samefile(own):
        word = "wrist"
    elif own.absolute().is_relative_to(Path.cwd()):
        word = str(own.absolute().relative_to(Path.cwd()))
    else:
        word = str(own.absolute())
    before = "" if home() == default_home() else f"WRIST_HOME={shlex.quote(str(home()))} "
    return before + shlex.quote(word)


def open_page(page: Path) -> None:
    """Show a page in the user's browser, or say where it is when there is none."""
    if not webbrowser.open(page.as_uri()):
        say(f"No browser was found on this machine. The report is one file, which any browser shows: {page}")
