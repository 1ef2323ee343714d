"""Commands that only look: sql, status, champion, verify, locate."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.console.shared import Json, say, say_if_new, show
from wrist_model.errors import UsageError

TABLE_ROWS = 10_000


class Format(StrEnum):
    """How `wrist sql` prints."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (sql, status, champion, verify, locate):
        app.command()(command)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT on the views; see docs/sql.md.")],
    format: Annotated[Format | None, typer.Option("--format", help="Default: table, or by --output's ending.")] = None,
    output: Annotated[Path | None, typer.Option("--output", help="Write to this file.")] = None,
    limit: Annotated[float, typer.Option("--seconds", min=0.1, help="Give up after so long.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Run read-only SQL on the catalogue."""
    from db import sql as reader

    say_if_new()
    ending = output.suffix.removeprefix(".").lower() if output else ""
    chosen = Format.json if as_json else format or (Format(ending) if ending in list(Format) else Format.table)
    rows = reader.query(query, limit_seconds=limit, max_rows=TABLE_ROWS if chosen is Format.table else None)
    try:
        if chosen is Format.table:
            text = table(rows.columns, rows.rows) + "\n"
            if output is not None:
                output.write_text(text, encoding="utf-8")
        else:
            text = reader.write(rows, chosen.value, output)  # type: ignore[arg-type]
    except OSError as error:
        raise UsageError(f"{output}: can't be written ({error.strerror or error}). Give another file.") from None
    if output is None:
        sys.stdout.write(text)
    if rows.truncated:
        say(f"Only the first {TABLE_ROWS} rows: `--format csv` or `--output FILE.csv` gives all.")
    if not rows.rows:
        say("0 rows.")


def table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """Rows as aligned text: numbers to the right, nothing as an empty cell."""
    cells = [["" if value is None else _cell(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[n]) for row in cells)]) for n, name in enumerate(columns)]
    right = [bool(rows) and all(isinstance(row[n], int | float | None) for row in rows) for n in range(len(columns))]

    def line(values: list[str] | tuple[str, ...]) -> str:
        aligned = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return "  ".join(aligned).rstrip()

    return "\n".join([line(columns), line(["─" * width for width in widths]), *map(line, cells)])


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split())


def status(as_json: Json = False) -> None:
    """What is catalogued, trained, serving, scheduled, and what needs a person."""
    from tasks.state import state

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
                print(f"  {text}")

    show({key: value for key, value in found.items() if key != "text"}, as_json, tell)


def _scheduled() -> tuple[list[dict[str, Any]], list[str]]:
    """The deployments and when each runs next, and a line for each run that waits for an answer.

    Both are empty where this home's server doesn't answer, or is too busy to.
    """
    from db.engine import home
    from flows.console.serve import deployments
    from flows.server import ask, recorded

    url = recorded(home())
    if url is None:
        return [], []
    try:
        paused = ask(url, "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}})
        scheduled = deployments(url)
    except OSError:
        return [], []
    page = url.removesuffix("/api")
    return scheduled, [f"{run['name']} waits for an answer: {page}/runs/flow-run/{run['id']}" for run in paused]


def champion(as_json: Json = False) -> None:
    """Who serves, and why."""
    from db import audit
    from db import facts as facts_of
    from db.engine import open_catalogue
    from wrist_model.errors import DataError

    engine = open_catalogue(existing=True)
    model = audit.champion(engine)
    if model is None:
        raise DataError(
            "No model serves yet: `wrist retrain PATH` trains and decides, `wrist promote ID` decides by hand."
        )
    decided = facts_of.last_decision(engine, model.model_version_id)
    point = next(
        one for one in audit.operating_points(engine, model.model_version_id) if one.serving and one.level == "study"
    )
    found = {
        "model_version_id": model.model_version_id,
        "architecture": model.architecture,
        "members": list(model.members),
        "operating_point": point.name,
        "threshold": point.threshold,
        "decided_by": decided.decided_by if decided else None,
        "decided_at": decided.created_at if decided else None,
        "reason": decided.reason if decided else None,
    }

    def tell() -> None:
        for key, value in found.items():
            if value:
                print(f"{key.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else _cell(value)}")

    show(found, as_json, tell)


def verify(
    anchor: Annotated[Path | None, typer.Option("--anchor", help="Write, later compare, an anchor file.")] = None,
    as_json: Json = False,
) -> None:
    """Check the audit chain, stored hashes, the split guard and orphaned runs; exit 1 when anything is off."""
    from dataclasses import asdict

    from db.engine import open_catalogue
    from db.verify import verify as check

    verdict = check(open_catalogue(existing=True), anchor=anchor, progress=_line if sys.stderr.isatty() else None)

    def tell() -> None:
        for finding in verdict.findings:
            print(f"BROKEN {finding.where}: {finding.message}")
        for finding in verdict.warnings:
            print(f"look at {finding.where}: {finding.message}")
        checked = ", ".join(f"{number} {name}" for name, number in verdict.checked.items())
        print(f"{'All as it was written' if verdict.ok else 'NOT as it was written'}: {checked}.")

    show(asdict(verdict), as_json, tell)
    if not verdict.ok:
        raise typer.Exit(1)


def _line(stage: str, done: int, total: int, note: str) -> None:
    print(f"\r{stage} {done}/{total} {note}\x1b[K", end="" if done < total else "\r\x1b[K", file=sys.stderr, flush=True)


def locate(
    target: Annotated[str, typer.Argument(metavar="ID", help="An image's id (im-…) or a stored path (pa-…).")],
    folder: Annotated[Path, typer.Argument(help="The folder that was ingested.")],
    as_json: Json = False,
) -> None:
    """The file behind a catalogued or quarantined id, found again by walking its folder."""
    from tasks.locate import locate as find

    found = str(find(target, folder))
    show({"file": found}, as_json, lambda: print(found))
