"""Flow `report`: one self-contained HTML page from stored rows."""

from __future__ import annotations

from prefect import flow

from tasks.evaluation_choice import latest
from tasks.report import write


@flow(name="report", flow_run_name="report", description=__doc__)
def report(evaluations: list[str] | None = None) -> str:
    """Gives the page's path. Without ids: the newest evaluations, one a model version."""
    return write(evaluations or latest())
