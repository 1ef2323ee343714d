"""A training's state between two epochs, on disk: what makes an interrupted run equal to an uninterrupted one.

    home/runs/<run_id>/state-<epoch>.npz   weights, optimizer, random states, history, early stopping
    home/runs/<run_id>/best-<epoch>.npz    the weights of the best epoch so far

Each file is written beside and renamed, so that a kill at any moment leaves the last finished epoch whole.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wrist_model.records import Epoch


@dataclass(frozen=True)
class State:
    """variables: of the network and then the optimizer, in their order. waited: epochs since the best one."""

    history: tuple[Epoch, ...]
    best_epoch: int
    waited: int
    variables: tuple[np.ndarray, ...]
    best: tuple[np.ndarray, ...]


def save(folder: Path, state: State, fingerprint: str) -> None:
    """Write a finished epoch's state; the one before goes after it is whole. fingerprint: of what must not change."""
    folder.mkdir(parents=True, exist_ok=True)
    epoch = len(state.history)
    best = folder / f"best-{state.best_epoch}.npz"
    if not best.exists():
        _write(best, {}, state.best)
    head = {
        "fingerprint": fingerprint,
        "best_epoch": state.best_epoch,
        "waited": state.waited,
        "history": [asdict(each) for each in state.history],
    }
    _write(folder / f"state-{epoch}.npz", head, state.variables)
    for old in folder.glob("*.npz"):
        if old.name not in (f"state-{epoch}.npz", best.name):
            old.unlink()


def load(folder: Path, fingerprint: str) -> State | None:
    """The newest whole state of the same training, or None: then it begins anew."""
    found = sorted(folder.glob("state-*.npz"), key=lambda path: int(path.stem.split("-")[1]), reverse=True)
    for path in found:
        try:
            head, variables = _read(path)
            if head["fingerprint"] != fingerprint:
                continue
            _, best = _read(folder / f"best-{head['best_epoch']}.npz")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            continue  # damaged: the one before, or the beginning
        history = tuple(Epoch(**each) for each in head["history"])
        return State(history, head["best_epoch"], head["waited"], variables, best)
    return None


def forget(folder: Path) -> None:
    """Remove a finished run's state; its model is stored under its hash."""
    shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, head: dict, arrays: Sequence[np.ndarray]) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        text = np.frombuffer(json.dumps(head).encode(), np.uint8)
        np.savez(stream, text, *arrays)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def _read(path: Path) -> tuple[dict, tuple[np.ndarray, ...]]:
    with np.load(path, allow_pickle=False) as file:
        arrays = [file[f"arr_{i}"] for i in range(len(file.files))]
    return json.loads(arrays[0].tobytes()), tuple(arrays[1:])
