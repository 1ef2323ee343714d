"""Flow `ingest`: catalogue what lies at some paths, or at the roots that `sources.toml` remembers."""

from __future__ import annotations

from prefect import flow

from tasks.intake import run


@flow(name="ingest", flow_run_name="ingest", description=__doc__)
def ingest(
    paths: list[str] | None = None,
    labels: str | None = None,
    source: str | None = None,
    body_part: str = "WRIST",
    recipe: str = "report",
    jobs: int | None = None,
) -> dict[str, int]:
    """Gives the counts by outcome.

    paths: files or folders; without any, the remembered roots, each with its own labels, source and body part.
    recipe: its [split] says where patients stand.
    """
    return run(paths, labels=labels, source=source, body_part=body_part, recipe=recipe, jobs=jobs)
