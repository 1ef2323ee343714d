"""Find near-duplicates across splits and store each compared pair, before a version is frozen."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from db import datasets
from db import near_duplicates as stored
from db.engine import Catalogue
from db.image_refs import refs_of_studies
from db.near_duplicates import NearDuplicate
from wrist_model.cohort import near_duplicates
from wrist_model.cohort.near_duplicates import Link
from wrist_model.errors import DataError
from wrist_model.radiograph.decode import load_pixels
from wrist_model.records import Candidate, ImageRef, Progress, Provenance

BATCH = 64
_log = logging.getLogger(__name__)


def link_near_duplicates(engine: Catalogue, by: Provenance, progress: Progress | None = None) -> frozenset[str]:
    """Compare each proposed pair of comparable images in two splits once; gives the image_uids that were looked at.

    Only such pairs can leak. Pairs are stored, confirmed or not, as they are compared: an interrupted search goes on
    where it was. Raises DataError when a picture has changed or is gone; one that is left out, and can't be read any
    more, is passed over with a warning.
    """
    usable = comparable(engine)
    splits = {uid: str(one.split) for uid, one in usable.items()}
    hashes = [(uid, str(one.perceptual_hash)) for uid, one in sorted(usable.items())]
    seen = set(stored.near_duplicates(engine, confirmed=False))
    pairs = [
        (first, second, distance)
        for first, second, distance in near_duplicates.propose(hashes, splits)
        if (first, second) not in seen
        and (second, first) not in seen
        and usable[first].pixel_sha256 != usable[second].pixel_sha256
    ]
    if not pairs:
        return frozenset(usable)
    images = {uid for first, second, _ in pairs for uid in (first, second)}
    studies = {usable[uid].study_uid for uid in images}
    refs = {ref.image_uid: ref for ref in refs_of_studies(engine, studies) if ref.image_uid in images}
    gone = _unreadable(refs[uid] for uid in sorted(images) if not _could_be_held(usable[uid]))
    pairs = [pair for pair in pairs if gone.isdisjoint(pair[:2])]
    confirmed, batch = 0, []
    for number, link in enumerate(near_duplicates.links(pairs, lambda uid: load_pixels(refs[uid])), start=1):
        confirmed += link.confirmed
        batch.append(_row(link))
        if len(batch) == BATCH or number == len(pairs):
            stored.add_near_duplicates(engine, batch, by)
            batch = []
        if progress is not None:
            progress("near-duplicates", number, len(pairs), f"{confirmed} confirmed")
    return frozenset(usable)


def comparable(engine: Catalogue) -> Mapping[str, Candidate]:
    """image_uid → candidate, of those whose copies are looked for: what a version could hold, and what one does hold,
    also where it is left out by now, for a model may have learnt from it."""
    frozen = datasets.frozen_images(engine)
    return {
        one.image_uid: one
        for one in datasets.candidates(engine)
        if one.perceptual_hash and (_could_be_held(one) or one.image_uid in frozen)
    }


def _could_be_held(one: Candidate) -> bool:
    return one.label is not None and one.excluded_reason is None


def _unreadable(refs: Iterable[ImageRef]) -> set[str]:
    """The image_uids whose pictures have changed or are gone."""
    found = set()
    for ref in refs:
        try:
            load_pixels(ref)
        except DataError:
            _log.warning(
                "%s was learnt from, is left out, and can't be read any more: copies of it can't be found.",
                ref.image_uid,
            )
            found.add(ref.image_uid)
    return found


def _row(link: Link) -> NearDuplicate:
    return NearDuplicate(link.image_a, link.image_b, float(link.distance), link.correlation, link.confirmed)
