"""Find near-duplicates across splits and store each compared pair, before a version is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from db import datasets
from db import near_duplicates as stored
from db.engine import Catalogue
from db.image_refs import refs_of_studies
from db.near_duplicates import NearDuplicate
from wrist_model.cohort import near_duplicates
from wrist_model.cohort.near_duplicates import Link
from wrist_model.radiograph.decode import load_pixels
from wrist_model.records import Candidate, Progress, Provenance

BATCH = 64


def link_near_duplicates(engine: Catalogue, by: Provenance, progress: Progress | None = None) -> frozenset[str]:
    """Compare each proposed pair of labelled images in two splits once; gives the image_uids that were looked at.

    Only such pairs can leak. Pairs are stored, confirmed or not, as they are compared: an interrupted search goes on
    where it was. Raises DataError when a picture has changed or is gone.
    """
    usable = comparable(datasets.candidates(engine))
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


def comparable(candidates: Sequence[Candidate]) -> Mapping[str, Candidate]:
    """image_uid → candidate, of those that a version could hold and whose copies are looked for."""
    return {
        one.image_uid: one
        for one in candidates
        if one.label is not None and one.excluded_reason is None and one.perceptual_hash
    }


def _row(link: Link) -> NearDuplicate:
    return NearDuplicate(link.image_a, link.image_b, float(link.distance), link.correlation, link.confirmed)
