"""Flow `watch_drift`: do new studies still look like those that the champion learnt from?"""

from __future__ import annotations

from typing import Any

from prefect import State, flow, runtime
from prefect.events import emit_event
from prefect.states import Completed, Failed

from db.home import home
from flows.host.server_record import address
from tasks import named_files
from tasks.drift import EVENT, check_drift
from tasks.recipe import chosen_recipe


@flow(name="watch_drift", flow_run_name="watch_drift - {recipe}", description=__doc__, timeout_seconds=2 * 3600)
def watch_drift(
    recipe: str = "report",
) -> State[Any]:
    """Ends as `Drift`, of type failed, where new studies differ: a red run, an event `wrist.drift`, `wrist status`.

    Args:
        recipe: Its [drift] says how sure to be, and of how many studies.
    """
    named_files.of_a_deployment(recipe=recipe)
    found = check_drift(chosen_recipe(recipe))
    if not found["alerts"]:
        return Completed(message=found["said"], data=found)
    page = f"/runs/flow-run/{runtime.flow_run.get_id()}?tab=Artifacts"
    emit_event(
        EVENT,
        resource={"prefect.resource.id": f"wrist.drift.{found['drift_id']}", "prefect.resource.name": "drift"},
        payload={
            "features": found["alerts"],
            "studies": found["n_current"],
            "page": address(home(), page) or page,
        },
    )
    return Failed(name="Drift", message=f"{found['said']}: look at the newest studies before trusting their scores.")
