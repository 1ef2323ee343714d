"""What an ingest writes and counts: one transaction a batch of files, each file counted once by its outcome."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine

from db import quarantine, shared_numbers
from db.engine import writing
from db.images import add_images
from db.patient_identity import remember_pseudonyms
from tasks.disk_space import require_room
from wrist_model.intake.examine_file import CHANGED, FILTERED, IGNORED, IMAGES, UNCHANGED, Examined
from wrist_model.records import IngestCounts, Progress, Provenance, QuarantinedFile, Split
from wrist_model.sources.recognise_source import Labels

REPORT_SECONDS = 0.2
"""The shortest time between two reports of progress."""


@dataclass
class Ingested:
    """What an ingest did: counts over all paths, how many files each reason quarantined, and which files changed."""

    counts: IngestCounts = field(default_factory=IngestCounts)
    reasons: Counter[str] = field(default_factory=Counter)
    changed: list[str] = field(default_factory=list)
    suspicious: Counter[str] = field(default_factory=Counter)  # new images that look wrong though they decoded
    ingest_run_ids: list[str] = field(default_factory=list)
    elsewhere: int = 0  # catalogued images that a list holds out, of patients who stand in a split that gives way
    labelled_later: int = 0  # studies that had never had a label, and that the source labels now
    labelled_otherwise: int = 0  # studies whose only label is another than their source says now
    named_otherwise: int = 0  # studies of the source whose files are catalogued as other studies'
    doubted_otherwise: int = 0  # doubted studies that stand otherwise than `uncertain` takes new ones
    regions: Counter[str] = field(default_factory=Counter)  # boxes stored (new), or standing as they did (unchanged)
    box_reasons: Counter[str] = field(default_factory=Counter)  # how many boxes each reason refused
    seconds: float = 0.0


class Ledger:
    """The single writer of one ingest run. Of images that are as they were: stated, the source's name of their study →
    the label that it states; doubts, → why it doubts that; said, their stored path → the split that a list puts them
    into."""

    def __init__(
        self, engine: Engine, run_id: str, done: Ingested, by: Provenance, progress: Progress | None, total: int
    ) -> None:
        self.engine, self.run_id, self.done, self.by = engine, run_id, done, by
        self.home = Path(engine.get_execution_options()["wrist_home"])
        self.counts, self.progress, self.total = IngestCounts(), progress, total
        self.reasons = done.reasons
        self.stated: Labels = {}
        self.doubts: dict[str, str] = {}
        self.said: dict[str, Split] = {}
        self.before_each_batch: Callable[[Connection], None] = lambda _: None  # in its transaction; may refuse the rest
        self._reported, self.begun = 0.0, time.monotonic()

    def count(self, **more: int) -> None:
        self.counts = replace(self.counts, **{name: getattr(self.counts, name) + n for name, n in more.items()})
        self._report_at_times()

    def write(self, results: Sequence[Examined]) -> None:
        """Write a batch's images, refusals and what its patients are called elsewhere; count each file once, by what
        the catalogue made of it.

        Raises DiskNearlyFull before it writes.
        """
        require_room(self.home)
        images = [image for result in results for image in result.images]
        refused = [result.quarantined for result in results if result.quarantined is not None]
        numbers = [result.number for result in results if result.number is not None]
        patients = dict(result.patient for result in results if result.patient is not None)
        with writing(self.engine) as connection:
            self.before_each_batch(connection)
            outcomes = add_images(connection, self.run_id, images) if images else {}
            became = [_outcome(result, outcomes) for result in results]
            refused += [_refused(*one) for one in zip(results, became, strict=True) if one[1] in _REFUSED]
            if patients:
                remember_pseudonyms(connection, patients, self.by)
            if numbers:
                shared_numbers.remember(connection, numbers, self.by)
            if refused:
                quarantine.add_quarantined(connection, self.run_id, refused)
        totals = Counter("quarantined" if name in _REFUSED else name for name in became)
        self.done.changed += [
            result.path
            for result in results
            if CHANGED in (result.outcome, *(outcomes[image.image_uid] for image in result.images))
        ]
        self.done.suspicious.update(
            image.suspicious for image in images if image.suspicious and outcomes[image.image_uid] == "new"
        )
        self.reasons.update(row.reason_code for row in refused)
        self.count(
            new=totals["new"],
            unchanged=totals[UNCHANGED],
            changed=totals[CHANGED],
            filtered=totals[FILTERED],
            ignored=totals[IGNORED],
            quarantined=totals["quarantined"],
        )

    def _report_at_times(self) -> None:
        now = time.monotonic()
        if now - self._reported > REPORT_SECONDS:
            self._reported = now
            self.report()

    def report(self, note: str = "") -> None:
        if self.progress is not None:
            counts = self.counts
            parts = [f"{getattr(counts, name)} {name}" for name in counts.__dataclass_fields__ if getattr(counts, name)]
            seconds = max(time.monotonic() - self.begun, 1e-3)
            parts.append(f"{counts.seen / seconds:,.0f} files/s")
            if 0 < counts.seen < self.total:
                left = timedelta(seconds=round(seconds / counts.seen * (self.total - counts.seen)))
                parts.append(f"{left} left")
            self.progress("ingest", counts.seen, max(self.total, counts.seen), ", ".join(filter(None, [*parts, note])))


_REFUSED = {
    "conflicting": (
        "conflicting_identity",
        "Files of its study state two PatientIDs (0010,0020), so whose it is isn't known. Correct them where they come "
        "from, or `wrist merge-patients A B` where both are one person; then ingest again.",
    ),
    "straddling": (
        "conflicting_split",
        "Its list or source puts it in {split}, and its patient stands in a split that gives way to that; patients "
        "never move. List its patient where it stands, or leave the patient out with `wrist exclude`.",
    ),
    "taken": (
        "name_taken",
        "The source {source!r} already has another file of this name from another folder; "
        "give this folder a source name of its own with --source or, where the patients are the same people, list the "
        "files from the folder above both, so that their paths differ.",
    ),
}
"""Outcome in the catalogue → why such a file is refused."""


def why_refused(outcome: str) -> str:
    """The reason code of an outcome in the catalogue; the outcome itself where it refuses nothing."""
    return _REFUSED[outcome][0] if outcome in _REFUSED else outcome


def _outcome(result: Examined, outcomes: Mapping[str, str]) -> str:
    """What the catalogue made of a file, by the outcome of each of its images: refused before changed before new."""
    if result.outcome != IMAGES:
        return result.outcome
    found = {outcomes[image.image_uid] for image in result.images}
    return next(name for name in (*_REFUSED, "changed", "new", "unchanged") if name in found)


def _refused(result: Examined, outcome: str) -> QuarantinedFile:
    image = result.images[0]
    code, reason = _REFUSED[outcome]
    return QuarantinedFile(
        image.root,
        image.path,
        image.file_sha256,
        image.file_size,
        image.file_mtime_ns,
        code,
        reason.format(source=image.source, split=image.split),
    )
