"""Run networks on images: raw scores, before calibration and any threshold."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger
from sqlalchemy import Engine

from db import models
from db.home import home, model_file
from tasks.compute import dask_predict
from tasks.runtime.progress import progress
from wrist_model.errors import DataError
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.radiograph import decode
from wrist_model.records import ENSEMBLE, ImagePrediction, ImageRef
from wrist_model.scoring import ensemble


def raw_scores(
    engine: Engine, model: models.ModelVersion, refs: Sequence[ImageRef], cluster: str | None = None
) -> tuple[ImagePrediction, ...]:
    """Raw predictions by a network, or by each member of an ensemble and their mean; on a Dask cluster, if given."""
    if model.architecture != ENSEMBLE:
        return _of_network(model, refs, cluster)
    members = [models.model(engine, member) for member in model.members]
    return tuple(ensemble.ensemble([_of_network(member, refs, cluster) for member in members]))


def scores_of_whole_studies(
    engine: Engine, model: models.ModelVersion, refs: Sequence[ImageRef], cluster: str | None = None
) -> tuple[ImagePrediction, ...]:
    """The same of new studies, without those of which a picture changed or vanished: they are named in the log.

    Pictures are gone through one by one only after a DataError. Raises it where no study is whole.
    """
    try:
        return raw_scores(engine, model, refs, cluster)
    except DataError:
        broken = broken_studies(refs)
        whole = [ref for ref in refs if ref.study_uid not in broken]
        if not broken or not whole:
            raise
    for study, reason in broken.items():
        get_run_logger().warning("Study %s isn't scored: %s", study, reason)
    return raw_scores(engine, model, whole, cluster)


def broken_studies(refs: Sequence[ImageRef]) -> dict[str, str]:
    """study_uid → what is wrong with the first of its pictures that isn't as it was catalogued."""
    found: dict[str, str] = {}
    for ref in refs:
        try:
            decode.load_pixels(ref)
        except DataError as error:
            found.setdefault(ref.study_uid, str(error))
    return found


def _of_network(
    model: models.ModelVersion, refs: Sequence[ImageRef], cluster: str | None
) -> tuple[ImagePrediction, ...]:
    """A single network's raw predictions of these images, in their order."""
    path = model_file(home(), model.artifact_sha256)
    with progress(f"predict with {model.architecture}") as tell:
        if cluster:
            scores = dask_predict.predict(path, refs, address=cluster, progress=tell)
        else:
            load_tensorflow()
            from wrist_model.scoring import inference

            scores = inference.predict(path, refs, progress=tell)
    return tuple(
        ImagePrediction(ref.image_uid, ref.study_uid, ref.patient_key, ref.split, ref.label, float(score))
        for ref, score in zip(refs, scores, strict=True)
    )
