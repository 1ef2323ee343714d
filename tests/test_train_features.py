"""The store of features: keys, damage, room, interruption. No network is needed to hold it to its word."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wrist_model.errors import DataError
from wrist_model.recipe import AugmentationRecipe
from wrist_model.training import feature_store

KEY = feature_store.StoreKey("resnet50", "b", "w", False, 64, "float32", True, "float16", (4, 4, 8))
ROW = KEY.row_bytes


def keys(n: int, of: str = "") -> list[bytes]:
    return [feature_store.row_key(f"{of}{i}", -1, AugmentationRecipe(), 1) for i in range(n)]


class Compute:
    """Rows that tell which they are, and a count of how many were asked for."""

    def __init__(self, batch: int = 3, stop_after: int | None = None) -> None:
        self.asked: list[int] = []
        self.batch, self.stop_after = batch, stop_after

    def __call__(self, which: Sequence[int]) -> Iterable[np.ndarray]:
        for start in range(0, len(which), self.batch):
            if self.stop_after is not None and start >= self.stop_after:
                raise KeyboardInterrupt
            chunk = which[start : start + self.batch]
            self.asked += chunk
            yield np.stack([np.full(KEY.shape, i, KEY.dtype) for i in chunk])


def read(store: feature_store.Store, places: np.ndarray) -> list[float]:
    return [float(row.max()) for row in store.rows(places) if row.min() == row.max()]


def test_a_store_of_squeezed_pictures_keeps_the_name_that_it_had_and_letterboxed_ones_have_their_own() -> None:
    assert KEY.name == "ce1d134ceed44b4ffc0545d3"
    assert replace(KEY, resize="letterbox").name != KEY.name


def test_rows_are_computed_once_and_shared(tmp_path: Path) -> None:
    compute = Compute()
    for _ in range(2):
        store = feature_store.Store(tmp_path, KEY)
        assert read(store, store.ensure(keys(10), compute, 1.0)) == list(range(10))
    assert compute.asked == list(range(10))


def test_a_picture_that_stands_twice_is_computed_once(tmp_path: Path) -> None:
    compute, store = Compute(), feature_store.Store(tmp_path, KEY)
    assert read(store, store.ensure([*keys(3), *keys(2)], compute, 1.0)) == [0, 1, 2, 0, 1]
    assert compute.asked == [0, 1, 2]


def test_an_interrupted_writer_leaves_whole_rows_that_the_next_one_keeps(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        feature_store.Store(tmp_path, KEY).ensure(keys(10), Compute(stop_after=6), 1.0)
    (segment,) = tmp_path.glob("*/*.rows")
    with segment.open("ab") as stream:
        stream.write(b"half a row")
    compute, store = Compute(), feature_store.Store(tmp_path, KEY)
    assert read(store, store.ensure(keys(10), compute, 1.0)) == list(range(10))
    assert compute.asked == [6, 7, 8, 9]


def test_a_damaged_row_is_seen_and_computed_again(tmp_path: Path) -> None:
    feature_store.Store(tmp_path, KEY).ensure(keys(10), Compute(), 1.0)
    (segment,) = tmp_path.glob("*/*.rows")
    with segment.open("r+b") as stream:
        stream.seek(4 * ROW + 7)
        stream.write(b"\x55")
    compute, store = Compute(), feature_store.Store(tmp_path, KEY)
    assert read(store, store.ensure(keys(10), compute, 1.0)) == list(range(10))
    assert compute.asked == [4]


def test_the_least_recently_used_rows_go_first(tmp_path: Path) -> None:
    limit = 25 * ROW / feature_store.GIB
    store = feature_store.Store(tmp_path, KEY)
    for name in ("a", "b"):
        store.ensure(keys(10, name), Compute(), limit)
    for age, path in enumerate(sorted(tmp_path.glob("*/*.rows"))):
        os.utime(path, (1000 + age, 1000 + age))
    feature_store.Store(tmp_path, KEY).ensure(keys(10, "a"), Compute(), limit)
    store.ensure(keys(10, "c"), Compute(), limit)
    for name, again in (("a", 0), ("c", 0), ("b", 10)):
        compute = Compute()
        feature_store.Store(tmp_path, KEY).ensure(keys(10, name), compute, 1.0)
        assert len(compute.asked) == again


def test_features_that_do_not_fit_are_refused_before_any_is_made(tmp_path: Path) -> None:
    compute = Compute()
    with pytest.raises(DataError, match="features_gib allows 1e-06"):
        feature_store.Store(tmp_path, KEY).ensure(keys(10), compute, 1e-6)
    free = feature_store.shutil.disk_usage(tmp_path).free
    vast = feature_store.StoreKey(**{**KEY.__dict__, "shape": (free // 2 + 1,)})
    with pytest.raises(DataError, match="of disk are free"):
        feature_store.Store(tmp_path, vast).ensure(keys(1), compute, 1e9)
    assert compute.asked == []


def test_the_disk_needed_is_told_before_it_is_used(tmp_path: Path) -> None:
    told: list[tuple[str, int, int, str]] = []
    store = feature_store.Store(tmp_path, KEY)
    store.ensure(keys(10), Compute(), 1.0, lambda *what: told.append(what))
    assert told[0][1:3] == (0, 10) and "GiB for 10 rows" in told[0][3]


def test_augmented_rows_depend_on_seed_view_and_augmentation_and_plain_ones_do_not() -> None:
    one, other = AugmentationRecipe(), AugmentationRecipe(rotation_degrees=5)
    assert feature_store.row_key("p", -1, one, 1) == feature_store.row_key("p", -1, other, 2)
    drawn = {
        feature_store.row_key("p", view, change, seed) for view in (0, 1) for change in (one, other) for seed in (1, 2)
    }
    assert len(drawn) == 8
