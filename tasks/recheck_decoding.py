"""Would catalogued files decode otherwise now? Name them; and, when asked, take them as new image rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from db import exclusions, ingest_runs, known_files
from db import images as image_rows
from db.engine import open_catalogue, writing
from db.home import home, identity_key_file, pixel_folder
from db.unended_runs import resource
from tasks.compute import decode_pool
from tasks.ingest import places
from tasks.ingest_files import known_as, placed, settled
from tasks.ingest_writer import why_refused
from tasks.runtime.lease import kept
from tasks.runtime.provenance import provenance
from wrist_model.intake.examine_file import Context, Examined, Task
from wrist_model.radiograph.decode import RULE
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.recipe import SplitRecipe, load
from wrist_model.records import ImageRecord, IngestCounts, Provenance
from wrist_model.sources.recognise_source import Plan


@dataclass(frozen=True)
class Difference:
    """A file that would decode otherwise. was, now: pixels, or the reason why it was or is refused.

    image_uid: the catalogued image, None where there was none. taken_as: the new image, where it was taken. refused:
    why it could not be.
    """

    path: str
    was: str
    now: str
    image_uid: str | None = None
    taken_as: str | None = None
    refused: str | None = None


def recheck(
    paths: Sequence[Path | str],
    where: Path,
    engine: Engine,
    by: Provenance,
    rule: SplitRecipe,
    *,
    take: bool = False,
    source: str | None = None,
    body_part: str = "WRIST",
) -> tuple[Difference, ...]:
    """Decode every known file at paths again that hasn't changed, by today's rule.

    take: a differing image becomes a new row, and the old one is left out of later data-set versions; a file that was
    refused is catalogued. One that is refused now keeps its row: it is read by the rule it was catalogued by. Without
    take nothing is written.
    """
    key, found = IdentityKey.load_or_make(identity_key_file(where)), list[Difference]()
    for plan in placed(engine, paths, source=source, body_part=body_part):
        plan, root, known = settled(engine, plan, key)
        context = Context(
            key,
            rule,
            str(pixel_folder(where)),
            root,
            plan.source,
            plan.body_part,
            plan.private,
            store_pixels=take,
        )
        tasks = _tasks(plan, known, context)
        begun, run, new = time.monotonic(), None, 0
        with ExitStack() as stack:
            for results in decode_pool.examined(tasks, context, decode_pool.cores()):
                differing = [one for result in results for one in _differences(engine, result, known, context)]
                if take and any(record is not None for _, record in differing):
                    if run is None:
                        run = ingest_runs.begin_ingest(engine, plan.source, by)
                        stack.enter_context(kept(engine, resource("ingest", run)))
                    taken = _take(engine, run, differing, by)
                    new += sum(one.taken_as is not None for one in taken)
                else:
                    taken = [one for one, _ in differing]
                found += taken
            if run is not None:
                ingest_runs.finish_ingest(engine, run, IngestCounts(new=new), time.monotonic() - begun)
    return tuple(found)


def _take(
    engine: Engine, run: str, differing: Sequence[tuple[Difference, ImageRecord | None]], by: Provenance
) -> list[Difference]:
    """Catalogue what would be read otherwise now, and leave out the rows before it, in one transaction; what an ingest
    would refuse keeps its row, and what a person left out stays out, for the same reason."""
    done = []
    with writing(engine) as connection:
        records = [record for _, record in differing if record is not None]
        outcomes = image_rows.add_images(connection, run, records, anew=True)
        for one, record in differing:
            if record is None:
                done.append(one)
            elif outcomes[record.image_uid] != "new":
                done.append(replace(one, refused=why_refused(outcomes[record.image_uid])))
            else:
                done.append(replace(one, taken_as=record.image_uid))
                if one.image_uid:
                    left_out = exclusions.left_out(connection, one.image_uid)
                    reason = left_out or f"decoded anew by rule {RULE} as {record.image_uid}"
                    exclusions.exclude(connection, record.image_uid if left_out else one.image_uid, reason, by)
    return done


def _tasks(plan: Plan, known: dict[str, known_files.KnownFile], context: Context) -> Iterator[Task]:
    for item in plan.items():
        if not (item.ignored or item.filtered or item.refused) and known_as(item, known, context) is not None:
            yield Task(item)


def _differences(
    engine: Engine, result: Examined, known: dict[str, known_files.KnownFile], context: Context
) -> Iterator[tuple[Difference, ImageRecord | None]]:
    """What differs about one file, each with the record that would be new."""
    was = known.get(result.path)
    if was is None:
        return
    if result.quarantined is not None:
        now = result.quarantined.reason_code
        if was.reason_code is None and result.quarantined.file_sha256 == was.file_sha256:
            yield Difference(result.path, "pixels", now), None
        elif was.reason_code not in (None, now):
            yield Difference(result.path, str(was.reason_code), now), None
        return
    stored = image_rows.newest_readings(engine, [record.image_uid for record in result.images])
    for record in result.images:
        if record.file_sha256 != was.file_sha256:
            continue  # the file has changed, not its reading
        if was.reason_code is not None:
            yield Difference(result.path, was.reason_code, "pixels"), record
        elif (newest := stored.get(record.image_uid)) and newest.pixel_sha256 != record.pixel_sha256:
            uid = context.key.image(context.source, record.study_uid, f"{record.image_uid}#rule {RULE}")
            if uid != newest.image_uid:
                yield Difference(result.path, "pixels", "pixels", newest.image_uid), replace(record, image_uid=uid)


def recheck_places(paths: list[str] | None, source: str | None, body_part: str, take: bool) -> tuple[Difference, ...]:
    """`recheck` of the given paths, or of the remembered roots, in the catalogue at WRIST_HOME."""
    engine, rule = open_catalogue(existing=True), load("report").split
    return tuple(
        one
        for place in places(paths, None, source, body_part)
        for one in recheck(
            [place.path], home(), engine, provenance(), rule, take=take, source=place.source, body_part=place.body_part
        )
    )


def as_rows(found: Sequence[Difference]) -> list[dict[str, str | None]]:
    return [asdict(one) for one in found]
