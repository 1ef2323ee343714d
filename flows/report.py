"""Flow `report`: one self-contained HTML page from stored rows."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.events import emit_event

from db.home import home
from flows.host.server_record import address
from tasks.evaluation_choice import latest
from tasks.report import write

EVENT = "wrist.report"


@flow(name="report", flow_run_name="report", description=__doc__)
def report(evaluations: list[str] | None = None) -> str:
    """Gives the page's path, and sends an event with its address. Without ids: the newest evaluations, one a model
    version."""
    page = write(evaluations or latest())
    name = Path(page).name
    resource = {"prefect.resource.id": f"wrist.report.{Path(page).stem}", "prefect.resource.name": name}
    emit_event(EVENT, resource=resource, payload={"report": address(home(), f"/reports/{name}") or page})
    return page
