"""The work pool of a home: its runs can't be given another command, environment or folder (work-pool.json)."""

from __future__ import annotations

import json

from flows.host.environment import SHIPPED
from flows.host.prefect_api import connected

POOL = "wrist"
TYPE = "process"


def make(url: str) -> None:
    """Make the pool, or give it back its template. Raises CatalogueError when the server doesn't answer."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    template = json.loads((SHIPPED / "work-pool.json").read_text(encoding="utf-8"))
    with connected(url) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type=TYPE, base_job_template=template))
        except ObjectAlreadyExists:
            client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))
