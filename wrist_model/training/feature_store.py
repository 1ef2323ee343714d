"""Stored features: the frozen part runs once for each image and view, and trainings read what it gave.

    <root>/<store>/store.json      what the rows are: backbone, boundary, weights, size, precision
    <root>/<store>/<n>.rows        rows one after another, memory-mapped when read
    <root>/<store>/<n>.index       a key and a checksum for each row, written after it

A row's key is the hash of the pixels, the augmented copy's number, and how it was drawn; an unaugmented row is shared
by all recipes. Writers hold a lock; an interrupted writer leaves whole rows, which the next one keeps.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import mmap
import shutil
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model.errors import DataError
from wrist_model.recipe import AugmentationRecipe, Recipe, canonical
from wrist_model.records import ImageRef, Progress
from wrist_model.training import file_lock, image_batches

VERSION = 1
GIB = 2**30
SEGMENT_BYTES = GIB
KEEP_MAPPED = GIB // 2  # bytes touched before mapped pages are given back
RESERVE = 512 * 2**20  # bytes of disk that features never take
RECORD = np.dtype([("key", "u1", (32,)), ("crc", "<u4")])
log = logging.getLogger(__name__)
AugmentedCopy = tuple[int, int]
"""Which image, and which of its copies (a recipe's `views_per_image`, or UNAUGMENTED)."""


@dataclass(frozen=True)
class StoreKey:
    """All that decides a stored row besides its picture."""

    architecture: str
    boundary: str
    weights_sha256: str
    imagenet_graph: bool
    image_size: int
    policy: str
    folded: bool
    dtype: str
    shape: tuple[int, ...]
    version: int = VERSION
    resize: str = "squeeze"
    engine: str = "tensorflow"

    @property
    def name(self) -> str:
        said = asdict(self)
        for field, first in (("resize", "squeeze"), ("engine", "tensorflow")):
            if said[field] == first:  # as stores were named before there was another way
                del said[field]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def row_key(pixel_sha256: str, view: int, augmentation: AugmentationRecipe, seed: int) -> bytes:
    """32 bytes. The seed and the augmentation count for augmented views only."""
    drawn = "" if view == image_batches.UNAUGMENTED else f"{seed}:{json.dumps(canonical(augmentation), sort_keys=True)}"
    return hashlib.sha256(f"{pixel_sha256}:{view}:{drawn}".encode()).digest()


class Segment:
    """One pair of files, opened for reading: rows (n, *shape) and their keys and checksums."""

    def __init__(self, rows: Path, key: StoreKey) -> None:
        self.path, self.key = rows, key
        listed = rows.with_suffix(".index")
        index = np.fromfile(listed, RECORD) if listed.exists() else np.empty(0, RECORD)
        n = min(len(index), rows.stat().st_size // key.row_bytes)
        self.index = index[:n]
        self.map: mmap.mmap | None = None
        self.rows = np.empty((0, *key.shape), key.dtype)
        if n:
            with rows.open("rb") as stream:
                self.map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            flat = np.frombuffer(self.map, key.dtype, count=n * int(np.prod(key.shape)))
            self.rows = flat.reshape(n, *key.shape)

    def whole(self, row: int) -> bool:
        return zlib.crc32(self.rows[row].data) == int(self.index[row]["crc"])

    def give_back(self) -> None:
        if self.map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.map.madvise(mmap.MADV_DONTNEED)


class Store:
    """The rows of one StoreKey, in a folder below the root of all stores."""

    def __init__(self, root: Path, key: StoreKey) -> None:
        self.root, self.key = root, key
        self.folder = self.root / key.name
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / "store.json"
        if not about.exists():
            about.write_text(json.dumps(asdict(key), indent=2), encoding="utf-8")
        self.segments: list[Segment] = []
        self.places: dict[bytes, tuple[int, int]] = {}

    def ensure(
        self,
        keys: Sequence[bytes],
        compute: Callable[[Sequence[int]], Iterable[np.ndarray]],
        limit_gib: float,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Where each key's row lies, int64 (n, 2) of segment and row; those missing or damaged are computed.

        compute(which) yields arrays (m, *shape), in order, for the keys at these places. Raises DataError where the
        rows fit neither the limit nor the disk, before any is computed.
        """
        with file_lock.exclusive(self.root / ".lock"):
            self._open()
            missing = self._missing(keys)
            if missing:
                first = {keys[i]: i for i in reversed(missing)}  # a picture that stands twice is computed once
                wanted = sorted(first.values())
                self._make_room(len(wanted) * self.key.row_bytes, limit_gib, set(keys), progress)
                self._write([keys[i] for i in wanted], compute(wanted), progress)
                self._open()
            places = np.array([self.places[key] for key in keys], np.int64).reshape(-1, 2)
            for number in np.unique(places[:, 0]):
                self.segments[number].path.touch()  # what eviction goes by
        return places

    def rows(self, places: np.ndarray) -> np.ndarray:
        """A copy of these rows, (n, *shape)."""
        out = np.empty((len(places), *self.key.shape), self.key.dtype)
        for i, (segment, row) in enumerate(places):
            out[i] = self.segments[segment].rows[row]
        return out

    def give_back(self) -> None:
        """Let go of mapped pages, so that reading all rows does not fill the memory."""
        for segment in self.segments:
            segment.give_back()

    def _open(self) -> None:
        self.segments = [Segment(path, self.key) for path in sorted(self.folder.glob("*.rows"))]
        self.places = {
            record["key"].tobytes(): (number, row)
            for number, segment in enumerate(self.segments)
            for row, record in enumerate(segment.index)
        }

    def _missing(self, keys: Sequence[bytes]) -> list[int]:
        def absent(key: bytes) -> bool:
            place = self.places.get(key)
            return place is None or not self.segments[place[0]].whole(place[1])

        with ThreadPoolExecutor(image_batches.WORKERS) as pool:
            found = [i for i, is_absent in enumerate(pool.map(absent, keys, chunksize=64)) if is_absent]
        damaged = sum(keys[i] in self.places for i in found)
        if damaged:
            log.warning("%d stored features in %s are damaged and are computed again.", damaged, self.folder)
        self.give_back()
        return found

    def _write(self, keys: Sequence[bytes], arrays: Iterable[np.ndarray], progress: Progress | None) -> None:
        done, number = 0, 1 + max((int(each.path.stem) for each in self.segments), default=0)
        with ExitStack() as stack:
            rows = index = None
            for array in arrays:
                if rows is None or index is None or rows.tell() >= SEGMENT_BYTES:
                    stack.close()
                    rows = stack.enter_context((self.folder / f"{number:06d}.rows").open("wb"))
                    index = stack.enter_context((self.folder / f"{number:06d}.index").open("wb"))
                    number += 1
                content = np.ascontiguousarray(array)
                records = np.zeros(len(content), RECORD)
                for i, row in enumerate(content):
                    records[i] = (np.frombuffer(keys[done + i], np.uint8), zlib.crc32(row.data))
                rows.write(content.data)
                rows.flush()  # the index names a row only when it is there
                index.write(records.tobytes())
                index.flush()
                done += len(content)
                if progress:
                    progress("features", done, len(keys), self.key.architecture)

    def _make_room(self, need: int, limit_gib: float, keep: set[bytes], progress: Progress | None) -> None:
        """Evict the least recently used segments, of any store, until `need` bytes fit the limit and the disk."""
        mine = {each.path for each in self.segments if any(record["key"].tobytes() in keep for record in each.index)}
        held = {path: path.stat().st_size for path in self.root.glob("*/*.rows")}
        total, limit = sum(held.values()), int(limit_gib * GIB)
        going, gain = [], 0
        free = shutil.disk_usage(self.root).free - RESERVE
        for path in sorted(set(held) - mine, key=lambda each: each.stat().st_mtime_ns):
            if total - gain + need <= limit and need <= free + gain:
                break
            going.append(path)
            gain += held[path]
        note = f"{need / GIB:.2f} GiB for {need // self.key.row_bytes} rows"
        if total - gain + need > limit:
            raise DataError(
                f"{self.root}: the stored features need {note} beside {(total - gain) / GIB:.2f} GiB in use; "
                f"training.features_gib allows {limit_gib:g}. Raise it, lower training.views_per_image, "
                'or set training.mode = "online".'
            )
        if need > free + gain:
            raise DataError(
                f"{self.root}: the stored features need {note}, but only {max(free + gain, 0) / GIB:.2f} GiB of disk "
                'are free. Make room, lower training.views_per_image, or set training.mode = "online".'
            )
        log.info("Stored features: %s in %s; %d old segments go.", note, self.folder, len(going))
        if progress:
            progress("features", 0, need // self.key.row_bytes, f"{note} of disk")
        for path in going:
            path.unlink(missing_ok=True)
            path.with_suffix(".index").unlink(missing_ok=True)
        self._open()


class Features:
    """Inputs that read stored rows; `epoch` decides the view. Validation rows are unaugmented."""

    def __init__(
        self,
        store: Store,
        train: Sequence[ImageRef],
        validation: Sequence[ImageRef],
        recipe: Recipe,
        compute: Callable[[Sequence[AugmentedCopy], Sequence[ImageRef]], Iterable[np.ndarray]],
        progress: Progress | None = None,
    ) -> None:
        self.store, self.views = store, recipe.training.views_per_image
        self.stored_views = self.views
        every = [*train, *validation]
        asked: list[AugmentedCopy] = [(i, view) for view in range(self.views) for i in range(len(train))]
        asked += [(len(train) + i, image_batches.UNAUGMENTED) for i in range(len(validation))]
        seed, changes = recipe.training.seed, recipe.augmentation
        keys = [row_key(every[i].pixel_sha256, view, changes, seed) for i, view in asked]
        limit = recipe.training.features_gib
        places = store.ensure(keys, lambda which: compute([asked[i] for i in which], every), limit, progress)
        self.training = places[: len(train) * self.views].reshape(self.views, len(train), 2)
        self.validation = places[len(train) * self.views :]
        self.touched = 0

    @property
    def batch_spec(self) -> tuple[tuple[int, ...], str]:
        return self.store.key.shape, self.store.key.dtype

    def with_views(self, views: int) -> Features:
        """The same rows, of which only the first `views` of each image are used."""
        fewer = copy.copy(self)
        fewer.views = min(views, self.stored_views)
        return fewer

    def _rows(self, places: np.ndarray) -> np.ndarray:
        found = self.store.rows(places)
        self.touched += found.nbytes
        if self.touched > KEEP_MAPPED:
            self.touched = 0
            self.store.give_back()
        return found

    def training_job(self, indices: np.ndarray, epoch: int) -> Callable[[], np.ndarray]:
        return lambda: self._rows(self.training[(epoch - 1) % self.views][indices])

    def validation_job(self, indices: np.ndarray) -> Callable[[], np.ndarray]:
        return lambda: self._rows(self.validation[indices])

    def enter(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.cast(x, tf.float32)
