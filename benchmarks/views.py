"""How much the number of stored views gains: validation AUC and log loss at 1, 3 and 10 views an image, and online.

On the real hand radiographs beside the checkout. ImageNet weights can't be had on the machines where this was written,
so the backbone is trained here first, from scratch, to tell lateral and oblique from frontal views (it sees no label of
a fracture), and then given to the report's recipe as `weights = "<path>"`. The figures compare the modes with one
another; how well a network that starts from ImageNet reads fractures they do not say. WRIST_BENCH_NETWORK=resnet50
takes that network instead of EfficientNetB0.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks.pixels import REAL, block, manifest
from benchmarks.result import Result, spread
from db.home import work_folders
from wrist_model.radiograph import decode
from wrist_model.recipe import Recipe, from_mapping
from wrist_model.records import ImageRef
from wrist_model.scoring import inference
from wrist_model.training import fit

SIZE, EPOCHS = 128, 20
MODES = (("features", 1), ("features", 3), ("features", 10), ("online", 3))
Pictures = list[tuple[ImageRef, int]]
"""An image labelled with its fracture, and whether its view is other than frontal."""


def views_per_image(*, quick: bool) -> list[Result]:
    """AUC and log loss of each mode beside online training of the same seed."""
    architecture = os.environ.get("WRIST_BENCH_NETWORK", "efficientnetb0")
    seeds, epochs = ((1,), 3) if quick else ((1, 2, 3), EPOCHS)
    pictures = _pictures(160 if quick else None)
    if not pictures:
        print(f"views_per_image needs the radiographs at {REAL}", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder:
        backbone = _pretrained(pictures, architecture, Path(folder), 2 if quick else 12)
        found: dict[str, list[tuple[float, float, float]]] = {}
        for seed in seeds:
            train, validation = _split(pictures, seed)
            for mode, views in MODES:
                recipe = _recipe(str(backbone), seed, mode, views, epochs)
                home = Path(tempfile.mkdtemp(dir=folder))  # no mode finds another's features
                begun = time.perf_counter()
                made = fit.train(
                    train,
                    validation,
                    recipe,
                    architecture,
                    folders=work_folders(home),
                    run_id="r",
                    on_epoch=lambda _: None,
                )
                seconds = time.perf_counter() - begun
                p = inference.predict(home / "models" / f"{made.artifact_sha256}.keras", validation)
                labels = [ref.label for ref in validation]
                name = "online" if mode == "online" else f"{views} view{'s' * (views > 1)}"
                found.setdefault(name, []).append((roc_auc_score(labels, p), log_loss(labels, p), seconds))
                print(f"{architecture} seed {seed} {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    results = []
    setup = (
        f"{architecture}, backbone pretrained here on views, {SIZE} px, {epochs} epochs, {len(seeds)} seeds of split "
        f"and training, {len(pictures)} real hand radiographs; peer: online"
    )
    for name, rows in found.items():
        ours, peer = np.array(rows), np.array(found["online"])
        for column, unit in enumerate(("validation AUC", "validation log loss", "s a training")):
            difference = spread(list(ours[:, column] - peer[:, column]))
            middle, beside = float(np.mean(ours[:, column])), float(np.mean(peer[:, column]))
            where = f"differences {difference}"
            results.append(Result(f"views {name}", middle, beside, middle / beside, where, unit, setup))
    return results


def _pictures(most: int | None) -> Pictures:
    made = []
    for row in manifest()[:most]:
        file_path = REAL / row["path"]
        (pixels,) = decode.decode(file_path)
        uid = file_path.stem
        ref = ImageRef(
            uid, uid, uid, str(file_path), decode.pixel_sha256(pixels.pixels), int(row["label"] == "positive"), "train"
        )
        made.append((ref, int(row["view"] != "frontal")))
    return made


def _split(pictures: Pictures, seed: int) -> tuple[list[ImageRef], list[ImageRef]]:
    """One block of neighbours in five for validation: neighbours are probably one patient."""
    blocks = block(len(pictures) - 1) + 1
    held = set(np.random.default_rng(seed).permutation(blocks)[: max(1, blocks // 5)].tolist())
    train = [ref for place, (ref, _) in enumerate(pictures) if block(place) not in held]
    return train, [ref for place, (ref, _) in enumerate(pictures) if block(place) in held]


def _pretrained(pictures: Pictures, architecture: str, home: Path, epochs: int) -> Path:
    told = [replace(ref, label=other) for ref, other in pictures]
    cut = len(told) // 5
    recipe = from_mapping(
        {
            "name": "views",
            "network": {"weights": "none", "image_size": 96, "batch_norm": "training", "batch_norm_momentum": 0.9},
            "training": {
                **{"epochs": epochs, "patience": epochs, "batch_size": 16, "learning_rate": 1e-3, "mode": "online"},
                "learning_rate_schedule": "cosine",
            },
        },
        "views",
    )
    begun = time.perf_counter()
    made = fit.train(
        told[cut:], told[:cut], recipe, architecture, folders=work_folders(home), run_id="p", on_epoch=lambda _: None
    )
    best = max(epoch.val_accuracy for epoch in made.history)
    seconds = time.perf_counter() - begun
    print(f"… pretrained {architecture}: accuracy {best:.2f} on views, {seconds:.0f} s", file=sys.stderr, flush=True)
    return home / "models" / f"{made.artifact_sha256}.keras"


def _recipe(weights: str, seed: int, mode: str, views: int, epochs: int) -> Recipe:
    return from_mapping(
        {
            "name": "bench",
            "network": {"weights": weights, "image_size": SIZE},
            "training": {
                **{"seed": seed, "mode": mode, "views_per_image": views, "epochs": epochs, "patience": epochs},
                **{"batch_size": 32, "learning_rate": 1e-3},
            },
        },
        "bench",
    )
