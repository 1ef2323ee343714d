"""Check new studies for drift from those that the champion was trained on; stored, and drawn in the run's pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

from prefect import get_run_logger, task
from sqlalchemy import Engine

from db import datasets, drift_checks, promotions
from db.drift_features import StudyFacts, study_facts
from db.engine import open_catalogue
from db.image_refs import image_refs, refs_of_studies
from tasks.runtime import artifacts
from tasks.runtime.progress import progress
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.errors import DataError
from wrist_model.evidence import drift
from wrist_model.evidence_records import DriftCheck
from wrist_model.radiograph import decode
from wrist_model.recipe import Recipe
from wrist_model.records import ImageRef

MOST_IMAGES = 400  # read for their histograms, of reference and of new studies each
EVENT = "wrist.drift"
Features = dict[str, list[float | str | None]]


@task(name="look for drift", task_run_name="look for drift", tags=["drift"], **BUSY)
def check_drift(recipe: Recipe) -> dict[str, Any]:
    """Writes one drift check, a row a feature; gives drift_id, n_current, alerts (names) and a sentence.

    The reference is the training split of the version that the champion was trained on (its scores: validation and
    test, which it was not trained on). Current are the newest `drift.newest_studies` (0: all) first seen since. Below
    `drift.minimum_studies` of them nothing is tested. Raises DataError without a champion.
    """
    engine, log = open_catalogue(), get_run_logger()
    champion = promotions.champion(engine)
    if champion is None:
        raise DataError("No model serves yet, so there is nothing to drift from: `wrist retrain` first.")
    trained_on = datasets.training_dataset(engine, champion.model_version_id)
    if trained_on is None:
        raise DataError(f"{champion.model_version_id} has no training run, so no data to drift from.")
    dataset_id = trained_on.dataset_id
    studies = study_facts(engine, dataset_id, champion.model_version_id)
    new = [one for one in studies if one.split is None][-recipe.drift.newest_studies :]
    if len(new) < recipe.drift.minimum_studies:
        said = f"{len(new)} new studies since {dataset_id}; drift.minimum_studies is {recipe.drift.minimum_studies}."
        log.info("Drift: %s", said)
        return {"drift_id": None, "n_current": len(new), "alerts": [], "said": said}
    reference, current = _features(engine, dataset_id, [*(one for one in studies if one.split), *new])
    checks = drift.check(reference, current, recipe.drift)
    drift_id = drift_checks.add_drift_checks(engine, checks, champion.model_version_id, provenance())
    alerts = [one.feature for one in checks if one.alert]
    said = f"{len(new)} new studies against {dataset_id}: " + (
        f"drift in {', '.join(alerts)}" if alerts else "no drift"
    )
    artifacts.markdown("drift", said, _page(said, checks, reference, current, recipe))
    log.info("Drift: %s.", said)
    return {"drift_id": drift_id, "n_current": len(new), "alerts": alerts, "said": said}


def _features(engine: Engine, dataset_id: str, studies: Sequence[StudyFacts]) -> tuple[Features, Features]:
    trained = [one for one in studies if one.split == "train"]
    held_out = [one for one in studies if one.split in ("validation", "test")]
    new = [one for one in studies if one.split is None]
    known = _histograms(engine, dataset_id, trained, new)
    sides = []
    for side, scored in ((trained, held_out), (new, new)):
        values: Features = {
            "score": [one.score for one in scored],
            "mean intensity": [one.mean_intensity for one in side],
            "image height": [one.rows for one in side],
            "image width": [one.columns for one in side],
            "images a study": [str(min(one.n_images, 6)) for one in side],
            "polarity": ["inverted" if one.inverted else "upright" for one in side],
            "scanner": [one.scanner for one in side],
            "positives": [None if one.label is None else str(one.label) for one in side],
        }
        for place, name in enumerate(drift.PERCENTILES):
            values[f"intensity, {name}"] = [known[u][place] for u in (s.study_uid for s in side) if u in known]
        sides.append(values)
    return sides[0], sides[1]


def _histograms(
    engine: Engine, dataset_id: str, trained: Sequence[StudyFacts], new: Sequence[StudyFacts]
) -> dict[str, tuple[float, ...]]:
    """study_uid → percentiles of its first image, of at most MOST_IMAGES reference and new studies each."""
    wanted = {s.study_uid for side in (trained, new) for s in side[:: max(1, -(-len(side) // MOST_IMAGES))]}
    first: dict[str, ImageRef] = {}
    for ref in (*image_refs(engine, dataset_id, "train"), *refs_of_studies(engine, wanted)):
        if ref.study_uid in wanted:
            first.setdefault(ref.study_uid, ref)
    found = {}
    with progress("read pixels") as tell:
        for done, (uid, ref) in enumerate(first.items()):
            tell("read pixels", done, len(first), "")
            try:
                found[uid] = drift.intensities(decode.load_pixels(ref))
            except DataError:  # a missing file is no sign of drift; ingest and verify name it
                continue
    return found


def _page(said: str, checks: Sequence[DriftCheck], reference: Features, current: Features, recipe: Recipe) -> str:
    lines = [
        f"# Drift: {said}",
        "",
        "| feature | reference | new | p, corrected | PSI | |",
        "|---|---|---|---|---|---|",
    ]
    for one in checks:
        p = "–" if one.p_adjusted is None else f"{one.p_adjusted:.4f}"
        index = "–" if one.psi is None else f"{one.psi:.3f}"
        word = "**drift**" if one.alert else ""
        word += " large" if one.psi is not None and one.psi >= recipe.drift.psi else ""
        lines.append(f"| {one.feature} | {one.n_reference} | {one.n_current} | {p} | {index} | {word} |")
    lines += [
        "",
        f"One test a feature, Holm-corrected: at most {recipe.drift.false_alarm_rate:.0%} of {_spent_over(recipe)}. "
        f"PSI from {recipe.drift.psi:g} on is called large.",
        "",
    ]
    picture = base64.b64encode(_chart(checks, reference, current)).decode("ascii")
    return "\n".join([*lines, f"![distributions](data:image/png;base64,{picture})", ""])


def _spent_over(recipe: Recipe) -> str:
    looks = recipe.drift.looks_a_year
    return "looks are false alarms" if looks == 1 else f"years of {looks} looks have a false alarm"


def _chart(checks: Sequence[DriftCheck], reference: Features, current: Features) -> bytes:
    """Reference (filled) and new (line) of each tested feature, as shares."""
    from matplotlib.figure import Figure

    shown = [one for one in checks if one.p_value is not None]
    figure = Figure(figsize=(9, 2.0 * max(1, -(-len(shown) // 3))), layout="constrained")
    for place, one in enumerate(shown):
        axes = figure.add_subplot(-(-len(shown) // 3), 3, place + 1)
        a, b = ([v for v in side[one.feature] if v is not None] for side in (reference, current))
        if isinstance(a[0], str):
            words = sorted({*a, *b}, key=str)[:8]
            places = range(len(words))
            axes.bar(places, [a.count(word) / len(a) for word in words], color="0.8")
            axes.plot(places, [b.count(word) / len(b) for word in words], "o", color="C1" if one.alert else "C0")
            axes.set_xticks(list(places), [str(word)[:9] for word in words], fontsize=6)
        else:
            numbers = [float(v) for v in (*a, *b)]
            edges = [min(numbers) + (max(numbers) - min(numbers)) * k / 24 for k in range(25)]
            axes.hist([float(v) for v in a], bins=edges, density=True, color="0.8")
            axes.hist(
                [float(v) for v in b], bins=edges, density=True, histtype="step", color="C1" if one.alert else "C0"
            )
        axes.set_title(one.feature + (" (drift)" if one.alert else ""), fontsize=8)
        axes.tick_params(labelsize=6)
        axes.set_yticks([])
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80)
    return artifacts.shrunk(stream.getvalue(), 720, colours=32)
