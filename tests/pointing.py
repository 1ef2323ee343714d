"""On synthetic fractures, whose place is known: does the hottest point of a trained network's maps lie on them?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wrist_model.explanation import grad_cam, heat_map_checks, localisation, overlay
from wrist_model.radiograph import decode
from wrist_model.records import ImageRef, Split
from wrist_model.scoring import inference
from wrist_model.synthetic import dataset
from wrist_model.training import image_batches

HAND = 60
"""Pixels of a synthetic hand are brighter."""


@dataclass(frozen=True)
class Pointing:
    """Shares of the hits (positive, called positive): hottest point on the fracture; random points on the hand."""

    hits: int
    on_fracture: float
    by_chance: float
    withheld: float


def images(folder: Path) -> list[ImageRef]:
    """The MURA tree's images; a patient's number decides between train and validation."""
    found = []
    for file in sorted(folder.rglob("image?.png")):
        patient, study = file.parts[-3:-1]
        split: Split = "test" if "valid" in file.parts else "validation" if int(patient[7:]) % 6 == 0 else "train"
        try:
            pixels = decode.decode(file)[0].pixels
        except Exception:  # noqa: S112 (the set holds a truncated file on purpose)
            continue
        uid, sha256 = f"im-{patient}-{study}-{file.stem}", decode.pixel_sha256(pixels)
        label = int(study.endswith("positive"))
        found.append(ImageRef(uid, f"st-{patient}-{study}", f"pt-{patient}", str(file), sha256, label, split))
    return found


def pointing(model: Path, architecture: str, folder: Path) -> Pointing:
    """Explain every hit of a synthetic set with a trained network."""
    places = json.loads((folder / "fractures.json").read_text())
    refs = [ref for ref in images(folder / dataset.MURA) if ref.label == 1]
    scores = inference.predict(model, refs)
    hits = [ref for ref, score in zip(refs, scores, strict=True) if score >= 0.5]
    network = grad_cam.open_network(model, architecture)
    on, chance, withheld = [], [], []
    for start in range(0, len(hits), 32):
        chunk = hits[start : start + 32]
        pixels = [decode.load_pixels(ref) for ref in chunk]
        pictures = np.stack([image_batches.resized(each, network.size, "squeeze") for each in pixels])
        for ref, grey, heat, other in zip(
            chunk, pixels, network.maps(pictures), network.randomised(pictures), strict=True
        ):
            fractures = places[str(Path(ref.file).relative_to(folder))]
            full, part = overlay.upsampled(heat, grey.shape), _circles(grey.shape, fractures)
            on.append(localisation.hottest_inside(full, part))
            chance.append(localisation.random_inside(part, localisation.content(grey, HAND)))
            sanity = heat_map_checks.sanity_score(heat, other)
            withheld.append(bool(heat_map_checks.verdict(heat, sanity, heat_map_checks.border_share(full, grey))))
    return Pointing(len(hits), float(np.mean(on)), float(np.mean(chance)), float(np.mean(withheld)))


def _circles(shape: tuple[int, int], fractures: list[dict[str, float]]) -> NDArray[np.bool_]:
    row, column = np.indices(shape)
    inside = [(column - f["x"]) ** 2 + (row - f["y"]) ** 2 <= f["radius"] ** 2 for f in fractures]
    return np.any(inside, axis=0)
