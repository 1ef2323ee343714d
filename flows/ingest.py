"""Flow `ingest`: catalogue what lies at some paths, or at the roots that `sources.toml` remembers."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime
from prefect.events import emit_event
from pydantic import Field

from tasks.catalogue import catalogue, enough_labels, places
from wrist_model.recipe import load

ENOUGH = "wrist.labels.enough"


@flow(name="ingest", flow_run_name="ingest", description=__doc__)
def ingest(
    paths: Annotated[list[str] | None, Field(description="Files or folders; none: the roots in sources.toml.")] = None,
    labels: Annotated[list[str] | None, Field(description="A labels CSV for all paths, or one for each.")] = None,
    source: Annotated[str | None, Field(description="Name space of the identifiers; none: by the place.")] = None,
    body_part: Annotated[str, Field(pattern="(?i)^(WRIST|ANY)$", description="WRIST or ANY.")] = "WRIST",
    recipe: Annotated[str, Field(description="Its [split] says where patients stand.")] = "report",
    jobs: Annotated[int | None, Field(ge=1, le=256, description="Processes that decode; none: all cores.")] = None,
    max_megapixels: Annotated[float, Field(gt=0, description="Larger pictures are refused undecoded.")] = 64.0,
    cluster: Annotated[str | None, Field(description="A Dask scheduler whose workers decode.")] = None,
) -> dict[str, Any]:
    """Gives the counts by outcome, and `reasons`: quarantined files by reason.

    As a deployment's run it sends one event when enough newly labelled studies wait for a retrain.
    """
    chosen = load(recipe)
    found = places(paths, labels, source, body_part)
    done = catalogue(found, chosen.split, jobs, round(max_megapixels * 1e6), cluster)
    waiting = (
        enough_labels(chosen) if runtime.deployment.get_id() and not runtime.flow_run.get_parent_flow_run_id() else 0
    )
    if waiting:
        resource = {"prefect.resource.id": "wrist.labels", "prefect.resource.name": "labelled studies"}
        emit_event(ENOUGH, resource=resource, payload={"new_labelled_studies": waiting})
    return done
