"""How fast files are catalogued: against a bare pool that only reads, hashes and decodes, and against a fixed limit."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.result import Result, spread
from db.engine import open_catalogue
from tasks.ingest import Ingested, catalogue_files
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance
from wrist_model.synthetic.plan import plan
from wrist_model.synthetic.render import picture

UNCHANGED_LIMIT = 10_000.0  # files/s
MEMORY_LIMIT = 1024.0  # MiB
JOBS = 2


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


def _bare(path: str) -> str:
    data = Path(path).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("L"))
    return digest + hashlib.sha256(pixels.tobytes()).hexdigest()


def _bare_pool(paths: Sequence[str]) -> float:
    begun = time.perf_counter()
    start = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(JOBS, mp_context=start) as pool:
        sum(1 for _ in pool.map(_bare, paths, chunksize=48))
    return time.perf_counter() - begun


@contextmanager
def _home(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as home:
        yield Path(home) / "home"


def _ingest(home: Path, tree: Path) -> Ingested:
    engine = open_catalogue(home)
    try:
        return catalogue_files(
            [tree], home=home, engine=engine, rule=SplitRecipe(), provenance=Provenance("benchmark"), jobs=JOBS
        )
    finally:
        engine.dispose()


def ingest_first(quick: bool) -> list[Result]:
    """First ingest, files/s, beside the bare pool on the same files in the same run."""
    count, runs = (400, 2) if quick else (2000, 3)
    ours, peers = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = mura_like(folder, count)
        paths = sorted(str(path) for path in tree.rglob("*.png"))
        _bare_pool(paths[:8])
        for _ in range(runs):
            peers.append(count / _bare_pool(paths))
            with _home(folder) as home:
                begun = time.perf_counter()
                done = _ingest(home, tree)
                ours.append(count / (time.perf_counter() - begun))
            if done.counts.new != count:
                raise RuntimeError(f"{done.counts}: expected {count} new files")
    rate, peer = statistics.median(ours), statistics.median(peers)
    setup = f"{count} generated 512-pixel PNG files, {JOBS} processes, {os.cpu_count()} cores; peer: read, hash, decode"
    return [Result("ingest_first", rate, peer, rate / peer, spread(ours), "files/s", setup)]


def ingest_unchanged(quick: bool) -> list[Result]:
    """The same tree again, files/s, and the most memory that the writing process had."""
    count, runs = (2_000, 2) if quick else (10_000, 3)
    rates = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = small_files(folder, count)
        home = folder / "home"
        _ingest(home, tree)
        for _ in range(runs):
            begun = time.perf_counter()
            done = _ingest(home, tree)
            rates.append(count / (time.perf_counter() - begun))
            if done.counts.unchanged != count:
                raise RuntimeError(f"{done.counts}: expected {count} unchanged files")
    rate = statistics.median(rates)
    setup = f"{count} PNG files, nothing changed; limit {UNCHANGED_LIMIT:.0f}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    note = f"peak of the writer while {count} files were catalogued; the largest worker had {workers:.0f} MiB"
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
