"""What a worker does with a file: read, hash, tell what it is, decode, pseudonymise. Identity never leaves here.

`examine_chunk` and everything it takes and gives is picklable: it runs in a process pool or on a Dask cluster.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from stat import S_ISREG

import numpy as np
from PIL import Image

from wrist_model import regular_file
from wrist_model.cohort import patient_split
from wrist_model.errors import Refused
from wrist_model.evidence_records import Numbered
from wrist_model.intake.pixel_store import keep
from wrist_model.intake.storable_text import printable, refuse_unstorable
from wrist_model.radiograph import composite_picture, decode, polarity, suspicious
from wrist_model.radiograph.picture import DEFAULT_MAX_FRAMES, Decoded
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.recipe import SplitRecipe
from wrist_model.records import ImageRecord, QuarantinedFile
from wrist_model.sources.recognise_source import CONFLICTING, Labels
from wrist_model.sources.source_item import SIDE_SUFFIXES, Item, Uncertain, passes

FILTERED, IGNORED, UNCHANGED, CHANGED, IMAGES, QUARANTINED = (
    "filtered",
    "ignored",
    "unchanged",
    "changed",
    "images",
    "quarantined",
)


@dataclass(frozen=True)
class Context:
    """What all files of one ingest share; sent to each worker once. pixels: the pixel store's folder."""

    key: IdentityKey
    rule: SplitRecipe
    pixels: str
    root: str
    source: str
    body_part: str = "WRIST"
    private: bool = False
    max_pixels: int = decode.DEFAULT_MAX_PIXELS
    max_frames: int = DEFAULT_MAX_FRAMES
    labels: Labels = field(default_factory=dict, repr=False)
    store_pixels: bool = True
    other_sources: tuple[str, ...] = ()  # of the catalogue, where the same patient numbers are looked for
    uncertain: Uncertain = "exclude"  # what becomes of studies whose label the source itself doubts


@dataclass(frozen=True)
class Task:
    """A file to examine. known_sha256: what was catalogued under its path, when its size or time differ now.

    header: it hasn't changed; only its header is read, for the patient's pseudonym without issuer.
    """

    item: Item
    known_sha256: str | None = None
    header: bool = False


@dataclass(frozen=True)
class Examined:
    """What became of one file: images to catalogue, or a quarantine row, or neither."""

    outcome: str
    images: tuple[ImageRecord, ...] = ()
    quarantined: QuarantinedFile | None = None
    path: str = ""  # as the catalogue names it
    patient: tuple[str, str] | None = None  # patient_key and pseudonym without issuer, of a header that was read again
    number: Numbered | None = None  # the images' patient, where other sources are catalogued
    thumbnails: tuple[np.ndarray, ...] = field(default=(), repr=False)  # of the images, until they are looked at


def examine_chunk(
    tasks: Sequence[Task], context: Context, before_each: Callable[[], object] = lambda: None
) -> tuple[Examined, ...]:
    """Examine some files; one result each, in order. Raises nothing on bad files.

    What thumbnails tell is looked at last, each thing for all of them: code that stays in the processor's cache takes
    two thirds of the time that it takes between two pictures being decoded.
    """
    results = []
    for task in tasks:
        before_each()
        results.append(examine(task, context))
    smalls = [small for result in results for small in result.thumbnails]
    several = iter([composite_picture.is_multi_view(small) for small in smalls])
    hashes = iter([perceptual_hash(small) for small in smalls])
    return tuple(_looked_at(result, several, hashes) if result.images else result for result in results)


def _looked_at(result: Examined, several: Iterator[bool], hashes: Iterator[str]) -> Examined:
    images = [replace(one, multi_view=next(several), perceptual_hash=next(hashes)) for one in result.images]
    return replace(result, images=tuple(images), thumbnails=())


@dataclass
class _Seen:
    """What is known of a file so far, so that a refusal can say it."""

    path: str
    sha256: str | None = None
    size: int | None = None
    mtime_ns: int | None = None


def examine(task: Task, context: Context) -> Examined:
    """One file; its thumbnails are still to be looked at."""
    item = task.item
    if item.ignored or item.filtered:
        return Examined(IGNORED if item.ignored else FILTERED)
    seen = _Seen(stored_path(item.relative, context))
    try:
        if item.refused is not None:
            _stat(item, seen)
            raise Refused(*item.refused)
        return _examine(task, seen, context)
    except Refused as refused:
        return Examined(QUARANTINED, (), quarantined(context, seen, refused), seen.path)
    except MemoryError:
        bomb = Refused("decompression_bomb", "It needs more memory than a file may take.")
        return Examined(QUARANTINED, (), quarantined(context, seen, bomb), seen.path)
    except Exception as error:  # whatever a file does, it costs itself alone
        said = f"The file can't be examined ({type(error).__name__}): its content is damaged."
        return Examined(QUARANTINED, (), quarantined(context, seen, Refused("damaged", said)), seen.path)


def crashed(task: Task, context: Context) -> Examined:
    """The result for a file whose decoder took the whole worker process down."""
    seen = _Seen(stored_path(task.item.relative, context))
    _stat(task.item, seen)
    refused = Refused("decoder_crashed", "The decoder died on this file, or didn't end: its content is damaged.")
    return Examined(QUARANTINED, (), quarantined(context, seen, refused), seen.path)


def quarantined(context: Context, seen: _Seen, refused: Refused) -> QuarantinedFile:
    return QuarantinedFile(
        context.root, seen.path, seen.sha256, seen.size, seen.mtime_ns, refused.reason_code, refused.reason
    )


def stored_path(relative: str, context: Context) -> str:
    """How the catalogue names a file: its path below the root, or where paths are private its pseudonym."""
    return context.key.path(relative) if context.private else printable(relative)


def _stat(item: Item, seen: _Seen) -> bool:
    """Fill in size and time; whether it is a regular file."""
    try:
        facts = os.stat(item.path)  # noqa: PTH116 (once a file)
    except (OSError, ValueError):
        return False
    if S_ISREG(facts.st_mode):
        seen.size, seen.mtime_ns = facts.st_size, facts.st_mtime_ns
    return S_ISREG(facts.st_mode)


def _examine(task: Task, seen: _Seen, context: Context) -> Examined:
    item = task.item
    if not _stat(item, seen):
        regular_file.refuse(item.path)
    if seen.size is not None and seen.size > decode.MAX_FILE_BYTES:
        raise Refused("too_large", f"The file has {seen.size} bytes; expected at most {decode.MAX_FILE_BYTES}.")
    data = decode.read_whole(item.path)
    seen.sha256 = hashlib.sha256(data).hexdigest()
    if task.known_sha256 is not None:
        same = seen.sha256 == task.known_sha256
        patient = _patient(data, context) if task.header and same else None
        return Examined(UNCHANGED if same else CHANGED, path=seen.path, patient=patient)
    kind = decode.sniff(data[: decode.SNIFF_BYTES])
    if kind is None:
        if PurePosixPath(item.relative).suffix.lower() in SIDE_SUFFIXES:
            return Examined(IGNORED, path=seen.path)
        raise decode.unrecognised(data[: decode.SNIFF_BYTES])
    if kind == "dicom":
        return _dicom(item, data, seen, context)
    if not context.private and printable(item.relative) != item.relative:
        raise Refused("unusable_name", "The file's name is not UTF-8, or longer than 1024 bytes; rename it.")
    picture = decode.decode_picture(data, kind, context.max_pixels)
    if context.private and context.store_pixels:
        keep(picture.pixels, picture.pixel_sha256, Path(context.pixels))
    study = item.study or item.relative
    facts = _Facts(
        study=study,
        patient=item.patient,
        body_part=item.body_part or "UNKNOWN",
        label=item.label_by(context.uncertain),
        view=item.view,
        sex=item.sex,
        age=item.age,
        hardware=item.hardware,
        extra=item.extra,
    )
    return _images([_record(item, picture, facts, seen, context)], seen, facts, context)


@dataclass(frozen=True)
class _Facts:
    study: str = field(repr=False)
    patient: str | None = field(repr=False)
    body_part: str
    label: int | None
    view: str | None
    sex: str | None
    age: int | None
    hardware: bool | None = None
    burned_in: bool | None = None
    maker: str | None = field(default=None, repr=False)
    extra: tuple[tuple[str, str], ...] = ()
    patient_number: str | None = field(default=None, repr=False)


def _patient(data: bytes, context: Context) -> tuple[str, str] | None:
    """The two pseudonyms of a catalogued object's patient."""
    from wrist_model.radiograph import dicom_dataset, dicom_header

    try:
        header = dicom_header.read(dicom_dataset.read(data))
    except Refused:
        return None
    key, source = context.key, context.source
    return key.patient(source, header.patient), key.patient(source, header.patient_number)


def _dicom(item: Item, data: bytes, seen: _Seen, context: Context) -> Examined:
    from wrist_model.radiograph import dicom_dataset, dicom_frames, dicom_header

    seen.path = context.key.path(item.relative)
    dataset = dicom_dataset.read(data, most_inflated=max(dicom_dataset.MOST_INFLATED, 6 * context.max_pixels))
    if dicom_header.is_directory(dataset):
        return Examined(IGNORED, path=seen.path)
    facts = dicom_header.read(dataset)
    part = item.body_part or facts.body_part
    if not passes(part, context.body_part):
        return Examined(FILTERED, path=seen.path)
    stated = [context.labels[name] for name in (facts.study, facts.accession) if name and name in context.labels]
    labels = {label for label in stated if label is not None}
    if (said := item.label_by(context.uncertain)) is not None:
        labels.add(said)
    if CONFLICTING in labels or len(labels) > 1:
        raise Refused("conflicting_label", "The labels given for this study disagree; mend the list.")
    known = _Facts(
        study=facts.study,
        patient=facts.patient,
        patient_number=facts.patient_number,
        body_part=part,
        label=labels.pop() if labels else None,
        view=facts.view or item.view,
        sex=facts.sex or item.sex,
        age=facts.age if facts.age is not None else item.age,
        hardware=item.hardware,
        burned_in=facts.burned_in,
        maker=facts.maker or None,
        extra=item.extra,
    )
    images = []
    for frame in dicom_frames.decode(dataset, context.max_pixels, context.max_frames):
        if context.store_pixels:
            keep(frame.pixels, frame.pixel_sha256, Path(context.pixels))
        images.append(_record(item, frame, known, seen, context))
    return _images(images, seen, known, context)


def _images(found: Sequence[tuple[ImageRecord, np.ndarray]], seen: _Seen, facts: _Facts, context: Context) -> Examined:
    records, smalls = zip(*found, strict=True)
    refuse_unstorable(records[0])
    number = None
    if facts.patient is not None and context.other_sources:
        alone = facts.patient if facts.patient_number is None else facts.patient_number
        number = numbered(context.key, context.source, facts.patient, alone, context.other_sources)
    return Examined(IMAGES, records, path=seen.path, number=number, thumbnails=smalls)


def numbered(key: IdentityKey, source: str, patient: str, number: str, others: Sequence[str]) -> Numbered:
    """A patient's number as hashes: under its source, by itself, and as each other source would call it."""
    return Numbered(key.patient(source, patient), key.number(number), {one: key.patient(one, number) for one in others})


def _record(
    item: Item, decoded: Decoded, facts: _Facts, seen: _Seen, context: Context
) -> tuple[ImageRecord, np.ndarray]:
    """An image's record without what its thumbnail tells, and the thumbnail."""
    key, source = context.key, context.source
    patient = facts.patient if facts.patient is not None else facts.study
    namespace = source if facts.patient is not None else source + "\\study"
    pixels = decode.pixel_sha256(decoded.pixels)
    name = item.relative if decoded.format != "dicom" else f"{item.relative}#{decoded.frame}"
    small = decoded.small if decoded.small is not None else polarity.thumbnail(decoded.pixels)
    record = ImageRecord(
        image_uid=key.image(source, facts.study, name),
        study_uid=key.study(source, facts.study),
        patient_key=key.patient(namespace, patient),
        patient_pseudonym=key.patient(source, facts.patient_number) if facts.patient_number is not None else None,
        patient_known=facts.patient is not None,
        source=source,
        body_part=facts.body_part,
        root=context.root,
        path=seen.path,
        format=decoded.format,
        frame=decoded.frame,
        file_sha256=str(seen.sha256),
        file_size=seen.size or 0,
        file_mtime_ns=seen.mtime_ns or 0,
        pixel_sha256=pixels,
        rows=decoded.pixels.shape[0],
        columns=decoded.pixels.shape[1],
        photometric=decoded.photometric,
        inverted=decoded.inverted,
        multi_view=False,
        decode_steps=decoded.steps,
        split=item.placed or patient_split.assign(context.rule, source, patient, item.official),
        placed=item.placed is not None,
        label=facts.label,
        view=facts.view,
        hardware=facts.hardware,
        sex=facts.sex,
        age=facts.age,
        burned_in=facts.burned_in,
        manufacturer_key=key.term("manufacturer", facts.maker) if facts.maker else None,
        mean_intensity=float(small.mean()),
        extra=facts.extra,
        decode_rule=decode.RULE,
        suspicious=decoded.doubt or suspicious.looks_wrong(decoded.pixels, small),
        image_label=item.image_label,
        doubt=item.doubt if context.uncertain == "exclude" else None,
    )
    return record, small


def perceptual_hash(small: np.ndarray) -> str:
    """imagehash's DCT hash of a thumbnail, 16 hexadecimal digits: it proposes near-duplicates, it confirms none."""
    import imagehash

    return np.packbits(imagehash.phash(Image.fromarray(small)).hash).tobytes().hex()
