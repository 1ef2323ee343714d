"""How fast files are catalogued: against a bare pool that only reads, hashes and decodes, and against fixed limits.

`grazpedwri` reads the published table of GRAZPEDWRI-DX (`../shared/data/grazpedwri/dataset.csv`, or what
WRIST_GRAZPEDWRI names)."""

from __future__ import annotations

import csv
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from sqlalchemy import text

from benchmarks.bare import read_hash_decode
from benchmarks.result import Result, in_a_fresh_process, spread
from db.engine import open_catalogue
from tasks.compute import decode_pool
from tasks.ingest_files import Decoding, catalogue_files
from tasks.ingest_writer import Ingested
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Progress, Provenance
from wrist_model.synthetic.cohort_plan import plan
from wrist_model.synthetic.render import picture

UNCHANGED_LIMIT = 10_000.0  # files/s
MEMORY_LIMIT = 1024.0  # MiB
JOBS = 2
TABLE = Path(os.environ.get("WRIST_GRAZPEDWRI", Path(__file__).parents[2] / "shared/data/grazpedwri/dataset.csv"))
TABLE_LIMIT = 300.0  # seconds
COUNTS = {
    "SELECT count(*), sum(image_label) FROM images": [(20_327, 13_550)],
    "SELECT count(*), sum(label), count(DISTINCT patient_key) FROM studies": [(10_842, 7_553, 6_091)],
    "SELECT count(*) FROM (SELECT study_uid FROM images GROUP BY study_uid "
    "HAVING min(image_label) <> max(image_label)) mixed": [(665,)],
    "SELECT excluded_reason, count(*), sum(n_images) FROM studies GROUP BY excluded_reason ORDER BY 2": [
        ("fracture_code_without_visible_fracture", 85, 130),
        ("uncertain_diagnosis", 285, 546),
        (None, 10_472, 19_651),
    ],
}
"""What a catalogue of GRAZPEDWRI-DX's whole table has to answer."""


def mura_like(folder: Path, count: int) -> Path:
    """A MURA tree of `count` grey PNG files, longest side 512: generated wrists, shifted and with fresh noise."""
    rng = np.random.default_rng(0)
    drawn = []
    for study in plan(3, 60):
        film, _ = picture(study.images[0].scene, None)
        drawn.append((film * 255).astype(np.uint8))
    for number in range(count):
        base = drawn[number % len(drawn)]
        noisy = np.roll(base, number // len(drawn), axis=1).astype(np.int16) + rng.integers(-2, 3, base.shape)
        path = folder / f"MURA-v1.1/train/XR_WRIST/patient{number:05}/study1_negative/image1.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, compress_level=6)
    return folder / "MURA-v1.1"


def _bare_pool(paths: Sequence[str]) -> float:
    """Seconds that the peer takes, its processes' start with it."""
    begun = time.perf_counter()
    start = multiprocessing.get_context("forkserver")
    start.set_forkserver_preload(["benchmarks.bare", "PIL.PngImagePlugin"])
    with ProcessPoolExecutor(JOBS, mp_context=start) as workers:
        sum(1 for _ in workers.map(read_hash_decode, paths, chunksize=48))
    return time.perf_counter() - begun


def _first(tree: Path, count: int) -> float:
    """Seconds of a first ingest into a new home, as the task `catalogue` does it."""
    with tempfile.TemporaryDirectory(dir=tree.parent) as home:
        begun = time.perf_counter()
        decode_pool.warm()
        done = _ingest(Path(home) / "home", tree)
        seconds = time.perf_counter() - begun
    if done.counts.new != count:
        raise RuntimeError(f"{done.counts}: expected {count} new files")
    return seconds


def _ingest(home: Path, tree: Path, progress: Progress | None = None) -> Ingested:
    by, engine = Provenance("benchmark"), open_catalogue(home)
    try:
        return catalogue_files(
            [tree],
            home=home,
            engine=engine,
            rule=SplitRecipe(),
            provenance=by,
            decoding=Decoding(JOBS),
            progress=progress,
        )
    finally:
        engine.dispose()


def ingest_first(quick: bool) -> list[Result]:
    """First ingest, files/s, beside the bare pool on the same files in the same run; both with their start."""
    count, runs = (400, 2) if quick else (2000, 5)
    ours, peers = [], []
    with tempfile.TemporaryDirectory() as name:
        tree = mura_like(Path(name), count)
        paths = sorted(str(path) for path in tree.rglob("*.png"))
        for _ in range(runs):
            peers.append(count / in_a_fresh_process(_bare_pool, paths))
            ours.append(count / in_a_fresh_process(_first, tree, count))
    rate, peer = statistics.median(ours), statistics.median(peers)
    ratios = spread([mine / other for mine, other in zip(ours, peers, strict=True)])
    setup = f"{count} generated 512-pixel PNG files, {JOBS} processes, {os.cpu_count()} cores; peer: read, hash, decode"
    return [Result("ingest_first", rate, peer, rate / peer, f"ratios {ratios}", "files/s", setup)]


def _again(tree: Path, count: int, runs: int) -> tuple[list[float], list[tuple[int, float, float]]]:
    """Files/s of re-ingests, and of the first ingest (files so far, MiB of the writer, MiB of the largest worker)."""
    me = psutil.Process()
    marks: list[tuple[int, float, float]] = []

    def tell(_stage: str, done: int, total: int, _note: str) -> None:
        if done >= total * (len(marks) + 1) // 4:
            workers = [one.memory_info().rss for one in me.children(recursive=True)]
            marks.append((done, me.memory_info().rss / 2**20, max(workers, default=0) / 2**20))

    home = tree.parent / "home"
    _ingest(home, tree, tell)
    rates = []
    for _ in range(runs):
        begun = time.perf_counter()
        done = _ingest(home, tree)
        rates.append(count / (time.perf_counter() - begun))
        if done.counts.unchanged != count:
            raise RuntimeError(f"{done.counts}: expected {count} unchanged files")
    return rates, marks


def ingest_unchanged(quick: bool) -> list[Result]:
    """The same tree again, files/s; and memory while it was first catalogued, at each quarter of its files."""
    count, runs = (4_000, 2) if quick else (40_000, 3)
    with tempfile.TemporaryDirectory() as name:
        rates, marks = in_a_fresh_process(_again, small_files(Path(name), count), count, runs)
    rate, peak = statistics.median(rates), max(writer for _, writer, _ in marks)
    setup = f"{count} PNG files, nothing changed; limit {UNCHANGED_LIMIT:.0f}"
    steps = ", ".join(f"{writer:.0f} MiB at {done}" for done, writer, _ in marks)
    note = f"first ingest of {count} files, the writer: {steps}; largest worker {max(one for *_, one in marks):.0f} MiB"
    return [
        Result("ingest_unchanged", rate, UNCHANGED_LIMIT, rate / UNCHANGED_LIMIT, spread(rates), "files/s", setup),
        Result("ingest_memory", peak, MEMORY_LIMIT, MEMORY_LIMIT / peak, "1 run", "MiB", note),
    ]


def small_files(folder: Path, count: int) -> Path:
    """A MURA tree of many tiny PNG files, no two alike: for what costs by the file, not by the pixel."""
    rng = np.random.default_rng(1)
    base = rng.integers(0, 60, (48, 40)).astype(np.uint8)
    for number in range(count):
        pixels = base.copy()
        pixels[8:40, 12:28] += np.uint8(90)
        pixels[0, :4] = [number >> shift & 255 for shift in (0, 8, 16, 24)]
        path = folder / f"MURA-v1.1/train/XR_WRIST/patient{number:06}/study1_positive/image1.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels).save(path, compress_level=1)
    return folder / "MURA-v1.1"


def grazpedwri(quick: bool) -> list[Result]:
    """GRAZPEDWRI-DX's whole table (quick, too) with a generated picture for each row, and again unchanged: seconds.

    Raises RuntimeError where a count is another than COUNTS, or a row is not accounted for."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, home = Path(scratch) / "GRAZPEDWRI-DX", Path(scratch) / "home"
        with TABLE.open(encoding="utf-8-sig") as file:
            stems = [row["filestem"] for row in csv.DictReader(file)]
        rng = np.random.default_rng(0)
        for number, stem in enumerate(stems):
            part = folder / f"images_part{1 + 4 * number // len(stems)}"
            part.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 65535, (40, 32), dtype=np.uint16)).save(part / f"{stem}.png")
        (folder / "dataset.csv").write_bytes(TABLE.read_bytes())
        begun = time.perf_counter()
        first = _ingest(home, folder).counts
        seconds = time.perf_counter() - begun
        again = _ingest(home, folder).counts
        engine = open_catalogue(home)
        with engine.connect() as connection:
            found = {query: [tuple(row) for row in connection.execute(text(query))] for query in COUNTS}
        engine.dispose()
    seen = (first.new, first.ignored, first.seen, again.unchanged)
    if found != COUNTS or seen != (20_327, 1, 20_328, 20_327):
        raise RuntimeError(f"new, ignored, seen, again unchanged: {seen}; {found}")
    setup = f"{len(stems)} pictures of 32 × 40 pixels, {JOBS} processes; all counts as published"
    return [Result("grazpedwri", seconds, TABLE_LIMIT, TABLE_LIMIT / seconds, "1 run", "s", setup)]
