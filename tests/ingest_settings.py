"""Keywords of an ingest grouped as `catalogue_files` takes them."""

from __future__ import annotations

from typing import Any

from tasks.ingest_files import Decoding, Reading


def settings(**how: Any) -> dict[str, Any]:
    """Those of Reading and Decoding, by name; others pass as they are."""
    asked = ("source", "labels", "body_part", "distinct_patients", "uncertain", "follow_links", "designation", "boxes")
    asked += ("label_meaning",)
    reading = {name: how.pop(name) for name in asked if name in how}
    decoding = {name: how.pop(name) for name in ("jobs", "max_pixels", "max_frames", "examiner") if name in how}
    return {**how, "reading": Reading(**reading), "decoding": Decoding(**decoding)}
