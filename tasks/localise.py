"""Measure where the maps of an evaluation's test images lie to the boxes that people drew on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from db import localisation_metrics, regions
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from wrist_model.evidence.localisation_metrics import localisation_metrics as measured
from wrist_model.evidence_records import Region
from wrist_model.records import ImageRef


@dataclass(frozen=True)
class Waiting:
    """Images whose maps are to be measured, and the boxes on them. sha256: of these boxes."""

    refs: tuple[ImageRef, ...]
    regions: dict[str, tuple[Region, ...]]
    sha256: str


def waiting(engine: Engine, evaluation_id: str, refs: Sequence[ImageRef]) -> Waiting | None:
    """What is to be measured for an evaluation; None where nothing is drawn, or these boxes were measured on before."""
    drawn = regions.regions_of(engine, [ref.image_uid for ref in refs])
    if not drawn:
        return None
    sha256 = regions.content_sha256(drawn)
    if localisation_metrics.measured_on(engine, evaluation_id) == sha256:
        return None
    return Waiting(tuple(ref for ref in refs if ref.image_uid in drawn), drawn, sha256)


def measure(engine: Engine, evaluation_id: str, wait: Waiting, network: Any, resamples: int, seed: int) -> int:
    """Write how the full map of every waiting image lies to its boxes. network: an open `Explainer`. Gives new rows."""
    from wrist_model.explanation import grad_cam, localisation

    rows = []
    with progress("localise") as tell:
        for count, (ref, pixels, heat) in enumerate(grad_cam.full_maps(network, wait.refs), start=1):
            rows += localisation.localised(ref, pixels, heat, wait.regions[ref.image_uid])
            tell("localise", count, len(wait.refs), "maps measured on boxes")
    metrics = measured(rows, resamples, seed)
    return localisation_metrics.add_localisation_metrics(engine, evaluation_id, metrics, wait.sha256, provenance())
