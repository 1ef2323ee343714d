"""Flow `verify`: is everything as it was written? Chain, hashes, splits, orphaned runs; or only what is new."""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.states import Completed, Failed

from tasks.verify import verify as verify_catalogue


@flow(name="verify", flow_run_name="verify", description=__doc__, timeout_seconds=6 * 3600)
def verify(new: bool = False) -> State[Any]:
    """Ends as `Broken`, of type failed, with the first finding; the others are in the run's artifact.

    Args:
        new: Only what was written since the last verified link; the run says what it did not read.
    """
    found = verify_catalogue(new)
    if found["ok"]:
        return Completed(message=found["said"], data=found)
    return Failed(name="Broken", message=found["said"])
