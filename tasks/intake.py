"""Ingest as a task: what lies at some paths, or at the remembered roots, ends in the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from prefect import get_run_logger, task

from db.engine import home, open_catalogue
from tasks.context import provenance
from tasks.ingest import Ingested, catalogue_files
from tasks.progress import progress
from tasks.sources import Root, required
from wrist_model.recipe import load
from wrist_model.records import IngestCounts


@task(name="ingest", task_run_name="catalogue the files", tags=["catalogue"])
def run(
    paths: Sequence[str] | None,
    *,
    labels: str | None = None,
    source: str | None = None,
    body_part: str = "WRIST",
    recipe: str = "report",
    jobs: int | None = None,
) -> dict[str, int]:
    """Gives the counts by outcome, and one `quarantined_<reason>` for each reason.

    paths: files or folders; None or empty: the roots in sources.toml, each read as it was remembered.
    """
    here, log = home(), get_run_logger()
    roots = [Root(path, labels, source, body_part) for path in paths] if paths else required(here)
    engine, rule = open_catalogue(here), load(recipe).split
    counts, reasons = IngestCounts(), Counter[str]()
    with progress("ingest") as tell:
        for root in roots:
            done: Ingested = catalogue_files(
                [Path(root.path)],
                home=here,
                engine=engine,
                rule=rule,
                provenance=provenance(),
                source=root.source,
                labels=root.labels,
                body_part=root.body_part,
                jobs=jobs,
                progress=tell,
            )
            counts += done.counts
            reasons.update(done.reasons)
    told = ", ".join(f"{number} {name}" for name, number in asdict(counts).items() if number)
    log.info("%d files seen: %s.", counts.seen, told or "none")
    if reasons:
        log.info("Quarantined: %s.", ", ".join(f"{number} {name}" for name, number in sorted(reasons.items())))
    return {"seen": counts.seen, **asdict(counts), **{f"quarantined_{name}": n for name, n in sorted(reasons.items())}}
