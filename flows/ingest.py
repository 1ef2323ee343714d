"""Flow `ingest`: catalogue what lies at some paths, or at the roots that `sources.toml` remembers."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, get_run_logger, runtime
from prefect.events import emit_event
from pydantic import Field

from db.engine import open_catalogue
from flows.parameters import BodyPart, Jobs
from tasks import named_files, requests
from tasks.ingest import catalogue, enough_labels, places, with_more
from tasks.recipe import chosen_recipe
from tasks.runtime.lease import recover
from wrist_model.errors import PlaceRefused
from wrist_model.radiograph.picture import DEFAULT_MAX_FRAMES
from wrist_model.sources.source_item import Uncertain

ENOUGH = "wrist.labels.enough"


@flow(name="ingest", flow_run_name="ingest", description=__doc__, timeout_seconds=24 * 3600)
def ingest(
    paths: list[str] | None = None,
    labels: list[str] | None = None,
    source: str | None = None,
    body_part: BodyPart = "WRIST",
    recipe: str = "report",
    jobs: Jobs = None,
    max_megapixels: Annotated[float, Field(gt=0)] = 64.0,
    cluster: str | None = None,
    distinct_patients: bool = False,
    uncertain: Uncertain = "exclude",
    follow_links: bool = False,
    max_frames: Annotated[int, Field(ge=1)] = DEFAULT_MAX_FRAMES,
    request: str | None = None,
    designation: Annotated[str, Field(pattern=r"^(test|external:[a-z0-9-]+)$")] | None = None,
    boxes: str | None = None,
    label_meaning: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None,
) -> dict[str, Any]:
    """Gives the counts by outcome, and `reasons`: quarantined files by reason; `regions` and `refused_boxes`: of boxes.

    Raises PlaceRefused at its end for a list whose patients another source has, or a place whose labels mean something
    else than its source's, or that is to be a hold-out and its source is none; all else is catalogued.
    As a deployment's run it sends one event when enough newly labelled studies wait for a retrain.

    Args:
        paths: Files or folders, of a deployment's run below a remembered root; none: the roots in sources.toml.
        labels: A labels CSV for all paths, or one for each; as paths.
        source: Name space of the identifiers; none: by the place.
        body_part: WRIST or ANY.
        recipe: Its [split] says where patients stand, in a catalogue that has no rule yet.
        jobs: Processes that decode; none: all cores.
        max_megapixels: Larger pictures are refused undecoded.
        cluster: A Dask scheduler whose workers decode; not in a deployment's run.
        distinct_patients: Patient numbers that other sources have, too, are other people's.
        uncertain: Studies whose label the source itself doubts: exclude (`wrist exclude --undo`), keep or unlabel.
        follow_links: Links that lead out of a path are followed; not in a deployment's run, but by a remembered root's.
        max_frames: Objects with more are refused.
        request: What a command stored in place of paths, labels and boxes; not in a deployment's run.
        designation: test, or external:NAME for an external set: the whole source is a hold-out, for good.
        boxes: A file or folder of boxes that people drew on the pictures of the one path; as paths.
        label_meaning: What a positive label of a list or folder says, such as fracture; none: abnormal.
    """
    named_files.of_a_deployment(paths, [*(labels or ()), boxes or ""], recipe, cluster, follow_links)
    for ended in recover(open_catalogue()):  # of a machine that went, where no `wrist up` looks after that
        get_run_logger().warning("%s %s had stopped: %s.", ended.kind, ended.run_id, ended.reason)
    chosen = chosen_recipe(recipe)
    asked, stated, drawn = requests.opened(request, paths, labels, boxes)
    with requests.unnamed([*(asked or ()), *(stated or ()), drawn]):
        found = places(asked, stated, source, body_part, distinct_patients, uncertain, follow_links, designation)
        found = with_more(found, drawn, label_meaning)
    done = catalogue(found, chosen.split, jobs, round(max_megapixels * 1e6), cluster, max_frames)
    refused = done.pop("refused")
    if refused and (asked or not runtime.flow_run.get_parent_flow_run_id()):
        raise PlaceRefused("\n".join(refused))
    for reason in refused:  # a retrain goes on with the other roots
        get_run_logger().error("%s", reason)
    waiting = (
        enough_labels(chosen) if runtime.deployment.get_id() and not runtime.flow_run.get_parent_flow_run_id() else 0
    )
    if waiting:
        resource = {"prefect.resource.id": "wrist.labels", "prefect.resource.name": "labelled studies"}
        emit_event(ENOUGH, resource=resource, payload={"new_labelled_studies": waiting})
    return done
