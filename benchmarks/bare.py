"""The peer of a first ingest: worker processes that only read, hash and decode. Imports nothing else, to start fast."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image


def read_hash_decode(path: str) -> str:
    """SHA-256 of the file and of its grey pixels, in hexadecimal digits."""
    data = Path(path).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("L"))
    return digest + hashlib.sha256(pixels.tobytes()).hexdigest()
