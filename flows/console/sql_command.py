"""Command `sql`: read-only SQL on the catalogue, as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer

from flows.console.options import Json
from flows.console.output import can_print, say, say_if_new
from flows.console.text_table import table
from wrist_model.errors import UsageError
from wrist_model.terminal_text import escaped

TABLE_ROWS = 10_000
GRACE_SECONDS = 5.0
STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""Names of this process's output: as a path they lead to the file behind it, which isn't to be replaced."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(sql)


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """End this process where the block still runs then: a single function of SQLite (LIKE, replace) asks nobody whether
    it may go on, and a server may not answer."""

    def end() -> None:
        say(f"wrist: Stopped after {seconds:g} s: one step of the query took longer than allowed. Narrow the query.")
        os._exit(1)

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


class Format(StrEnum):
    """How `wrist sql` prints."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT on the views; see docs/sql.md.")],
    format: Annotated[Format | None, typer.Option("--format", help="Default: table, or by --output's ending.")] = None,
    output: Annotated[Path | None, typer.Option("--output", help="Write to this file.")] = None,
    limit: Annotated[float, typer.Option("--seconds", min=0.1, max=86_400, help="Give up after so long.")] = 30.0,
    spreadsheet: Annotated[
        bool, typer.Option("--spreadsheet", help="CSV whose texts Excel and the like don't run as formulas.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run read-only SQL on the catalogue."""
    from db.query import export_formats, read_only_sql

    if output is not None:
        from tasks.named_files import require_output

        require_output(output, "--output")
    say_if_new()
    ending = output.suffix.removeprefix(".").lower() if output else ""
    chosen = Format.json if as_json else format or (Format(ending) if ending in list(Format) else Format.table)
    if spreadsheet and chosen is not Format.csv:
        raise UsageError("--spreadsheet goes with CSV: add --format csv, or --output FILE.csv.")
    if chosen is Format.parquet and output is None:
        raise UsageError("Parquet is not text: say where to write it, --output FILE.parquet.")
    note, count, truncated = "", 0, False
    try:
        with _ended_after(limit + GRACE_SECONDS), _opened(output) as to:
            if chosen in (Format.csv, Format.json):
                with read_only_sql.answer(query, limit_seconds=limit) as found:
                    count = export_formats.write_text(found, chosen.value, to, spreadsheet)  # type: ignore[arg-type]
                    note = found.note
            else:
                most = TABLE_ROWS if chosen is Format.table else None
                rows = read_only_sql.query(query, limit_seconds=limit, max_rows=most)
                note, count, truncated = rows.note, len(rows.rows), rows.truncated
                if chosen is Format.parquet:
                    export_formats.write_parquet(rows, Path(to.name))
                else:
                    line = "─" if output is not None or can_print("─") else "-"
                    to.write(table(rows.columns, rows.rows, line) + "\n")
    except OSError as error:
        raise UsageError(f"{output or 'Output'}: can't be written ({error.strerror or error}).") from None
    if truncated:
        say(f"Only the first {TABLE_ROWS} rows: `--format csv` or `--output FILE.csv` gives all.")
    if note:
        say(note)
    if not count:
        say("0 rows.")


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Where the answer is written. A file takes its name when all is in it: what fails leaves what was there."""
    if output is None or str(output) in STDOUT:
        yield cast(TextIO, _Terminal()) if sys.stdout.isatty() else sys.stdout
        return
    place = output.expanduser().resolve()
    if place.exists() and not place.is_file():  # a pipe, /dev/stdout
        with place.open("w", encoding="utf-8") as file:
            yield file
        return
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


class _Terminal:
    """The terminal, to which no control character goes raw."""

    def write(self, text: str) -> int:
        return sys.stdout.write(escaped(text))
