"""Show a report's summary in the run that calls for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import task

from db.engine import open_catalogue
from tasks.report_content import report_content
from tasks.runtime import artifacts


@task(name="summary", task_run_name="show the summary", tags=["report"])
def summary(evaluation_ids: Sequence[str], path: str, decision: str) -> None:
    """Stores the report's summary as an artifact of the run that calls it; writes nothing else.

    decision: a part of the task's cache key, so that a resumed run stores it once more after another decision.
    """
    artifacts.report(report_content(open_catalogue(), evaluation_ids), Path(path))
