"""From raw predictions to locked operating points, decisions and metrics. Validation tunes, test is only scored.

`lock` accepts validation rows alone; `apply` and `measure` take its points and fit nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from wrist_model.errors import DataError
from wrist_model.evidence.subgroups import Subgroups, of_studies, remarks
from wrist_model.recipe import EvaluationRecipe
from wrist_model.records import ImagePrediction, Level, Metric, OperatingPoint, Split, StudyPrediction
from wrist_model.statistics import calibration_headline
from wrist_model.statistics.clustered_proportion import proportion
from wrist_model.statistics.confidence_intervals import Interval, draw
from wrist_model.statistics.interval_rules import intervals
from wrist_model.statistics.metrics import AT_THRESHOLD, FROM_SCORES, UNDEFINED, Table, refuse_hard_labels
from wrist_model.statistics.predictive_values import at_prevalence


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
    of_study = of_studies(images, subgroups or {})
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
    notes = remarks(subgroup, n_studies)
    notes += [] if patients_known else ["the source names no patients: resampled by study, so possibly too narrow"]
    counts = None
    jobs: list[tuple[OperatingPoint | None, tuple[str, ...]]] = [(None, FROM_SCORES)]
    jobs += [(point, AT_THRESHOLD) for point in points]
    for point, names in jobs:
        table = Table(labels, scores, patients, point.threshold if point else None)  # type: ignore[arg-type]
        if counts is None and table.n_patients > 1:
            counts = draw(table.n_patients, recipe.resamples, recipe.bootstrap_seed)
        cells = table.confusion() if point else None
        spans = intervals(table, recipe.resamples, recipe.bootstrap_seed, names, counts, recipe.rules)
        for name in names:
            value, span = table.value(name), spans[name]
            said = [*notes, *([UNDEFINED[name]] if value is None else []), *([span.note] if span.note else [])]
            yield _metric(
                split, level, subgroup, point, name, value, span, n_images, n_studies, table, cells, said, recipe
            )
        for name, one in _second(table, point, recipe).items():
            span, said = Interval(one.low, one.high, 0), [*notes, *([one.note] if one.note else [])]
            yield _metric(
                split, level, subgroup, point, name, one.value, span, n_images, n_studies, table, cells, said, recipe
            )


def _second(
    table: Table, point: OperatingPoint | None, recipe: EvaluationRecipe
) -> dict[str, calibration_headline.Estimate]:
    """What the second rules add: calibration from the scores, predictive values at the recipe's prevalence."""
    if recipe.rules == "first":
        return {}
    y, patients = table.labels, table.codes
    if point is None:
        return calibration_headline.headline(y, table.scores, patients)
    if not recipe.prevalence or not 0 < y.sum() < len(y):
        return {}
    called = table.scores >= point.threshold
    sensitivity = proportion(called[y == 1], patients[y == 1], 0.025)
    specificity = proportion(~called[y == 0], patients[y == 0], 0.025)
    found = at_prevalence(sensitivity, specificity, recipe.prevalence)
    return {f"{name}_at_prevalence": one for name, one in found.items()}


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


def _members(
    rows: Sequence[ImagePrediction | StudyPrediction], of_study: Mapping[str, tuple[str, ...]]
) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        for name in of_study.get(row.study_uid, ()):
            found[name].append(place)
    return dict(sorted(found.items()))
