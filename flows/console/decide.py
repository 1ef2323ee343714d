"""Commands by which a person decides: relabel, exclude, promote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.console.shared import Json, counted, show


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (relabel, exclude, promote):
        app.command()(command)


def relabel(
    file: Annotated[Path, typer.Argument(help="Corrected study paths, one a line, or a CSV with labels.")],
    as_json: Json = False,
) -> None:
    """Store a new label version; the old labels stay."""
    from tasks.relabel import relabel as change

    found = change(file)
    show(
        found,
        as_json,
        lambda: print(
            f"Label version {found['label_version']}: {counted(found['n_changed'], 'study', 'studies')} changed."
        ),
    )


def exclude(
    target: Annotated[str, typer.Argument(metavar="ID", help="im-…, st-… or pt-….")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take it in again.")] = False,
    as_json: Json = False,
) -> None:
    """Leave an image, a study or a patient out of later data-set versions."""
    from dataclasses import asdict

    from db import labels
    from db.engine import open_catalogue
    from tasks.context import provenance

    done = labels.exclude(open_catalogue(existing=True), target, reason, provenance(), undo)
    word = "taken in again" if undo else "left out of later data-set versions"
    show(asdict(done), as_json, lambda: print(f"{done.target}: {counted(done.n_images, 'image')} {word}."))


def promote(
    model_version: Annotated[str, typer.Argument(metavar="ID", help="A model version, mv-….")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")] = "decided by hand",
    as_json: Json = False,
) -> None:
    """Let a model version serve from now on, by hand; an earlier champion is rolled back to the same way."""
    from tasks.promote import by_hand

    found = by_hand(model_version, reason)
    show(found, as_json, lambda: print(f"{found['model_version_id']} serves now ({found['decision']})."))
