"""Keywords of an ingest grouped as `catalogue_files` takes them."""

from __future__ import annotations

from typing import Any

from tasks.ingest_files import Decoding, Reading


def settings(**how: Any) -> dict[str, Any]:
    """source, labels, body_part, distinct_patients, uncertain; jobs, max_pixels, examiner; others pass as they are."""
    reading = {
        name: how.pop(name)
        for name in ("source", "labels", "body_part", "distinct_patients", "uncertain")
        if name in how
    }
    decoding = {name: how.pop(name) for name in ("jobs", "max_pixels", "examiner") if name in how}
    return {**how, "reading": Reading(**reading), "decoding": Decoding(**decoding)}
