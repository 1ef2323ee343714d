"""gradcam: stored, checked overlays a second. bootstrap: seconds for all metrics with their intervals."""

from __future__ import annotations

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.result import Result, spread
from wrist_model.radiograph import decode
from wrist_model.records import ImageRef
from wrist_model.statistics.confidence_intervals import intervals
from wrist_model.statistics.metrics import Table

MAPS_A_SECOND = 20.0
BOOTSTRAP_SECONDS = 5.0


def gradcam(quick: bool = False) -> list[Result]:
    """From files to overlays on disk: decode, Grad-CAM, the same with shuffled weights, verdict, colour, PNG."""
    from wrist_model.explanation import grad_cam as subject
    from wrist_model.network import assemble
    from wrist_model.recipe import NetworkRecipe

    n, runs = (64, 2) if quick else (128, 5)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        refs = _radiographs(home, n)
        for architecture in ("efficientnetb0", "resnet50"):
            network = assemble.build(architecture, NetworkRecipe(weights="none"), seed=0, free_all=True).whole
            path = home / f"{architecture}.keras"
            network.save(path)
            opened = subject.open_network(path, architecture)
            subject.explain(path, architecture, refs[:32], home, explainer=opened)
            rates = []
            for _ in range(runs):
                for old in (home / "explanations").iterdir():
                    old.unlink()
                start = time.perf_counter()
                subject.explain(path, architecture, refs, home, explainer=opened)
                rates.append(n / (time.perf_counter() - start))
            ours = float(np.median(rates))
            setup = f"{architecture}, {n} PNG of 512×400 → checked overlays on disk, 224×224 network, open already"
            found.append(
                Result("gradcam", ours, MAPS_A_SECOND, ours / MAPS_A_SECOND, spread(rates), "maps/s (limit)", setup)
            )
    return found


def _radiographs(home: Path, n: int) -> list[ImageRef]:
    rng = np.random.default_rng(0)
    refs = []
    for number in range(n):
        blobs = Image.fromarray(rng.integers(0, 255, (16, 13), dtype=np.uint8)).resize((400, 512))
        pixels = np.asarray(blobs)
        path = home / f"{number}.png"
        Image.fromarray(pixels).save(path)
        refs.append(ImageRef(f"im-{number}", f"st-{number}", f"pt-{number}", str(path), decode.pixel_sha256(pixels)))
    return refs


def bootstrap(quick: bool = False) -> list[Result]:
    """10,000 images of 3,400 patients, 13 metrics, 2,000 resamples; beside a loop over scikit-learn's functions."""
    rng = np.random.default_rng(0)
    owners = rng.integers(0, 3400, 10_000)
    labels = rng.integers(0, 2, 10_000)
    scores = 1 / (1 + np.exp(-(rng.normal(size=10_000) + labels)))
    runs = []
    for _ in range(2 if quick else 5):
        start = time.perf_counter()
        intervals(Table(labels, scores, owners, 0.5), 2000, 7)
        runs.append(time.perf_counter() - start)
    ours = float(np.median(runs))
    loop = _plain_loop(labels, scores, owners, 5 if quick else 20) * 2000
    setup = "13 metrics with 95% intervals, 10,000 images, 3,400 patients, 2,000 resamples"
    return [
        Result("bootstrap", ours, BOOTSTRAP_SECONDS, BOOTSTRAP_SECONDS / ours, spread(runs), "s (limit)", setup),
        Result(
            "bootstrap",
            ours,
            loop,
            loop / ours,
            spread(runs),
            "s",
            f"{setup}; peer: a loop over scikit-learn's 12 functions, its time for 2,000 from fewer resamples",
        ),
    ]


def _plain_loop(labels: np.ndarray, scores: np.ndarray, owners: np.ndarray, resamples: int) -> float:
    """Seconds a resample."""
    from sklearn import metrics as peer

    order = np.argsort(owners, kind="stable")
    keys, starts = np.unique(owners[order], return_index=True)
    rows = np.split(order, starts[1:])
    rng = np.random.default_rng(1)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(resamples):
            drawn = np.concatenate([rows[place] for place in rng.integers(0, len(keys), len(keys))])
            y, p = labels[drawn], scores[drawn]
            called = (p >= 0.5).astype(int)
            peer.accuracy_score(y, called)
            peer.cohen_kappa_score(y, called)
            for positive in (0, 1):
                peer.recall_score(y, called, pos_label=positive)
                peer.precision_score(y, called, pos_label=positive)
                peer.f1_score(y, called, pos_label=positive)
            peer.roc_auc_score(y, p)
            peer.average_precision_score(y, p)
            peer.brier_score_loss(y, p)
            peer.log_loss(y, p)
    return (time.perf_counter() - start) / resamples
