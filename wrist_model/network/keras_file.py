"""Saved networks: one .keras file a network, named by its SHA-256, the same bytes for the same weights."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrist_model.errors import DataError
from wrist_model.network.assemble import Network
from wrist_model.network.finite_weights import non_finite
from wrist_model.records import network_file

EPOCH_ZERO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can name


def save(
    network: Network, free_weights: Sequence[np.ndarray], folder: Path, origin: str, beside: Path | None = None
) -> str:
    """Write the whole network with these weights in its free part as folder/<sha256>.keras; gives the SHA-256.

    Raises DataError for weights that are NaN or infinite.
    beside: a folder of the same file system for what is half written, where a kill leaves it (default: `folder`).
    """
    network.free.set_weights(list(free_weights))
    refuse_non_finite(network.whole, "The trained network")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside or folder, prefix=".part-") as part:
        raw, clean = Path(part) / "raw.keras", Path(part) / "clean.keras"
        network.whole.save(raw)
        _without_times(raw, clean, origin)
        sha256 = hashlib.sha256(clean.read_bytes()).hexdigest()
        clean.chmod(0o644)
        clean.replace(network_file(folder, sha256))
    return sha256


def _without_times(raw: Path, clean: Path, origin: str) -> None:
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "metadata.json":
                facts = json.loads(content)
                facts.pop("date_saved", None)
                content = json.dumps(facts | {"wrist_origin": origin}, sort_keys=True).encode()
            if name == "config.json":
                content = _renumbered(content.decode()).encode()
            target.writestr(zipfile.ZipInfo(name, EPOCH_ZERO), content)


def _renumbered(config: str) -> str:
    """Keras names shared objects by their place in memory; here by the order in which they appear."""
    found: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f'"shared_object_id": {found.setdefault(match[1], len(found) + 1)}'

    return re.sub(r'"shared_object_id": (\d+)', number, config)


def load(path: Path) -> Any:
    """The Keras network of a file: whoever opens a saved network opens it here.

    Raises DataError for one that is missing or damaged, not the one whose hash its name is, or whose weights are NaN or
    infinite."""
    import keras

    try:
        if not path.is_file():
            raise FileNotFoundError
        content = path.read_bytes()
    except OSError:
        raise DataError(f"{path}: the saved network is gone. Train it again, or restore the models folder.") from None
    if len(path.stem) == 64 and hashlib.sha256(content).hexdigest() != path.stem:
        raise DataError(f"{path}: the saved network is damaged: its bytes no longer have the hash in its name.")
    try:
        network = keras.models.load_model(path, compile=False)
    except Exception as error:  # RecursionError, ModuleNotFoundError: Keras raises whatever it meets in a file
        raise DataError(f"{path}: not a saved network ({first_line(error)}).") from None
    refuse_non_finite(network, f"{path}: the saved network")
    return network


def first_line(error: Exception) -> str:
    """An error in a few words, its type where it has none."""
    said = str(error).strip().splitlines()
    return said[0][:200] if said else type(error).__name__


def refuse_non_finite(network: Any, what: str) -> None:
    """Raises DataError that names the layers of a Keras network whose weights are NaN or infinite."""
    bad = non_finite((variable.path.rpartition("/")[0], np.asarray(variable)) for variable in network.weights)
    if bad:
        raise DataError(f"{what} has weights that are NaN or infinite, in the layers {bad}: its scores mean nothing.")
