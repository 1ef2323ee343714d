"""Command `verify`: is everything as it was written?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.console.options import Json
from flows.console.output import say, show
from wrist_model.terminal_text import in_a_line


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(verify)


def verify(
    anchor: Annotated[Path | None, typer.Option("--anchor", help="Write, later compare, an anchor file.")] = None,
    files: Annotated[bool, typer.Option("--files", help="Read every original file again, too.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Only what was written since the last verified link.")] = False,
    as_json: Json = False,
) -> None:
    """Check the audit chain, stored hashes, the split guard and orphaned runs; exit 1 when anything is off."""
    from dataclasses import asdict, replace

    from db.engine import open_catalogue
    from tasks.named_files import require_output
    from tasks.verified_link import check

    if anchor is not None:
        require_output(anchor, "--anchor", database=True)
    progress = _line if sys.stderr.isatty() else None
    engine = open_catalogue(existing=True, writes=False)
    verdict = check(engine, new=new, anchor=anchor, progress=progress, say=say)
    if files:
        from tasks.original_files import read_again

        found, look_at, read = read_again(engine, progress or (lambda *_: None))
        verdict = replace(
            verdict,
            ok=verdict.ok and not found,
            findings=(*verdict.findings, *found),
            warnings=(*verdict.warnings, *look_at),
            checked={**verdict.checked, "originals": read},
        )

    def tell() -> None:
        for finding in verdict.findings:
            print(f"BROKEN {in_a_line(finding.where)}: {in_a_line(finding.message)}")
        for finding in verdict.warnings:
            print(f"look at {in_a_line(finding.where)}: {in_a_line(finding.message)}")
        checked = ", ".join(f"{number} {name}" for name, number in verdict.checked.items())
        told = "NOT as it was written" if not verdict.ok else "All as it was written"
        print(f"{told.replace('All', 'All new') if verdict.not_read else told}: {checked}.")
        if verdict.not_read:
            print(f"Not read: {verdict.not_read}.")

    show(asdict(verdict), as_json, tell)
    if not verdict.ok:
        raise typer.Exit(1)


def _line(stage: str, done: int, total: int, note: str) -> None:
    print(f"\r{stage} {done}/{total} {note}\x1b[K", end="" if done < total else "\r\x1b[K", file=sys.stderr, flush=True)
