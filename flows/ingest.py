"""Flow `ingest`: catalogue what lies at some paths, or at the roots that `sources.toml` remembers."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.catalogue import catalogue, places
from wrist_model.recipe import load


@flow(name="ingest", flow_run_name="ingest", description=__doc__)
def ingest(
    paths: list[str] | None = None,
    labels: list[str] | None = None,
    source: str | None = None,
    body_part: str = "WRIST",
    recipe: str = "report",
    jobs: int | None = None,
) -> dict[str, Any]:
    """Gives the counts by outcome, and how many files each reason quarantined.

    paths: files or folders; without any, the remembered roots, each with its own labels, source and body part.
    labels: one labels CSV for all paths, or one for each. recipe: its [split] says where patients stand.
    """
    return catalogue(places(paths, labels, source, body_part), load(recipe).split, jobs)
