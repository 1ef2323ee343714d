"""What is told from pixels: polarity, side-by-side views, near-duplicates; each on generated and, where they lie beside
the checkout, on real radiographs (`../shared/data/fracatlas-hand`, or the folder that WRIST_REAL_IMAGES names)."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks.result import Result, in_a_fresh_process
from wrist_model.cohort import near_duplicates as duplicates
from wrist_model.cohort.near_duplicates import Link
from wrist_model.intake import examine_file
from wrist_model.radiograph import composite_picture, decode
from wrist_model.radiograph.polarity import is_inverted, thumbnail
from wrist_model.synthetic.cohort_plan import plan
from wrist_model.synthetic.render import picture

REAL = Path(os.environ.get("WRIST_REAL_IMAGES", Path(__file__).parents[2] / "shared/data/fracatlas-hand"))
FALSE_INVERSIONS_LIMIT = 0.005
PRECISION, RECALL = 0.99, 0.95
BLOCK = 8


@dataclass(frozen=True, eq=False)
class Labelled:
    pixels: np.ndarray
    multi_view: bool
    number: int


def _grey(path: Path) -> np.ndarray:
    (decoded,) = decode.decode(path)
    return 255 - decoded.pixels if decoded.inverted else decoded.pixels


def manifest() -> list[dict[str, str]]:
    """The rows of the real radiographs' table; none where they do not lie beside the checkout."""
    table = REAL / "manifest.csv"
    if not table.is_file():
        return []
    with table.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def block(number: int) -> int:
    """The block of neighbouring rows that a row stands in. The table names no patients, but neighbours are probably
    one: a split has to leave blocks whole."""
    return number // BLOCK


def real(count: int, parity: int | None = None) -> list[Labelled]:
    """Real radiographs, bone bright. parity 1: only those of odd-numbered blocks.

    The rules' thresholds were fitted to every other row, before blocks were thought of: half of the rows of an odd
    block were seen, and the others are probably their patients' pictures. Figures here are no test on new patients.
    """
    rows = enumerate(manifest())
    chosen = [(number, row) for number, row in rows if parity is None or block(number) % 2 == parity][:count]
    return [Labelled(_grey(REAL / row["path"]), row["multiscan"] == "1", number) for number, row in chosen]


def generated(count: int, seed: int = 77) -> list[Labelled]:
    """Generated wrists, bone bright, of another seed than those the rules were fitted to."""
    drawn = []
    for number, study in enumerate(plan(seed, max(12, count))[:count]):
        film, _ = picture(study.images[0].scene, study.fracture)
        drawn.append(Labelled((film * 255).astype(np.uint8), False, number))
    return drawn


def polarity_figures(images: list[Labelled]) -> tuple[float, float]:
    """Shares of false inversions (bone bright, called a negative) and of missed ones (the negatives of the same)."""
    false = np.mean([is_inverted(thumbnail(one.pixels)) for one in images])
    missed = np.mean([not is_inverted(thumbnail(255 - one.pixels)) for one in images])
    return float(false), float(missed)


def polarity(quick: bool) -> list[Result]:
    """False inversions on generated and on real radiographs, and how many negatives are missed."""
    results = []
    sets = (("generated", generated(60 if quick else 200)), ("real", real(200 if quick else 2000, parity=1)))
    for name, images in sets:
        if not images:
            continue
        false, missed = polarity_figures(images)
        setup = f"{len(images)} {name} radiographs and their negatives, odd blocks of {BLOCK}; missed {missed:.4f}"
        ratio = FALSE_INVERSIONS_LIMIT / max(false, 1 / len(images) / 10)
        results.append(
            Result(f"polarity_{name}", false, FALSE_INVERSIONS_LIMIT, ratio, "1 run", "false inversions, share", setup)
        )
    return results


def multi_view(quick: bool) -> list[Result]:
    """Recall and false alarms on the `multiscan` column of images in odd blocks."""
    images = real(300 if quick else 2000, parity=1)
    alone = generated(40 if quick else 120)
    results = []
    if images:
        said = np.array([composite_picture.is_multi_view(thumbnail(one.pixels)) for one in images])
        true = np.array([one.multi_view for one in images])
        recall, false = float(said[true].mean()), float(said[~true].mean())
        precision = float(true[said].mean())
        setup = (
            f"{len(images)} real radiographs, {int(true.sum())} multiscan; precision {precision:.3f}, false {false:.4f}"
        )
        results.append(Result("multi_view_real", recall, 0.8, recall / 0.8, "1 run", "recall", setup))
    false = float(np.mean([composite_picture.is_multi_view(thumbnail(one.pixels)) for one in alone]))
    setup = f"{len(alone)} generated single views"
    results.append(Result("multi_view_generated", false, 0.02, 0.02 / max(false, 1e-3), "1 run", "false alarms", setup))
    return results


def _jpeg(pixels: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer))


def _turned(degrees: float) -> Callable[[np.ndarray], np.ndarray]:
    def turn(pixels: np.ndarray) -> np.ndarray:
        image = Image.fromarray(pixels)
        return np.asarray(image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=int(pixels[0, 0])))

    return turn


def _half(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((pixels.shape[1] // 2, pixels.shape[0] // 2)))


def _cropped(pixels: np.ndarray) -> np.ndarray:
    cut = [round(side * 0.04) for side in pixels.shape]
    return pixels[cut[0] : -cut[0], cut[1] : -cut[1]]


def _sheared(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    how = (1, 0.06, -0.03 * image.height, 0, 1, 0)
    return np.asarray(image.transform(image.size, Image.Transform.AFFINE, how, Image.Resampling.BICUBIC))


def _brighter(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: np.clip(pixels * factor, 0, 255).astype(np.uint8)


COPIES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {
    "jpeg60": (_jpeg, True),
    "half": (_half, True),
    "brightness0.5": (_brighter(0.5), True),
    "brightness1.5": (_brighter(1.5), True),
    "crop4%": (_cropped, False),
    "rotation1": (_turned(1), False),
    "rotation5": (_turned(5), False),
    "shear0.06": (_sheared, False),
}
"""Name → how a copy is made, and whether the recall of 0.95 is demanded of it."""


def _near_duplicates(quick: bool) -> list[Result]:
    originals = real(150 if quick else 1223) or generated(100)
    copied = originals[:: max(1, len(originals) // (40 if quick else 160))]
    pool = {f"o{one.number:05}": one.pixels for one in originals}
    truth: dict[str, tuple[str, str]] = {}
    for name, (make, _) in COPIES.items():
        for one in copied:
            pool[f"c-{name}-{one.number:05}"] = make(one.pixels)
            truth[f"c-{name}-{one.number:05}"] = (name, f"o{one.number:05}")
    family = _families(pool, {uid: truth[uid][1] if uid in truth else uid for uid in pool})
    hashes = [(uid, examine_file.perceptual_hash(thumbnail(pixels))) for uid, pixels in sorted(pool.items())]
    begun = time.perf_counter()
    pairs = duplicates.propose(hashes, {uid: "copy" if uid in truth else "original" for uid in pool})
    links = list(duplicates.links(pairs, pool.__getitem__))
    seconds = time.perf_counter() - begun
    setup = f"{len(copied)} copies each of {len(COPIES)} kinds among {len(originals)} radiographs, {len(pairs)} pairs"
    precision, recalls = _measured(links, truth, family, duplicates.CORRELATION)
    results = [
        Result("near_duplicates_precision", precision, PRECISION, precision / PRECISION, "1 run", "share", setup),
        Result("near_duplicates_pairs", len(pairs) / seconds, 50, len(pairs) / seconds / 50, "1 run", "pairs/s", setup),
    ]
    for name, (_, demanded) in COPIES.items():
        limit, recall = (RECALL if demanded else 0.0), recalls[name]
        ratio = recall / limit if limit else recall
        results.append(Result(f"duplicates{name}", recall, limit, ratio, "1 run", "recall", setup))
    return [*results, *_unseen_half(links, truth, family), _at_100_000(quick)]


def _measured(
    links: Sequence[Link], truth: Mapping[str, tuple[str, str]], family: Mapping[str, str], threshold: float
) -> tuple[float, dict[str, float]]:
    """Precision of the pairs that a threshold confirms, and for each kind of copy the recall."""
    confirmed = [link for link in links if link.correlation >= threshold]
    right = [link for link in confirmed if family[link.image_a] == family[link.image_b]]
    found = {link.image_a for link in right} | {link.image_b for link in right}
    kinds: dict[str, list[bool]] = {}
    for uid, (kind, _) in truth.items():
        kinds.setdefault(kind, []).append(uid in found)
    return len(right) / max(1, len(confirmed)), {kind: sum(each) / len(each) for kind, each in kinds.items()}


def _unseen_half(
    links: Sequence[Link], truth: Mapping[str, tuple[str, str]], family: Mapping[str, str]
) -> list[Result]:
    """A threshold chosen on one half of the radiographs, measured on the other: nothing of it was chosen there.

    Chosen: the middle between the highest correlation of a wrong pair and that which 95% of the demanded copies reach.
    Halves by blocks of neighbours, all copies of a radiograph with it; a pair of both halves counts for the one that
    didn't choose.
    """
    half = {uid: block(int(name.removeprefix("o"))) % 2 for uid, name in family.items()}
    results = []
    for chooser in (0, 1):
        seen = [link for link in links if half[link.image_a] == half[link.image_b] == chooser]
        others = [link for link in links if not half[link.image_a] == half[link.image_b] == chooser]
        wrong = [link.correlation for link in seen if family[link.image_a] != family[link.image_b]]
        right = [
            link.correlation
            for link in seen
            if family[link.image_a] == family[link.image_b]
            and any(COPIES[truth[uid][0]][1] for uid in (link.image_a, link.image_b) if uid in truth)
        ]
        threshold = (max(wrong, default=0.0) + float(np.quantile(right, 1 - RECALL))) / 2
        mine = {uid: what for uid, what in truth.items() if half[uid] != chooser}
        precision, recalls = _measured(others, mine, family, threshold)
        demanded = min(recall for kind, recall in recalls.items() if COPIES[kind][1])
        said = ", ".join(f"{kind} {recall:.3f}" for kind, recall in recalls.items())
        confirmed = sum(link.correlation >= threshold for link in others)
        setup = f"threshold {threshold:.2f}, chosen on the other half; {confirmed} confirmed pairs; {said}"
        name = f"near_duplicates_half{1 - chooser}"
        results += [
            Result(f"{name}_precision", precision, PRECISION, precision / PRECISION, "1 run", "share", setup),
            Result(f"{name}_recall", demanded, RECALL, demanded / RECALL, "1 run", "lowest demanded recall", setup),
        ]
    return results


def _families(pool: Mapping[str, np.ndarray], root: Mapping[str, str]) -> dict[str, str]:
    """Picture → the radiograph that it is, or is a copy of; originals with identical pixels are one. Others that people
    marked as copies by eye (the same exposure stored twice) are listed in TWINS."""
    by_pixels: dict[str, str] = {}
    family = {uid: by_pixels.setdefault(decode.pixel_sha256(pool[uid]), uid) for uid in sorted(set(root.values()))}
    for first, second in TWINS:
        if first in family and second in family:
            family[second] = family[first]
    return {uid: family[original] for uid, original in root.items()}


TWINS: tuple[tuple[str, str], ...] = (
    ("o01204", "o00820"),
    ("o01177", "o00750"),
    ("o01174", "o00754"),
    ("o00000", "o00519"),
    ("o00519", "o00598"),
)
"""Rows of the real manifest that hold one exposure twice, seen by eye: finding those is right, too."""


def _at_100_000(quick: bool) -> Result:
    """All pairs of many hashes that look as alike as radiographs' do: real ones, each with some bits flipped."""
    count, limit = (20_000 if quick else 100_000), 60.0
    seconds, pairs, memory = in_a_fresh_process(_proposed, count)
    setup = f"{count} hashes, all pairs: {pairs} proposed; {memory:.0f} MiB more memory at the end"
    return Result("near_duplicates_propose", seconds, limit, limit / seconds, "1 run", "s", setup)


def _proposed(count: int) -> tuple[float, int, float]:
    rng = np.random.default_rng(5)
    some = [int(examine_file.perceptual_hash(thumbnail(one.pixels)), 16) for one in real(200) or generated(100)]
    flips = (rng.random((count, 64)) < 0.1) @ (1 << np.arange(64, dtype=np.uint64))
    hashes = [(f"im-{n:06}", f"{some[n % len(some)] ^ int(flip):016x}") for n, flip in enumerate(flips)]
    before, begun = psutil.Process().memory_info().rss, time.perf_counter()
    pairs = duplicates.propose(hashes)
    seconds = time.perf_counter() - begun
    return seconds, len(pairs), (psutil.Process().memory_info().rss - before) / 2**20


def near_duplicates(quick: bool) -> list[Result]:
    """Precision and recall on copies of radiographs, and the time that 100,000 hashes take."""
    return _near_duplicates(quick)
