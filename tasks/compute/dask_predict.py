"""Images scored on a Dask cluster instead of in this process; its machines must see the same files at the same paths.

Each worker reads the pixels and the saved network itself, and only probabilities come back. A chunk holds whole
batches, so that the figures are those that one process gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.compute.dask_decode import connected
from wrist_model.network.forward import BATCH
from wrist_model.records import Forward, ImageRef, Progress

CHUNK = 64 * BATCH
"""Images a chunk: some 20 s of work, of which loading the network takes a tenth."""


def predict(
    model_path: Path,
    refs: Sequence[ImageRef],
    *,
    address: str,
    way: Forward,
    progress: Progress | None = None,
    logits: bool = False,
) -> np.ndarray:
    """P(positive) of each image, or its logit, float64 (n,), in the order of refs, as `wrist_model.scoring.inference`.

    Raises UsageError when there is no scheduler at address, DataError as there.
    """
    found = np.zeros(len(refs))
    with connected(address) as client:
        from distributed import as_completed

        parts = {
            client.submit(_chunk, str(model_path), tuple(refs[at : at + CHUNK]), way, logits, pure=False): at
            for at in range(0, len(refs), CHUNK)
        }
        done = 0
        for future in as_completed(list(parts)):
            scores = future.result()
            found[parts[future] : parts[future] + len(scores)] = scores
            done += len(scores)
            if progress:
                progress("predict", done, len(refs), "on the cluster")
    return found


def _chunk(model_path: str, refs: Sequence[ImageRef], way: Forward, logits: bool) -> np.ndarray:
    from wrist_model.network.tensorflow_setup import load_tensorflow
    from wrist_model.scoring import inference

    load_tensorflow()
    return (inference.predict_logits if logits else inference.predict)(Path(model_path), refs, way=way)
