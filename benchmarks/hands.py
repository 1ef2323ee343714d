"""Real radiographs of a manifest for cross-validation: whom they may be of, how they are dealt, what is drawn on them.

The hand radiographs (FracAtlas, CC BY 4.0) name no patients. Neighbouring rows are probably one person, so that blocks
of them stay together; so do blocks that hold the same exposure twice (identical pixels, or near-duplicates as the guard
of a frozen version confirms them).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.pixels import block
from wrist_model.boxes import box_files, drawn
from wrist_model.cohort import near_duplicates
from wrist_model.evidence_records import Region
from wrist_model.intake import examine_file
from wrist_model.radiograph import decode
from wrist_model.radiograph.polarity import thumbnail
from wrist_model.records import ImageRef

FOLDS = 5


@dataclass(frozen=True)
class Deal:
    """One fold of a cross-validation. validation: dealt from what isn't test, for early stopping and every choice."""

    train: list[ImageRef]
    validation: list[ImageRef]
    test: list[ImageRef]


def read(folder: Path, home: Path) -> list[ImageRef]:
    """The radiographs of folder/manifest.csv; patient_key: the group that stays together. home: keeps what was found,
    for the same list; pictures that have changed since are refused when they are opened."""
    listed = (folder / "manifest.csv").read_bytes()
    kept = home / f"radiographs-{hashlib.sha256(listed).hexdigest()[:16]}.json"
    if not kept.exists():
        found = _grouped(folder, listed.decode("utf-8-sig"))
        home.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found), encoding="utf-8")
    return [
        _ref(folder / path, group, sha256, label)
        for path, group, sha256, label in json.loads(kept.read_text(encoding="utf-8"))
    ]


def _ref(path: Path, group: str, sha256: str, label: int) -> ImageRef:
    uid = path.stem
    return ImageRef(uid, uid, group, str(path.absolute()), sha256, label, decode_rule=decode.RULE)


def _grouped(folder: Path, listed: str) -> list[tuple[str, str, str, int]]:
    """Path, group, hash of the pixels and label of each radiograph."""
    refs, pictures, paths = [], {}, []
    for row in csv.DictReader(io.StringIO(listed)):
        path = folder / row["path"]
        (decoded,) = decode.decode(path)
        pixels = 255 - decoded.pixels if decoded.inverted else decoded.pixels
        pictures[path.stem] = thumbnail(pixels)
        refs.append(_ref(path, "", decode.pixel_sha256(pixels), int(row["label"] == "positive")))
        paths.append(row["path"])
    pairs = [*_same_pixels(refs), *_near_duplicates(refs, pictures)]
    place = {ref.image_uid: number for number, ref in enumerate(refs)}
    ends = np.array([[block(place[one]) for one in pair] for pair in pairs], int).reshape(-1, 2)
    blocks = block(len(refs) - 1) + 1
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(blocks, blocks))
    _, group = connected_components(graph, directed=False)
    return [
        (path, f"group-{group[block(number)]:03d}", ref.pixel_sha256, ref.label or 0)
        for number, (path, ref) in enumerate(zip(paths, refs, strict=True))
    ]


def content_sha256(refs: Sequence[ImageRef]) -> str:
    """Of all that decides the deals and what is measured on them."""
    rows = [(ref.image_uid, ref.patient_key, ref.pixel_sha256, ref.label) for ref in refs]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def deal(refs: Sequence[ImageRef], seed: int, fold: int) -> Deal:
    """Fold number `fold` (from 1) of FOLDS. Groups are dealt in random order, each to the part with fewest images."""
    test = _dealt(refs, FOLDS, seed)[fold - 1]
    rest = [ref for ref in refs if ref.patient_key not in test]
    validation = _dealt(rest, FOLDS, 1000 * seed + fold)[0]
    return Deal(
        [replace(ref, split="train") for ref in rest if ref.patient_key not in validation],
        [replace(ref, split="validation") for ref in rest if ref.patient_key in validation],
        [replace(ref, split="test") for ref in refs if ref.patient_key in test],
    )


def boxes(folder: Path, refs: Sequence[ImageRef]) -> dict[str, list[Region]]:
    """image_uid → what folder/boxes.csv has drawn on these, in pixels."""
    of = {Path(ref.file).relative_to(folder.absolute()).as_posix(): ref for ref in refs}
    found: dict[str, list[Region]] = {}
    for file in box_files.find(folder / "boxes.csv"):
        for box in box_files.read(file).stated:
            if isinstance(box, drawn.Drawn) and (ref := of.get(box.picture or "")):
                rows, columns = decode.load_pixels(ref).shape
                edges = drawn.placed(box, columns, rows)
                found.setdefault(ref.image_uid, []).append(Region(ref.image_uid, box.name, *edges))
    return found


def _dealt(refs: Sequence[ImageRef], parts: int, seed: int) -> list[set[str]]:
    groups, sizes = np.unique([ref.patient_key for ref in refs], return_counts=True)
    dealt: list[set[str]] = [set() for _ in range(parts)]
    held = np.zeros(parts, int)
    for place in np.random.default_rng(seed).permutation(len(groups)):
        least = int(held.argmin())
        dealt[least].add(str(groups[place]))
        held[least] += sizes[place]
    return dealt


def _same_pixels(refs: Sequence[ImageRef]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    pairs = [(first.setdefault(ref.pixel_sha256, ref.image_uid), ref.image_uid) for ref in refs]
    return [(one, other) for one, other in pairs if one != other]


def _near_duplicates(refs: Sequence[ImageRef], pictures: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    pairs = near_duplicates.propose([(uid, examine_file.perceptual_hash(one)) for uid, one in pictures.items()])
    of = {ref.image_uid: ref for ref in refs}
    links = near_duplicates.links(pairs, lambda uid: decode.load_pixels(of[uid]))
    return [(link.image_a, link.image_b) for link in links if link.confirmed]
