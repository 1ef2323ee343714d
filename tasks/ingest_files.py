"""Catalogue files: find them, examine them in worker processes, write what they are from this one process."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from db import ingest_runs, known_files, patients, quarantine, studies
from db import labels as labelling
from db.images import add_images
from tasks.compute import decode_pool
from tasks.runtime.heartbeat import alive
from wrist_model.errors import DataError
from wrist_model.intake.examine_file import (
    CHANGED,
    FILTERED,
    IGNORED,
    IMAGES,
    QUARANTINED,
    UNCHANGED,
    Context,
    Examined,
    Task,
    is_pseudonym,
    printable,
)
from wrist_model.radiograph import decode
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.recipe import SplitRecipe
from wrist_model.records import IngestCounts, Progress, Provenance, QuarantinedFile
from wrist_model.sources.item import Item
from wrist_model.sources.plan import Labels, Plan, find, settle, within

AGAIN = frozenset({"decompression_bomb", "missing_file", "unreadable", "name_taken"})
"""Reasons for which a quarantined file is looked at again though it hasn't changed: a setting or the place may have."""

BATCH = 128
HOLD_SECONDS = 0.5
"""Files a transaction, and how long fewer are held back: half of what a transaction costs doesn't depend on them."""

Examiner = Callable[[Iterable[Task], Context, int], Iterator[tuple[Examined, ...]]]


@dataclass
class Ingested:
    """What an ingest did: counts over all paths, how many files each reason quarantined, and which files changed."""

    counts: IngestCounts = field(default_factory=IngestCounts)
    reasons: Counter[str] = field(default_factory=Counter)
    changed: list[str] = field(default_factory=list)
    suspicious: Counter[str] = field(default_factory=Counter)  # new images that look wrong though they decoded
    ingest_run_ids: list[str] = field(default_factory=list)
    labelled_later: int = 0  # studies that had never had a label, and that the source labels now
    seconds: float = 0.0


def catalogue_files(
    paths: Sequence[Path | str],
    *,
    home: Path,
    engine: Engine,
    rule: SplitRecipe,
    provenance: Provenance,
    source: str | None = None,
    labels: Path | str | None = None,
    body_part: str = "WRIST",
    jobs: int | None = None,
    max_pixels: int = decode.DEFAULT_MAX_PIXELS,
    progress: Progress | None = None,
    examiner: Examiner = decode_pool.examined,
) -> Ingested:
    """Catalogue everything at paths; every file seen ends in one of the counts.

    Safe to kill and to run again: each batch of files is one transaction, and a file that is catalogued costs a stat.
    examiner: where files are examined: a pool of `jobs` processes here, or tasks.cluster.examined.
    Raises UsageError for a path that isn't there, DataError for one with no files, before anything is written.
    """
    begun = time.monotonic()
    key = IdentityKey.load_or_make(home)
    patients.remember_key(engine, key.fingerprint, provenance)
    patients.remember_split_rule(engine, asdict(rule), provenance)
    plans = placed(engine, paths, source=source, body_part=body_part, labels=labels)
    for plan in plans:
        if next(iter(plan.items()), None) is None:
            raise DataError(f"{plan.start}: no files there. Give a folder that holds images, or a list of them.")
    done = Ingested()
    for plan in plans:
        _one(
            plan, key, home, engine, rule, provenance, jobs or decode_pool.cores(), max_pixels, progress, examiner, done
        )
    done.seconds = time.monotonic() - begun
    return done


def placed(engine: Engine, paths: Sequence[Path | str], **how: Any) -> list[Plan]:
    """`find`, within the roots that are catalogued, or that stand earlier among the paths."""
    roots, plans = known_files.roots(engine), []
    for path in paths:
        plans.append(within(find(path, **how), roots))
        roots.add(str(plans[-1].root))
    return plans


def studies_at(
    engine: Engine, home: Path, paths: Sequence[Path | str], source: str | None = None
) -> dict[str, list[str]]:
    """study_uid → stored paths of the catalogued images that lie at these paths, below them, or in these lists."""
    key = IdentityKey.load_or_make(home)
    found: dict[str, list[str]] = {}
    for plan in placed(engine, paths, source=source):
        names = {name for item in plan.items() for name in (printable(item.relative), key.path(item.relative))}
        for study, stored in studies.studies_at(engine, str(plan.root), names).items():
            found.setdefault(study, []).extend(stored)
    return found


def _one(
    plan: Plan,
    key: IdentityKey,
    home: Path,
    engine: Engine,
    rule: SplitRecipe,
    provenance: Provenance,
    jobs: int,
    max_pixels: int,
    progress: Progress | None,
    examiner: Examiner,
    done: Ingested,
) -> None:
    begun = time.monotonic()
    known = known_files.known_files(engine, str(plan.root))
    plan = settle(plan, known, any(map(is_pseudonym, known)))
    context = Context(
        key=key,
        rule=rule,
        home=str(home),
        root=str(plan.root),
        source=plan.source,
        body_part=plan.body_part,
        private=plan.private,
        max_pixels=max_pixels,
        labels=plan.labels,
    )
    run_id = ingest_runs.begin_ingest(engine, plan.source, provenance)
    done.ingest_run_ids.append(run_id)
    ledger = _Ledger(engine, run_id, context, done, progress, sum(1 for _ in plan.items()) if progress else 0)
    status: Literal["finished", "failed"] = "failed"
    try:
        with alive(run_id, engine):
            for results in _batches(examiner(_pending(plan.items(), known, context, ledger), context, jobs)):
                ledger.write(results)
            done.labelled_later += _label_later(engine, ledger.stated | plan.labels, context, provenance)
        ledger.tell("catalogued")
        status = "finished"
    finally:
        done.counts += ledger.counts
        ingest_runs.finish_ingest(engine, run_id, ledger.counts, time.monotonic() - begun, status)


def _batches(parts: Iterable[tuple[Examined, ...]]) -> Iterator[list[Examined]]:
    """Results of chunks put together, BATCH or more at a time, or what there is after HOLD_SECONDS."""
    held: list[Examined] = []
    since = time.monotonic()
    for results in parts:
        held += results
        if len(held) >= BATCH or time.monotonic() - since > HOLD_SECONDS:
            yield held
            held, since = [], time.monotonic()
    if held:
        yield held


def _pending(
    items: Iterable[Item], known: dict[str, known_files.KnownFile], context: Context, ledger: _Ledger
) -> Iterator[Task]:
    """The files that have to be opened; all others are counted on the way."""
    for item in items:
        if item.ignored or item.filtered:
            ledger.count(ignored=int(item.ignored), filtered=int(not item.ignored))
            continue
        was = known_as(item, known, context)
        if was is None or item.refused is not None:
            yield Task(item)
            continue
        same = _is_same(item, was)
        if was.reason_code is not None:
            if same and was.reason_code not in AGAIN:
                ledger.reasons[was.reason_code] += 1
                ledger.count(quarantined=1)
            else:
                yield Task(item)
        elif same:
            if item.label is not None:
                ledger.stated[item.study or item.relative] = item.label
            ledger.count(unchanged=1)
        else:
            yield Task(item, was.file_sha256)


def _label_later(engine: Engine, stated: Labels, context: Context, by: Provenance) -> int:
    """Label catalogued studies that never had a label and that the source states one for now.

    A label that differs from an earlier one is left alone: a person corrects labels, with `wrist relabel`.
    """
    if not stated:
        return 0
    never = labelling.never_labelled(engine)
    if not never:
        return 0
    named = {context.key.study(context.source, raw): label for raw, label in stated.items() if label in (0, 1)}
    now = {uid: label for uid, label in named.items() if uid in never}
    if now:
        labelling.relabel(engine, now, "stated by the source after it was first catalogued", by)
    return len(now)


def known_as(item: Item, known: dict[str, known_files.KnownFile], context: Context) -> known_files.KnownFile | None:
    """What is known of a file, under its plain path or its pseudonym."""
    if not known:
        return None
    was = known.get(printable(item.relative))
    return was if was is not None else known.get(context.key.path(item.relative))


def _is_same(item: Item, was: known_files.KnownFile) -> bool:
    try:
        facts = os.stat(item.path)  # noqa: PTH116 (twice as fast, and an unchanged file costs little else)
    except (OSError, ValueError):
        return False
    return (facts.st_size, facts.st_mtime_ns) == (was.size, was.mtime_ns)


class _Ledger:
    """The single writer: one transaction a batch, and the counts."""

    def __init__(
        self, engine: Engine, run_id: str, context: Context, done: Ingested, progress: Progress | None, total: int
    ) -> None:
        self.engine, self.run_id, self.context, self.done = engine, run_id, context, done
        self.counts, self.progress, self.total = IngestCounts(), progress, total
        self.reasons = done.reasons
        self.stated: Labels = {}
        self._told, self.begun = 0.0, time.monotonic()

    def count(self, **more: int) -> None:
        self.counts = replace(self.counts, **{name: getattr(self.counts, name) + n for name, n in more.items()})
        self._maybe_tell()

    def write(self, results: Sequence[Examined]) -> None:
        """Write a batch's images and refusals; count each file once, by what the catalogue made of it."""
        images = [image for result in results for image in result.images]
        strangers = studies.of_other_patients(self.engine, images) if images else set()
        if strangers:
            results = [_of_another_patient(one, strangers) for one in results]
            images = [image for result in results for image in result.images]
        refused = [result.quarantined for result in results if result.quarantined is not None]
        outcomes = add_images(self.engine, self.run_id, images) if images else {}
        totals: Counter[str] = Counter()
        for result in results:
            if result.outcome == IMAGES:
                found = {outcomes[image.image_uid] for image in result.images}
                name = next(name for name in ("taken", "changed", "new", "unchanged") if name in found)
                if name == "taken":
                    refused.append(_taken(result))
                totals["quarantined" if name == "taken" else name] += 1
            else:
                totals[result.outcome] += 1
            if CHANGED in (result.outcome, *(outcomes[image.image_uid] for image in result.images)):
                self.done.changed.append(result.path)
        self.done.suspicious.update(
            image.suspicious for image in images if image.suspicious and outcomes[image.image_uid] == "new"
        )
        if refused:
            quarantine.add_quarantined(self.engine, self.run_id, refused)
        self.reasons.update(row.reason_code for row in refused)
        self.count(
            new=totals["new"],
            unchanged=totals[UNCHANGED],
            changed=totals[CHANGED],
            filtered=totals[FILTERED],
            ignored=totals[IGNORED],
            quarantined=totals["quarantined"],
        )

    def _maybe_tell(self) -> None:
        now = time.monotonic()
        if now - self._told > 0.2:
            self._told = now
            self.tell()

    def tell(self, note: str = "") -> None:
        if self.progress is not None:
            counts = self.counts
            parts = [f"{getattr(counts, name)} {name}" for name in counts.__dataclass_fields__ if getattr(counts, name)]
            seconds = max(time.monotonic() - self.begun, 1e-3)
            parts.append(f"{counts.seen / seconds:,.0f} files/s")
            if 0 < counts.seen < self.total:
                left = timedelta(seconds=round(seconds / counts.seen * (self.total - counts.seen)))
                parts.append(f"{left} left")
            self.progress("ingest", counts.seen, max(self.total, counts.seen), ", ".join(filter(None, [*parts, note])))


def _taken(result: Examined) -> QuarantinedFile:
    return _refused(
        result,
        "name_taken",
        f"The source {result.images[0].source!r} already has another file of this name from another folder; "
        "give this folder a source name of its own with --source.",
    )


def _of_another_patient(result: Examined, strangers: set[str]) -> Examined:
    if not any(image.image_uid in strangers for image in result.images):
        return result
    reason = "Its study belongs to another patient by the files before it; mend PatientID or StudyInstanceUID."
    return Examined(QUARANTINED, (), _refused(result, "conflicting_identity", reason), result.path)


def _refused(result: Examined, code: str, reason: str) -> QuarantinedFile:
    image = result.images[0]
    return QuarantinedFile(
        image.root, image.path, image.file_sha256, image.file_size, image.file_mtime_ns, code, reason
    )
