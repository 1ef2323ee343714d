"""Commands about the model that serves: predict, promote, reject, champion."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.console.flow_session import check, prefect
from flows.console.ingest_commands import print_quarantined
from flows.console.options import BodyPart, Cluster, Jobs, Json, Paths, Source
from flows.console.output import counted, show
from flows.console.text_table import cell_text
from wrist_model.terminal_text import in_a_line


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (predict, promote, reject, champion):
        app.command()(command)


def promote(
    model_version: Annotated[str, typer.Argument(metavar="ID", help="A model version, mv-….")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")] = "decided by hand",
    as_json: Json = False,
) -> None:
    """Let a model version serve from now on, by hand; an earlier champion is rolled back to the same way."""
    from tasks.promote import by_hand

    found = by_hand(model_version, reason)
    show(found, as_json, lambda: print(f"{found['model_version_id']} serves now ({found['decision']})."))


def reject(
    model_version: Annotated[str, typer.Argument(metavar="ID", help="A model version, mv-….")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
    as_json: Json = False,
) -> None:
    """Say that a model version shall never serve: the answer `no` to a gate that waits for a person."""
    from tasks.promote import reject as reject_model

    found = reject_model(model_version, reason)
    show(found, as_json, lambda: print(f"{found['model_version_id']} is rejected."))


def predict(
    paths: Paths = None,
    model: Annotated[str | None, typer.Option("--model", help="A role or a model version's id.")] = None,
    source: Source = None,
    body_part: BodyPart = "WRIST",
    jobs: Jobs = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Score new studies with the champion at its serving operating point; stored like any other prediction."""
    check("report", paths=paths, roots=True)
    from db import models
    from db.engine import open_catalogue

    models.model(open_catalogue(existing=True), model)  # an unknown one is said at once
    with prefect():
        from flows.predict import predict as predict_flow
        from tasks import requests

        with requests.stored(paths) as request:
            result = predict_flow(None, model, source, body_part, jobs, cluster, request=request)

    def tell() -> None:
        before, model_version_id = result["before"], result["model_version_id"]
        print_quarantined(result["ingest"])
        if result["evaluation_id"] is None and not before:
            print(f"Nothing to score with {model_version_id}: no study was catalogued there.")
        for row in result["studies"]:
            word = "abnormal" if row["predicted_label"] else "normal"
            files = row["paths"] or [counted(row["n_images"], "image")]
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            print(f"{row['study_uid']}  {row['probability']:.3f}  {word:8}  {in_a_line(files[0])}{more}")
        if before:
            print(
                f'{counted(before, "study", "studies")} scored before: wrist sql "select * from study_predictions '
                f"where purpose = 'prospective' and model_version_id = '{model_version_id}'\""
            )

    show(result, as_json, tell)


def champion(as_json: Json = False) -> None:
    """Who serves, and why."""
    from db import models, promotions
    from db.engine import open_catalogue
    from wrist_model.errors import DataError
    from wrist_model.scoring.serving_point import locked_serving_point

    engine = open_catalogue(existing=True, writes=False)
    model = promotions.champion(engine)
    if model is None:
        raise DataError(
            "No model serves yet: `wrist retrain PATH` trains and decides, `wrist promote ID` decides by hand."
        )
    decided = promotions.last_decision(engine, model.model_version_id)
    point = locked_serving_point(models.operating_points(engine, model.model_version_id))
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
                print(f"{key.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else cell_text(value)}")

    show(found, as_json, tell)
