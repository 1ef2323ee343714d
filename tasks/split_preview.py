"""The split as it would be frozen now, and what the guard finds: for `wrist split`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from db import datasets, near_duplicates, shared_numbers
from db.engine import open_catalogue
from tasks.near_duplicates import link_near_duplicates
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from wrist_model.cohort import leak_guard
from wrist_model.cohort.leak_guard import GuardReport
from wrist_model.errors import DataError


def preview_split() -> dict[str, Any]:
    """Counts by split, what is left out and why, and the guard's sentence. Raises DataError on an empty catalogue."""
    engine = open_catalogue()
    with progress("near-duplicates") as tell:
        link_near_duplicates(engine, provenance(), tell)
    near = near_duplicates.near_duplicates(engine)
    found = datasets.candidates(engine)
    if not found:
        raise DataError("Nothing is catalogued: `wrist ingest PATH` first.")
    report = leak_guard.guard(leak_guard.decide(found, near), found, near)
    return {
        "splits": [_row(split, None, *counts) for split, *counts in report.counts]
        + [_row("test", name, *counts) for name, *counts in report.external],
        "left_out": dict(report.excluded),
        "guard": sentence(report),
        "kept_apart": [asdict(finding) for finding in report.kept_apart],
        "same_numbers": [asdict(both) for both in shared_numbers.shared_numbers(engine)],
        "image_split_leak_rate": report.image_split_leak_rate,
    }


def _row(split: str, hold_out: str | None, patients: int, studies: int, images: int, positive: int) -> dict[str, Any]:
    return {
        "split": split,
        "hold_out": hold_out,
        "patients": patients,
        "studies": studies,
        "images": images,
        "positive_images": positive,
        "positive_share": positive / images if images else None,
    }


def counted(report: GuardReport) -> tuple[tuple[str, int, int, int, int], ...]:
    """split (or `external NAME`), patients, studies, images, positive images."""
    return (*report.counts, *((f"external {row[0]}", *row[1:]) for row in report.external))


def sentence(report: GuardReport) -> str:
    """What the guard found, in a line."""
    state = f"{len(report.leaks)} LEAKS" if report.leaks else "no patient or picture stands in two splits"
    apart = f"; {len(report.kept_apart)} links between splits were broken" if report.kept_apart else ""
    rate = report.image_split_leak_rate
    leak = f"; splitting by image would have leaked into {rate:.0%} of the test images" if rate is not None else ""
    return f"{state}{apart}{leak}"
