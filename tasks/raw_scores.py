"""Run networks on images: raw scores, before calibration and any threshold."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger
from scipy import special
from sqlalchemy import Engine

from db import models, recipes
from db.engine import Catalogue
from db.home import home, model_file
from tasks.compute import dask_predict
from tasks.runtime.progress import progress
from wrist_model.errors import DataError
from wrist_model.network import forward
from wrist_model.network.tensorflow_setup import load_tensorflow
from wrist_model.radiograph import decode
from wrist_model.recipe import stored as stored_recipe
from wrist_model.records import ENSEMBLE, Forward, ImagePrediction, ImageRef
from wrist_model.scoring import ensemble


def ways(engine: Catalogue, model: models.ModelVersion) -> tuple[Forward, ...]:
    """How the network runs forward, or each member of an ensemble: as its operating points were locked, before that as
    this machine prefers. Raises UsageError where this machine can't."""
    if model.architecture == ENSEMBLE:
        return tuple(way for member in model.members for way in ways(engine, models.model(engine, member)))
    points = models.operating_points(engine, model.model_version_id)
    if not points:
        load_tensorflow()
        return (forward.preferred(model.architecture),)
    locked = Forward(points[0].engine or forward.TENSORFLOW.engine, points[0].precision or forward.TENSORFLOW.precision)
    return (forward.as_locked(locked, model.model_version_id),)


def raw_scores(
    engine: Engine,
    model: models.ModelVersion,
    refs: Sequence[ImageRef],
    how: Sequence[Forward],
    cluster: str | None = None,
) -> tuple[ImagePrediction, ...]:
    """Raw predictions by a network, or by each member of an ensemble and their mean; on a Dask cluster, if given.

    how: `ways` of the model."""
    if model.architecture != ENSEMBLE:
        return _of_network(model, refs, how[0], cluster, second_rules(engine, model))
    members = [models.model(engine, member) for member in model.members]
    rows = [
        _of_network(member, refs, way, cluster, second_rules(engine, member))
        for member, way in zip(members, how, strict=True)
    ]
    return averaged(engine, members, rows)


def averaged(
    engine: Engine, members: Sequence[models.ModelVersion], rows: Sequence[Sequence[ImagePrediction]]
) -> tuple[ImagePrediction, ...]:
    """An ensemble's raw predictions from its members': the mean of calibrated logits, each by its own locked points.

    Networks that were trained by the first rules are averaged by them, over raw probabilities: so is what serves now,
    whose thresholds were fixed on that.
    """
    if not all(second_rules(engine, member) for member in members):
        return ensemble.ensemble(rows)
    return ensemble.ensemble(rows, [models.operating_points(engine, member.model_version_id) for member in members])


def second_rules(engine: Engine, model: models.ModelVersion) -> bool:
    """Whether a network's recipe asks for the second rules, by which scores keep their logits."""
    if model.recipe_sha256 is None:
        return False
    kept = recipes.recipe(engine, model.recipe_sha256)
    return stored_recipe(kept.canonical_json, kept.name).evaluation.rules == "second"


def scores_of_whole_studies(
    engine: Engine,
    model: models.ModelVersion,
    refs: Sequence[ImageRef],
    how: Sequence[Forward],
    cluster: str | None = None,
) -> tuple[ImagePrediction, ...]:
    """The same of new studies, without those of which a picture changed or vanished: they are named in the log.

    Pictures are gone through one by one only after a DataError. Raises it where no study is whole.
    """
    try:
        return raw_scores(engine, model, refs, how, cluster)
    except DataError:
        broken = broken_studies(refs)
        whole = [ref for ref in refs if ref.study_uid not in broken]
        if not broken or not whole:
            raise
    for study, reason in broken.items():
        get_run_logger().warning("Study %s isn't scored: %s", study, reason)
    return raw_scores(engine, model, whole, how, cluster)


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
    model: models.ModelVersion, refs: Sequence[ImageRef], way: Forward, cluster: str | None, logits: bool
) -> tuple[ImagePrediction, ...]:
    """A single network's raw predictions of these images, in their order; with their logits where asked for."""
    path = model_file(home(), model.artifact_sha256)
    with progress(f"predict with {model.architecture}") as tell:
        if cluster:
            scores = dask_predict.predict(path, refs, address=cluster, way=way, progress=tell, logits=logits)
        else:
            load_tensorflow()
            from wrist_model.scoring import inference

            scores = (inference.predict_logits if logits else inference.predict)(path, refs, way=way, progress=tell)
    raw = special.expit(scores) if logits else scores
    return tuple(
        ImagePrediction(
            ref.image_uid,
            ref.study_uid,
            ref.patient_key,
            ref.split,
            ref.label,
            float(p),
            logit=float(score) if logits else None,
        )
        for ref, score, p in zip(refs, scores, raw, strict=True)
    )
