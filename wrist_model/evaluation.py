"""From raw predictions to locked operating points, decisions and metrics. Validation tunes, test is only scored.

`lock` accepts validation rows alone; `apply` and `measure` take its points and fit nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from wrist_model import calibration
from wrist_model.errors import DataError
from wrist_model.intervals import Interval, draw, intervals
from wrist_model.metrics import AT_THRESHOLD, FROM_SCORES, UNDEFINED, Table, refuse_hard_labels
from wrist_model.recipe import EvaluationRecipe
from wrist_model.records import ImagePrediction, ImageRef, Level, Metric, OperatingPoint, Split, StudyPrediction

Row = TypeVar("Row", ImagePrediction, StudyPrediction)
Subgroups = Mapping[str, tuple[tuple[str, str], ...]]
SMALL = 10
"""Subgroups with fewer studies are marked too small to read."""
PRESENT_ANYWHERE = ("hardware", "inverted", "multi_view")
"""Subgroups that hold for a study as soon as one of its images has them."""


def by_study(images: Sequence[ImagePrediction]) -> tuple[StudyPrediction, ...]:
    """One row a study, in the order of study_uid; raw_probability is the mean over its images (arXiv 1712.06957).

    Raises DataError for a NaN score or a study whose images disagree on patient, split or label.
    """
    groups: dict[str, list[ImagePrediction]] = defaultdict(list)
    for image in images:
        if image.raw_probability is None or not 0 <= image.raw_probability <= 1:
            raise DataError(
                f"{image.image_uid} has the score {image.raw_probability}: expected a probability in [0, 1]. "
                "The network diverged or the row is damaged; train or predict again."
            )
        groups[image.study_uid].append(image)
    studies = []
    for study_uid, rows in sorted(groups.items()):
        if len({(row.patient_key, row.split, row.label) for row in rows}) > 1:
            raise DataError(f"{study_uid}: its images disagree on patient, split or label. Freeze the data set again.")
        mean = float(np.mean([row.raw_probability for row in rows]))
        first = rows[0]
        studies.append(StudyPrediction(study_uid, first.patient_key, first.split, first.label, len(rows), mean))
    return tuple(studies)


def complete(predictions: Sequence[ImagePrediction], expected: Sequence[ImageRef]) -> None:
    """Raises DataError that names what is missing, doubled or unexpected: rows must equal the frozen manifest."""
    seen = [row.image_uid for row in predictions]
    wanted = {ref.image_uid for ref in expected}
    missing = sorted(wanted - set(seen))
    surplus = sorted(set(seen) - wanted)
    if missing:
        raise DataError(
            f"{len(missing)} of {len(wanted)} images have no prediction, {missing[0]} first. Predict again."
        )
    if surplus:
        raise DataError(f"{len(surplus)} predictions are of images outside the frozen version, {surplus[0]} first.")
    if len(seen) != len(set(seen)):
        raise DataError(f"{len(seen) - len(set(seen))} images are predicted twice. Start a new evaluation.")


def ensemble(members: Sequence[Sequence[ImagePrediction]]) -> tuple[ImagePrediction, ...]:
    """The mean raw probability of several networks over the same images, in the first one's order."""
    first, *others = members
    scores = [{row.image_uid: row.raw_probability for row in rows} for rows in others]
    if any(len(table) != len(first) or any(row.image_uid not in table for row in first) for table in scores):
        raise DataError("The networks of an ensemble were not scored on the same images. Evaluate each again.")
    return tuple(
        ImagePrediction(
            row.image_uid,
            row.study_uid,
            row.patient_key,
            row.split,
            row.label,
            float(np.mean([row.raw_probability, *(table[row.image_uid] for table in scores)])),
        )
        for row in first
    )


def lock(validation: Sequence[ImagePrediction], recipe: EvaluationRecipe) -> tuple[OperatingPoint, ...]:
    """Calibration and thresholds of both levels, from validation rows alone; one point a level serves.

    youden: the threshold of the largest sensitivity + specificity − 1 (Youden 1950), in the middle between the two
    neighbouring probabilities. sensitivity: the highest threshold with sensitivity >= recipe.sensitivity_target.
    Raises DataError for rows of another split, one class only, NaN or hard labels.
    """
    if other := sorted({str(row.split) for row in validation} - {"validation"}):
        raise DataError(f"Operating points are fixed on validation alone; these rows are of split {', '.join(other)}.")
    labelled = [row for row in validation if row.label is not None]
    levels: tuple[tuple[Level, Sequence[ImagePrediction | StudyPrediction]], ...] = (
        ("image", labelled),
        ("study", by_study(labelled)),
    )
    points: list[OperatingPoint] = []
    for level, rows in levels:
        raw = np.array([row.raw_probability for row in rows], dtype=np.float64)
        labels = np.array([row.label for row in rows], dtype=np.int64)
        refuse_hard_labels(raw)
        fitted = calibration.fit(raw, labels)  # type: ignore[arg-type]
        probabilities = fitted.apply(raw)
        for name, target, threshold in (
            ("youden", None, _youden(probabilities, labels)),
            ("sensitivity", recipe.sensitivity_target, _sensitive(probabilities, labels, recipe.sensitivity_target)),
        ):
            serving = name == recipe.serving
            points.append(OperatingPoint(level, name, threshold, target, fitted.slope, fitted.intercept, serving))
    return tuple(points)


def _youden(probabilities: np.ndarray, labels: np.ndarray) -> float:
    values = np.unique(probabilities)
    sensitivity = np.array([np.mean(probabilities[labels == 1] >= t) for t in values])
    specificity = np.array([np.mean(probabilities[labels == 0] < t) for t in values])
    best = int(np.argmax(sensitivity + specificity))
    return float(values[best] if best == 0 else (values[best] + values[best - 1]) / 2)


def _sensitive(probabilities: np.ndarray, labels: np.ndarray, target: float) -> float:
    positives = np.sort(probabilities[labels == 1])[::-1]
    needed = int(np.ceil(target * len(positives) - 1e-9))
    return float(positives[max(needed, 1) - 1])


def serving(points: Sequence[OperatingPoint], level: Level) -> OperatingPoint:
    """The level's serving point. Raises DataError when the model version has none locked."""
    for point in points:
        if point.level == level and point.serving:
            return point
    raise DataError(f"No serving operating point at {level} level is locked: evaluate the model on validation first.")


def apply(points: Sequence[OperatingPoint], rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with probability, operating_point, threshold and predicted_label at their level's serving point."""
    if not rows:
        return ()
    point = serving(points, "image" if isinstance(rows[0], ImagePrediction) else "study")
    calibrated = calibration.Calibration(point.slope, point.intercept).apply([row.raw_probability for row in rows])
    return tuple(
        replace(
            row,
            probability=float(p),
            operating_point=point.name,
            threshold=point.threshold,
            predicted_label=int(p >= point.threshold),
        )
        for row, p in zip(rows, calibrated, strict=True)
    )


def measure(
    images: Sequence[ImagePrediction],
    studies: Sequence[StudyPrediction],
    points: Sequence[OperatingPoint],
    recipe: EvaluationRecipe,
    split: Split,
    subgroups: Subgroups | None = None,
    *,
    patients_known: bool = True,
) -> tuple[Metric, ...]:
    """Every metric with its interval, at both levels, for all rows and for each subgroup.

    images, studies: rows as `apply` gives them (with probability), all labelled and of `split`.
    subgroups: image_uid → ((name, value), …); a study has a value when all its images share it (hardware, inverted
    and multi_view: when one has it), else `mixed`; `age` in years becomes `age_band`; the study's number of images is
    added as `n_views` where it is not given. Subgroups are measured at the serving point.
    Metrics from scores have no operating point: they depend on no threshold. Nothing is fitted here.
    """
    everything: tuple[ImagePrediction | StudyPrediction, ...] = (*images, *studies)
    for row in everything:
        if row.split != split or row.probability is None:
            raise DataError(f"Rows to measure must be of split {split} and have a probability: apply the points first.")
    of_study = _study_subgroups(images, subgroups or {})
    found: list[Metric] = []
    levels: tuple[tuple[Level, Sequence[ImagePrediction | StudyPrediction]], ...] = (
        ("study", studies),
        ("image", images),
    )
    for level, rows in levels:
        refuse_hard_labels([row.raw_probability for row in rows])
        members = {"all": list(range(len(rows)))} | _members(rows, of_study)
        for subgroup, places in members.items():
            chosen = [rows[place] for place in places]
            own = [point for point in points if point.level == level]
            own = own if subgroup == "all" else [point for point in own if point.serving]
            found += _measured(chosen, level, own, recipe, split, subgroup, patients_known)
    return tuple(found)


def _measured(
    rows: Sequence[ImagePrediction | StudyPrediction],
    level: Level,
    points: Sequence[OperatingPoint],
    recipe: EvaluationRecipe,
    split: Split,
    subgroup: str,
    patients_known: bool,
) -> Iterable[Metric]:
    labels = [row.label for row in rows]
    scores = [row.probability for row in rows]
    patients = [row.patient_key for row in rows]
    n_studies = len({row.study_uid for row in rows})
    n_images = sum(row.n_images if isinstance(row, StudyPrediction) else 1 for row in rows)
    notes = [] if subgroup == "all" or n_studies >= SMALL else ["too small to read"]
    notes += [] if patients_known else ["the source names no patients: resampled by study, so possibly too narrow"]
    counts = None
    jobs: list[tuple[OperatingPoint | None, tuple[str, ...]]] = [(None, FROM_SCORES)]
    jobs += [(point, AT_THRESHOLD) for point in points]
    for point, names in jobs:
        table = Table(labels, scores, patients, point.threshold if point else None)  # type: ignore[arg-type]
        if counts is None and table.n_patients > 1:
            counts = draw(table.n_patients, recipe.resamples, recipe.bootstrap_seed)
        cells = table.confusion() if point else None
        spans = intervals(table, recipe.resamples, recipe.bootstrap_seed, names, counts)
        for name in names:
            value, span = table.value(name), spans[name]
            said = [*notes, *([UNDEFINED[name]] if value is None else []), *([span.note] if span.note else [])]
            yield _metric(
                split, level, subgroup, point, name, value, span, n_images, n_studies, table, cells, said, recipe
            )


def _metric(
    split: Split,
    level: Level,
    subgroup: str,
    point: OperatingPoint | None,
    name: str,
    value: float | None,
    span: Interval,
    n_images: int,
    n_studies: int,
    table: Table,
    cells: object,
    said: Sequence[str],
    recipe: EvaluationRecipe,
) -> Metric:
    counts = {cell: getattr(cells, cell) for cell in ("tp", "fp", "tn", "fn")} if cells else {}
    return Metric(
        split=split,
        level=level,
        subgroup=subgroup,
        operating_point=point.name if point else None,
        metric=name,
        value=value,
        ci_low=span.low,
        ci_high=span.high,
        n_images=n_images,
        n_studies=n_studies,
        n_patients=table.n_patients,
        threshold=point.threshold if point else None,
        n_resamples=span.n_resamples,
        bootstrap_seed=recipe.bootstrap_seed,
        note="; ".join(said) or None,
        **counts,
    )


def age_band(years: int) -> str:
    """`0-17`, `18-39`, `40-59`, `60-74` or `75+`."""
    for low, high in ((0, 17), (18, 39), (40, 59), (60, 74)):
        if years <= high:
            return f"{low}-{high}"
    return "75+"


def _study_subgroups(images: Sequence[ImagePrediction], subgroups: Subgroups) -> dict[str, tuple[str, ...]]:
    values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    sizes: dict[str, int] = defaultdict(int)
    for image in images:
        sizes[image.study_uid] += 1
        for name, value in subgroups.get(image.image_uid, ()):
            if name == "age" and value.isdigit():
                name, value = "age_band", age_band(int(value))
            values[image.study_uid][name].add(value)
    found = {}
    for study_uid, size in sizes.items():
        names = [] if "n_views" in values[study_uid] else [f"n_views={size}" if size < 4 else "n_views=4+"]
        for name, seen in values[study_uid].items():
            if len(seen) == 1:
                names.append(f"{name}={next(iter(seen))}")
            else:
                names.append(f"{name}=1" if name in PRESENT_ANYWHERE and "1" in seen else f"{name}=mixed")
        found[study_uid] = tuple(names)
    return found


def _members(
    rows: Sequence[ImagePrediction | StudyPrediction], of_study: Mapping[str, tuple[str, ...]]
) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        for name in of_study.get(row.study_uid, ()):
            found[name].append(place)
    return dict(sorted(found.items()))
