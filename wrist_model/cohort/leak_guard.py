"""Patient → train, validation or test; which images a frozen version holds; and the guard.

The rule looks at the patient's identifier alone. Labels play no part in it: a label that is corrected later would
else move its patient. The shares of labels are therefore equal in expectation only; `wrist split` shows them.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wrist_model.errors import LeakError
from wrist_model.records import SPLIT_RANK, Candidate, Member, Split

Pair = tuple[str, str]
SAME_PIXELS = "identical_pixels"
CONFLICT = "conflicting_label"
UNLABELLED = "unlabelled"
NEAR = "near_duplicate"
MERGED = "merged_patient"


def decide(candidates: Sequence[Candidate], near: Iterable[Pair] = ()) -> tuple[Member, ...]:
    """Each candidate's place in a data-set version, in order of image_uid.

    Of images with identical pixels one stays: the internal test copy, else an external set's, else validation, else
    train, then the lowest image_uid; a group whose labels disagree leaves whole. near: confirmed near-duplicate pairs
    (wrist_model.cohort.near_duplicates); where one joins two splits, its train or validation side leaves, never the
    test side. So do the patients of one person.
    """
    reasons: dict[str, str] = {}
    place: dict[str, Split] = {}
    for one in candidates:
        if one.person is not None:
            place[one.person] = min(place.get(one.person, one.split), one.split, key=SPLIT_RANK.__getitem__)
    by_pixels: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        if one.excluded_reason is not None:
            reasons[one.image_uid] = one.excluded_reason
        elif one.label is None:
            reasons[one.image_uid] = UNLABELLED
        elif one.person is not None and one.split != place[one.person]:
            reasons[one.image_uid] = MERGED
        else:
            by_pixels[one.pixel_sha256].append(one)
    for group in by_pixels.values():
        if len({one.label for one in group}) > 1:
            reasons.update((one.image_uid, CONFLICT) for one in group)
            continue
        group.sort(key=lambda one: (SPLIT_RANK[one.split], one.hold_out is not None, one.image_uid))
        reasons.update((one.image_uid, SAME_PIXELS) for one in group[1:])
    known = {one.image_uid: one for one in candidates}
    for pair in sorted(near):
        if any(uid not in known or uid in reasons for uid in pair):
            continue
        first, second = sorted((known[uid] for uid in pair), key=lambda one: (SPLIT_RANK[one.split], one.image_uid))
        if first.split != second.split:
            reasons[second.image_uid] = NEAR
    return tuple(
        Member(
            one.image_uid,
            one.study_uid,
            one.patient_key,
            one.split,
            one.label,
            one.image_uid not in reasons,
            reasons.get(one.image_uid),
            one.hold_out,
        )
        for one in sorted(candidates, key=lambda one: one.image_uid)
    )


@dataclass(frozen=True)
class Finding:
    """Something that would stand in two splits. kind: patient, merged_patient, identical_pixels or near_duplicate."""

    kind: str
    images: tuple[str, ...]
    splits: tuple[str, ...]


@dataclass(frozen=True)
class GuardReport:
    """What the guard saw. leaks must be empty to freeze; kept_apart are links that `decide` has already broken.

    image_split_leak_rate: the share of test images that would have had an image of the same patient, or a copy, in
    train, had the same images been split one by one (by a hash of image_uid, with the same shares).
    """

    leaks: tuple[Finding, ...]
    kept_apart: tuple[Finding, ...]
    excluded: tuple[tuple[str, int], ...]
    counts: tuple[tuple[str, int, int, int, int], ...]  # split, patients, studies, images, positive images
    image_split_leak_rate: float | None
    external: tuple[tuple[str, int, int, int, int], ...] = ()  # the same of each external set, by its name

    def refuse(self) -> None:
        """Raises LeakError that names the first leak, when there is one."""
        if self.leaks:
            first = self.leaks[0]
            raise LeakError(
                f"Not frozen: {len(self.leaks)} leak(s); the first is {first.kind.replace('_', ' ')} of "
                f"{' and '.join(first.images[:4])} in {' and '.join(first.splits)}. "
                f"Leave one side out with `wrist exclude ID --reason …`."
            )


def guard(members: Sequence[Member], candidates: Sequence[Candidate], near: Iterable[Pair] = ()) -> GuardReport:
    """Check what a version would hold, by itself and not by trusting `decide`."""
    near = sorted(near)
    by_uid = {one.image_uid: one for one in candidates}
    inside = [one for one in members if one.included]
    held = {one.image_uid: one for one in inside}
    persons = {one.image_uid: one.person for one in candidates if one.person is not None}
    leaks = [
        *_straddling("patient", inside, lambda one: one.patient_key),
        *_straddling(MERGED, [one for one in inside if one.image_uid in persons], lambda one: persons[one.image_uid]),
        *_straddling(SAME_PIXELS, inside, lambda one: by_uid[one.image_uid].pixel_sha256),
    ]
    linked = [
        *_straddling(MERGED, [one for one in members if one.image_uid in persons], lambda one: persons[one.image_uid]),
        *_straddling(SAME_PIXELS, members, lambda one: by_uid[one.image_uid].pixel_sha256),
    ]
    kept_apart = [finding for finding in linked if not set(finding.images) <= set(held)]
    all_members = {one.image_uid: one for one in members}
    for pair in near:
        if any(uid not in all_members for uid in pair):
            continue
        splits = {all_members[uid].split for uid in pair}
        if len(splits) > 1:
            finding = Finding(NEAR, tuple(pair), tuple(sorted(splits)))
            (leaks if all(uid in held for uid in pair) else kept_apart).append(finding)
    excluded: dict[str, int] = defaultdict(int)
    for one in members:
        if one.excluded_reason is not None:
            excluded[one.excluded_reason] += 1
    return GuardReport(
        tuple(leaks),
        tuple(kept_apart),
        tuple(sorted(excluded.items())),
        tuple(_counts(inside)),
        _image_split_leak_rate(
            [one for one in candidates if one.label is not None and not one.excluded_reason and one.hold_out is None],
            near,
        ),
        tuple(
            _count(name, [one for one in inside if one.hold_out == name])
            for name in sorted({one.hold_out for one in inside if one.hold_out is not None})
        ),
    )


def _straddling(kind: str, members: Iterable[Member], key: Callable[[Member], str]) -> list[Finding]:
    groups: dict[str, list[Member]] = defaultdict(list)
    for one in members:
        groups[key(one)].append(one)
    return [
        Finding(kind, tuple(sorted(one.image_uid for one in group)), tuple(sorted(splits)))
        for group in groups.values()
        if len(splits := {one.split for one in group}) > 1
    ]


def _counts(inside: Sequence[Member]) -> Iterable[tuple[str, int, int, int, int]]:
    for split in ("train", "validation", "test"):
        yield _count(split, [one for one in inside if one.split == split and one.hold_out is None])


def _count(name: str, here: Sequence[Member]) -> tuple[str, int, int, int, int]:
    return (
        name,
        len({one.patient_key for one in here}),
        len({one.study_uid for one in here}),
        len(here),
        sum(one.label == 1 for one in here),
    )


def _image_split_leak_rate(images: Sequence[Candidate], near: Sequence[Pair]) -> float | None:
    """Of all labelled images, copies included and external sets not: what a split by image, with the same shares, would
    have leaked."""
    shares = {split: sum(one.split == split for one in images) / max(1, len(images)) for split in SPLIT_RANK}
    place: dict[str, str] = {}
    for one in images:
        draw = int.from_bytes(hashlib.sha256(b"image" + one.image_uid.encode()).digest()[:8], "big") / 2**64
        beyond_train = draw - shares["train"]
        place[one.image_uid] = (
            "train" if beyond_train < 0 else "validation" if beyond_train < shares["validation"] else "test"
        )
    trained = {
        name for one in images if place[one.image_uid] == "train" for name in (one.patient_key, one.pixel_sha256)
    }
    partners: dict[str, set[str]] = defaultdict(set)
    for first, second in near:
        partners[first].add(second)
        partners[second].add(first)
    tested = [one for one in images if place[one.image_uid] == "test"]
    if not tested:
        return None
    leaked = sum(
        one.patient_key in trained
        or one.pixel_sha256 in trained
        or any(place.get(uid) == "train" for uid in partners[one.image_uid])
        for one in tested
    )
    return leaked / len(tested)
