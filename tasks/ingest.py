"""Catalogue: bring the files of some paths, or of the remembered roots, into the catalogue."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import Any

from prefect import get_run_logger, task

from db import datasets
from db.engine import open_catalogue
from db.home import home
from tasks import requests, sources_toml
from tasks.compute import decode_pool
from tasks.compute.dask_decode import examined as on_cluster
from tasks.ingest_files import Decoding, Reading, catalogue_files
from tasks.named_files import require_data
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import TRANSIENT
from wrist_model.errors import DataError, PlaceRefused, UsageError
from wrist_model.radiograph.decode import DEFAULT_MAX_PIXELS
from wrist_model.radiograph.picture import DEFAULT_MAX_FRAMES
from wrist_model.recipe import Recipe, SplitRecipe
from wrist_model.sources.source_item import Uncertain

_ELSEWHERE = (
    "%d catalogued images stand in another split than their list says: patients never move. Only a new WRIST_HOME "
    "divides them as the list says."
)
_LABELLED_OTHERWISE = (
    "%d catalogued studies have another label than their source says now, and keep it: `wrist relabel FILE` corrects "
    "labels."
)
_NAMED_OTHERWISE = (
    "%d studies are none in the catalogue, though their files are in it: these came in as other studies, of another "
    "source, or before their list or table was there, and stay so. Only a new WRIST_HOME reads them as it says now."
)
_DOUBTED_OTHERWISE = (
    "%d studies that the source doubts stand as an earlier ingest or a person decided, not as --uncertain says now: "
    "`wrist exclude ID` or `wrist exclude ID --undo`."
)


@task(
    name="catalogue",
    task_run_name="catalogue files",
    tags=["catalogue"],
    **TRANSIENT,
)
def catalogue(
    places: list[sources_toml.Root],
    rule: SplitRecipe,
    jobs: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    cluster: str | None = None,
    max_frames: int = DEFAULT_MAX_FRAMES,
) -> dict[str, Any]:
    """Writes images, quarantined files and one ingest run a place; gives the counts by outcome, reason and look, of
    boxes too, and `refused`: why a place was not catalogued, such as a list that can't be read. One place alone raises
    that itself."""
    if cluster is None:
        decode_pool.warm()
    examiner = partial(on_cluster, address=cluster) if cluster else decode_pool.examined
    engine = open_catalogue()
    total: dict[str, int] = {}
    reasons: dict[str, int] = {}
    suspicious: dict[str, int] = {}
    regions: dict[str, int] = {}
    box_reasons: dict[str, int] = {}
    refused: list[str] = []
    for place in places:
        with progress("ingest") as tell, requests.unnamed(places):
            try:
                done = catalogue_files(
                    [place.path],
                    home=home(),
                    engine=engine,
                    rule=rule,
                    provenance=provenance(),
                    reading=_reading(place),
                    decoding=Decoding(jobs, max_pixels, max_frames, examiner),
                    progress=tell,
                )
            except (DataError, UsageError) as error:
                if len(places) == 1 and not isinstance(error, PlaceRefused):
                    raise
                refused.append(requests.hidden(error, places))
                continue
        for into, more in (
            (total, {**asdict(done.counts), "seen": done.counts.seen}),
            (reasons, done.reasons),
            (suspicious, done.suspicious),
            (regions, done.regions),
            (box_reasons, done.box_reasons),
        ):
            for name, number in more.items():
                into[name] = into.get(name, 0) + number
        for number, said in (
            (done.elsewhere, _ELSEWHERE),
            (done.labelled_otherwise, _LABELLED_OTHERWISE),
            (done.named_otherwise, _NAMED_OTHERWISE),
            (done.doubted_otherwise, _DOUBTED_OTHERWISE),
        ):
            if number:
                get_run_logger().warning(said, number)
        if done.changed:
            get_run_logger().warning(
                "%d files changed on disk since they were catalogued; the earlier records stay.", len(done.changed)
            )
    get_run_logger().info(
        "Ingest: %s", ", ".join(f"{number} {name}" for name, number in total.items() if number or name == "seen")
    )
    found = {"reasons": reasons, "suspicious": suspicious, "regions": regions, "refused_boxes": box_reasons}
    return {**total, **found, "refused": refused}


def _reading(place: sources_toml.Root) -> Reading:
    said = asdict(place)
    del said["path"]
    return Reading(**{**said, "body_part": place.body_part.upper()})


def places(
    paths: list[str] | None,
    labels: list[str] | None,
    source: str | None,
    body_part: str,
    distinct_patients: bool = False,
    uncertain: Uncertain = "exclude",
    follow_links: bool = False,
    designation: str | None = None,
) -> list[sources_toml.Root]:
    """What to ingest: the given paths, or the remembered roots. Raises UsageError when there are neither.

    labels: one CSV for all paths, or one for each path ("" for none).
    """
    for file in filter(None, labels or ()):
        require_data(file, "--labels")
    for path in paths or ():
        require_data(path, "PATH")
    if paths:
        each = labels or [""]
        if len(each) not in (1, len(paths)):
            raise UsageError(f"{len(each)} label files for {len(paths)} paths; give one for all, or one for each.")
        each = each * len(paths) if len(each) == 1 else each
        return [
            sources_toml.Root(
                path, file or None, source, body_part, distinct_patients, uncertain, follow_links, designation
            )
            for path, file in zip(paths, each, strict=True)
        ]
    if designation is not None:
        raise UsageError(f"{designation!r} designates a source: give the path of what is to be a hold-out.")
    remembered = list(sources_toml.read(home()))
    if not remembered:
        raise UsageError("No path given and none remembered. Give a path, or `wrist ingest PATH --remember` once.")
    return remembered


def with_more(places: list[sources_toml.Root], boxes: str | None, label_meaning: str | None) -> list[sources_toml.Root]:
    """The places with what their positive labels say, and the one place with a file or folder of boxes that people drew
    on its pictures, where they are given. Raises UsageError for boxes of several places, or a file of Wrist's own."""
    if label_meaning is not None:
        places = [replace(place, label_meaning=label_meaning) for place in places]
    if boxes is None:
        return places
    require_data(boxes, "--boxes")
    if len(places) != 1:
        raise UsageError("--boxes goes with one path: that of its pictures.")
    return [replace(places[0], boxes=boxes)]


def enough_labels(recipe: Recipe) -> int:
    """How many labelled studies have come since the newest data-set version, or 0 when too few for a retrain."""
    waiting = datasets.new_labelled_studies(open_catalogue())
    return waiting if waiting >= recipe.drift.new_labelled_studies else 0
