"""The pixel store: decoded frames as PNG, each named by the hash of its pixels."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from wrist_model.records import pixel_file


def keep(pixels: np.ndarray, pixel_sha256: str, folder: Path) -> None:
    """Put a frame into the pixel store, whole or not at all; one that is there stays."""
    path = pixel_file(folder, pixel_sha256)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".pixels-", suffix=".png", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            Image.fromarray(pixels).save(file, "PNG", compress_level=1)
            if path.parent.stat().st_mode & stat.S_IWGRP:  # a home that a group shares
                os.fchmod(descriptor, 0o640)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
