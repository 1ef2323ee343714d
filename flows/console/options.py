"""The options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Paths = Annotated[list[str] | None, typer.Argument(metavar="PATH…", help="Files or folders; else remembered roots.")]
Labels = Annotated[list[str] | None, typer.Option("--labels", help="CSV with study_uid or accession_number, label.")]
Source = Annotated[str | None, typer.Option("--source", help="Name space of the identifiers; default by the place.")]
BodyPart = Annotated[str, typer.Option("--body-part", help="WRIST or ANY.", callback=lambda word: _body_part(word))]
RecipeFile = Annotated[str, typer.Option("--recipe", help="A TOML file, or the name of one in recipes/.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="One network only; may be repeated.")]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Processes that decode; default: all cores.")]
Cluster = Annotated[str | None, typer.Option("--cluster", help="A Dask scheduler that works, tcp://host:8786.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="A frozen version's id; default: the newest.")]


def _body_part(word: str) -> str:
    from flows.parameters import body_part

    try:
        return body_part(word)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
