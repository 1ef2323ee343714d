"""Catalogue files: find them, examine them in worker processes, write what they are from this one process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from db import catalogue_settings, designations, ingest_runs, known_files, patient_identity, shared_numbers
from db.home import identity_key_file, pixel_folder
from db.unended_runs import resource
from tasks.compute import decode_pool
from tasks.disk_space import require_room
from tasks.ingest_boxes import catalogue_boxes
from tasks.ingest_stated import take_statements
from tasks.ingest_writer import Ingested, Ledger
from tasks.runtime.lease import kept
from tasks.shared_numbers import Listed
from wrist_model import regular_file
from wrist_model.boxes import box_files
from wrist_model.errors import DataError, OtherDesignation, PlaceRefused, SharedPatients, UsageError
from wrist_model.intake.examine_file import Context, Examined, Task
from wrist_model.intake.storable_text import is_pseudonym, printable
from wrist_model.radiograph import decode
from wrist_model.radiograph.picture import DEFAULT_MAX_FRAMES
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Progress, Provenance
from wrist_model.sources.recognise_source import Plan, find, settle, within
from wrist_model.sources.source_item import Item, Uncertain

BATCH = 128
HOLD_SECONDS = 0.5
"""Files a transaction, and how long fewer are held back: half of what a transaction costs doesn't depend on them."""

Examiner = Callable[[Iterable[Task], Context, int], Iterator[tuple[Examined, ...]]]


@dataclass(frozen=True)
class Reading:
    """How the files of a place are read. source: name space of its identifiers, none: by the place; labels: a CSV.
    distinct_patients: patient numbers that other sources have, too, are other people's. uncertain: what becomes of
    studies whose label the source itself doubts. follow_links: out of the place. designation: the whole source is a
    hold-out (`recognise_source.designation_of`). boxes: a file or folder of boxes that people drew on its pictures.
    label_meaning: what a positive label says, where the source itself doesn't tell.
    """

    source: str | None = None
    labels: Path | str | None = None
    body_part: str = "WRIST"
    distinct_patients: bool = False
    uncertain: Uncertain = "exclude"
    follow_links: bool = False
    designation: str | None = None
    boxes: Path | str | None = None
    label_meaning: str | None = None


@dataclass(frozen=True)
class Decoding:
    """How files are decoded. jobs: processes, none: all cores; files of more than max_pixels or max_frames are refused;
    examiner: where it is done, in a pool of processes here or by `tasks.compute.dask_decode.examined`."""

    jobs: int | None = None
    max_pixels: int = decode.DEFAULT_MAX_PIXELS
    max_frames: int = DEFAULT_MAX_FRAMES
    examiner: Examiner = decode_pool.examined


def catalogue_files(
    paths: Sequence[Path | str],
    *,
    home: Path,
    engine: Engine,
    rule: SplitRecipe,
    provenance: Provenance,
    reading: Reading = Reading(),
    decoding: Decoding = Decoding(),
    progress: Progress | None = None,
) -> Ingested:
    """Catalogue everything at paths; every file seen ends in one of the counts.

    Safe to kill and to run again: each batch of files is one transaction, and a file that is catalogued costs a stat.
    Raises UsageError for a path that isn't there, DataError for one with no files, before anything is written;
    SharedPatients for a list whose patients another source has (tasks.shared_numbers), OtherMeaning for a place whose
    labels mean something else than its source's, OtherDesignation for one whose source is a hold-out otherwise, after
    the other paths; DiskNearlyFull at any time.
    """
    begun = time.monotonic()
    require_room(home)
    key = IdentityKey.load_or_make(identity_key_file(home))
    catalogue_settings.remember_key(engine, key.fingerprint, provenance)
    rule = SplitRecipe(**catalogue_settings.remember_split_rule(engine, asdict(rule), provenance))  # type: ignore[arg-type]
    how = asdict(reading)
    boxes = how.pop("boxes")
    plans = placed(engine, paths, **how)
    if boxes is not None:
        if len(plans) != 1:
            raise UsageError("--boxes goes with one path: its pictures.")
        next(box_files.find(boxes, reading.follow_links))
    for plan in plans:
        if next(iter(plan.items()), None) is None:
            raise DataError(f"{plan.start}: no files there. Give a folder that holds images, or a list of them.")
    done, refused = Ingested(), list[PlaceRefused]()
    for plan in plans:
        plan, root, known = settled(engine, plan, key)
        try:
            patients = Listed(engine, plan, known, key, provenance)
            catalogue_settings.remember_label_meaning(engine, plan.source, plan.label_meaning, provenance)
            if plan.designation is not None:
                _designate(engine, plan, reading.source, provenance)
        except PlaceRefused as error:
            refused.append(error)
            continue
        context = Context(
            key=key,
            rule=rule,
            pixels=str(pixel_folder(home)),
            root=root,
            source=plan.source,
            body_part=plan.body_part,
            private=plan.private,
            max_pixels=decoding.max_pixels,
            max_frames=decoding.max_frames,
            labels=plan.labels,
            other_sources=patients.names,
            uncertain=plan.uncertain,
        )
        run_id = ingest_runs.begin_ingest(engine, plan.source, provenance)
        done.ingest_run_ids.append(run_id)
        ledger = Ledger(engine, run_id, done, provenance, progress, sum(1 for _ in plan.items()) if progress else 0)
        ledger.before_each_batch = patients.look_again
        try:
            _catalogue_place(plan, known, context, decoding, ledger, patients, boxes)
        except SharedPatients as error:  # of another ingest, that began meanwhile
            refused.append(error)
    if refused:
        raise type(refused[0])("\n".join(map(str, refused)))
    done.seconds = time.monotonic() - begun
    return done


def _designate(engine: Engine, plan: Plan, named: str | None, by: Provenance) -> None:
    """Store that a place's whole source is a hold-out. Raises OtherDesignation for a name that every such place has."""
    if named is None and plan.shares_its_name:
        raise OtherDesignation(
            f"{plan.start}: nobody named its source, and {plan.source!r} is what every folder of its kind is called. "
            "Give what is to be a hold-out a name of its own: --source NAME."
        )
    designations.designate(engine, plan.source, str(plan.designation), by)


def placed(engine: Engine, paths: Sequence[Path | str], **how: Any) -> list[Plan]:
    """`find`, within the roots that are catalogued, or that stand earlier among the paths."""
    roots, plans = known_files.roots(engine), []
    for path in paths:
        plans.append(within(find(path, **how), roots))
        roots.add(str(plans[-1].root))
    return plans


def settled(engine: Engine, plan: Plan, key: IdentityKey) -> tuple[Plan, str, dict[str, known_files.KnownFile]]:
    """The plan with its privacy and source name, its root as the catalogue names it, and the files known below that.

    The folder of a single file is named by nobody, and may tell who somebody is: where paths are private it is a
    pseudonym, unless it is catalogued already.
    """
    root = str(plan.root)
    known = known_files.known_files(engine, root)
    plan = settle(plan, known, any(map(is_pseudonym, known)))
    if plan.private and not known and regular_file.is_file(plan.start):
        root = key.path(root)
        known = known_files.known_files(engine, root)
    return plan, root, known


def studies_at(
    engine: Engine, home: Path, paths: Sequence[Path | str], source: str | None = None
) -> dict[str, list[str]]:
    """study_uid → stored paths of the catalogued images that lie at these paths, below them, or in these lists."""
    key = IdentityKey.load_or_make(identity_key_file(home))
    found: dict[str, list[str]] = {}
    for plan in placed(engine, paths, source=source):
        names = {name for item in plan.items() for name in (printable(item.relative), key.path(item.relative))}
        for root in (str(plan.root), key.path(str(plan.root))):
            for study, stored in known_files.studies_at(engine, root, names).items():
                found.setdefault(study, []).extend(stored)
    return found


def _catalogue_place(
    plan: Plan,
    known: dict[str, known_files.KnownFile],
    context: Context,
    decoding: Decoding,
    ledger: Ledger,
    listed: Listed,
    boxes: str | None,
) -> None:
    """One ingest run, from its first file to its stored end. listed: a list's patients."""
    begun, engine, done, by = time.monotonic(), ledger.engine, ledger.done, ledger.by
    status: Literal["finished", "failed"] = "failed"
    with kept(engine, resource("ingest", ledger.run_id)):
        try:
            for _, items in groupby(plan.items(), key=lambda item: item.split):  # a list's strictest split first
                pending = _pending(items, known, context, ledger)
                for results in _batches(decoding.examiner(pending, context, decoding.jobs or decode_pool.cores())):
                    ledger.write(results)
            if patients := listed.met(engine):
                shared_numbers.remember(engine, patients, by)
            take_statements(ledger, context)
            done.elsewhere += designations.elsewhere(engine, context.root, ledger.said) if ledger.said else 0
            catalogue_boxes(ledger, plan, context, boxes)
            ledger.report("catalogued")
            status = "finished"
        finally:
            done.counts += ledger.counts
            ingest_runs.finish_ingest(engine, ledger.run_id, ledger.counts, time.monotonic() - begun, status)


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
    items: Iterable[Item], known: dict[str, known_files.KnownFile], context: Context, ledger: Ledger
) -> Iterator[Task]:
    """The files that have to be opened; all others are counted on the way."""
    unread = patient_identity.unread_paths(ledger.engine, context.root)
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
            if same and was.reason_code not in known_files.LOOK_AGAIN:
                ledger.reasons[was.reason_code] += 1
                ledger.count(quarantined=1)
            else:
                yield Task(item)
        elif same:
            if item.split is not None:
                ledger.said[_stored(item, known, context)] = item.split
            if item.doubt is not None:
                ledger.doubts[item.study or item.relative] = item.doubt
            if (label := item.label_by(context.uncertain)) is not None:
                ledger.stated[item.study or item.relative] = label
            if unread and _stored(item, known, context) in unread:
                yield Task(item, was.file_sha256, header=True)
            else:
                ledger.count(unchanged=1)
        else:
            yield Task(item, was.file_sha256)


def known_as(item: Item, known: dict[str, known_files.KnownFile], context: Context) -> known_files.KnownFile | None:
    """What is known of a file, under its plain path or its pseudonym."""
    return known.get(_stored(item, known, context)) if known else None


def _stored(item: Item, known: dict[str, known_files.KnownFile], context: Context) -> str:
    """The path under which an item is known, if it is."""
    path = printable(item.relative)
    return path if path in known else context.key.path(item.relative)


def _is_same(item: Item, was: known_files.KnownFile) -> bool:
    try:
        facts = os.stat(item.path)  # noqa: PTH116 (twice as fast, and an unchanged file costs little else)
    except (OSError, ValueError):
        return False
    return (facts.st_size, facts.st_mtime_ns) == (was.size, was.mtime_ns)
