"""How often 95% intervals hold the truth: each displayed metric over prevalence, area and number of patients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from benchmarks.result import Result
from wrist_model.records import StudyPrediction
from wrist_model.statistics.calibration_headline import HEADLINE, Estimate, headline
from wrist_model.statistics.clustered_proportion import proportion
from wrist_model.statistics.confidence_intervals import Interval
from wrist_model.statistics.group_differences import group_differences
from wrist_model.statistics.interval_rules import intervals
from wrist_model.statistics.metrics import METRICS, Table
from wrist_model.statistics.paired_tests import paired
from wrist_model.statistics.predictive_values import at_prevalence

Floats = NDArray[np.float64]
LEAST, OVER = 0.93, 0.97
RESAMPLES = 400
NAMES = tuple(name for name in METRICS if name != "ece")
CELLS = tuple(
    (patients, prevalence, area)
    for patients in (50, 100, 237, 600)
    for prevalence in (0.1, 0.3, 0.5)
    for area in (0.75, 0.85, 0.92, 0.97, 0.999)
)
QUICK = ((50, 0.5, 0.999), (100, 0.3, 0.92))
UNEQUAL = ((50, 0.4, 0.92, 0.85), (50, 0.4, 0.95, 0.75), (237, 0.4, 0.92, 0.85))
DIFFERENCES = (*((*cell, cell[2]) for cell in CELLS), *UNEQUAL)
"""(patients, prevalence, the one model's area, the other's)"""
GROUPS = ((100, 0.92, 0.92), (237, 0.92, 0.85), (600, 0.97, 0.85))
"""(patients, area, area in a group of three in ten)"""
NAMED = 0.15
"""The prevalence at which predictive values are given too."""
AGAIN = 4
FEWEST_SHOWN = 0.1
"""A cell is reported where at least this share of its sets has the patients that the interval needs."""


def drawn(patients: int, prevalence: float, *areas: float, rng: np.random.Generator) -> tuple:
    """(labels (n,), probabilities (models, n), patients (n,)), one model for each area; a tenth of the patients bring
    two studies, whose scores share half of their variance. Two models' scores correlate at 0.85 within a class."""
    owners = np.repeat(np.arange(patients), 1 + (rng.random(patients) < 0.1))
    labels = (rng.random(patients) < prevalence)[owners].astype(np.int64)
    apart = np.sqrt(2) * stats.norm.ppf(areas)[:, None]

    def noise(models: int) -> Floats:
        return np.sqrt(0.5) * rng.standard_normal((models, patients))[:, owners] + np.sqrt(0.5) * (
            rng.standard_normal((models, len(owners)))
        )

    z = noise(1) if len(areas) == 1 else np.sqrt(0.85) * noise(1) + np.sqrt(0.15) * noise(len(areas))
    return labels, special.expit(apart * (z + apart * (labels - 0.5)) + special.logit(prevalence)), owners


def at_named_prevalence(table: Table, threshold: float) -> dict[str, Estimate]:
    """PPV and NPV at NAMED, as `evaluation_metrics.measure` gives them; nothing with one class."""
    y, called, patients = table.labels, table.scores >= threshold, table.codes
    if not 0 < y.sum() < len(y):
        return {}
    sensitivity, specificity = (
        proportion(called[y == label] == label, patients[y == label], 0.025) for label in (1, 0)
    )
    return {f"{name}_at_prevalence": one for name, one in at_prevalence(sensitivity, specificity, NAMED).items()}


@cache
def truth(prevalence: float, *areas: float) -> tuple[dict[str, float], ...]:
    """Each model's metrics in 400,000 patients; calibration is perfect by construction."""
    labels, scores, owners = drawn(400_000, prevalence, *areas, rng=np.random.default_rng(0))
    perfect = {"calibration_slope": 1.0, "calibration_in_the_large": 0.0, "observed_expected": 1.0}
    found = []
    for table in (Table(labels, each, owners, prevalence) for each in scores):
        named = {name: float(one.value or 0.0) for name, one in at_named_prevalence(table, prevalence).items()}
        found.append({name: float(table.value(name) or 0.0) for name in NAMES} | perfect | named)
    return tuple(found)


def cell(place: tuple[int, float, float], sets: int, first: int = 0, only: Sequence[str] | None = None) -> list[Result]:
    """One cell of the grid: a Result a metric (of these alone), with the share of sets in which an interval is shown.
    What lies under LEAST, by chance or not, is drawn again: AGAIN times as many sets, and none of the first ones."""
    patients, prevalence, area = place
    (true,) = truth(prevalence, area)
    held = dict.fromkeys(true if only is None else only, 0)
    names = [name for name in NAMES if name in held]
    shown: dict[str, int] = {}
    for number in range(first, first + sets):
        rng = np.random.default_rng([patients, round(1000 * prevalence), round(1000 * area), number])
        labels, scores, owners = drawn(patients, prevalence, area, rng=rng)
        table = Table(labels, scores[0], owners, prevalence)
        spans: dict[str, Interval | Estimate] = {**intervals(table, RESAMPLES, number, names, rules="second")}
        spans |= at_named_prevalence(table, prevalence)
        if not held.keys().isdisjoint(HEADLINE):
            spans |= headline(labels, scores[0], owners)
        for name in held:
            low, high = (spans[name].low, spans[name].high) if name in spans else (None, None)
            if low is not None and high is not None:
                shown[name] = shown.get(name, 0) + 1
                held[name] += low - 1e-12 <= true[name] <= high + 1e-12
    where = f"{patients} patients, prevalence {prevalence}, area {area}"
    found = [
        _result(f"coverage_{name}", held[name], shown.get(name, 0), f"{where}: shown in {shown.get(name, 0)} of {sets}")
        for name in held
        if shown.get(name, 0) >= FEWEST_SHOWN * sets
    ]
    doubtful = [one.name.removeprefix("coverage_") for one in found if one.ours < LEAST]
    if not doubtful or first > 0:
        return found
    return [one for one in found if one.ours >= LEAST] + cell(place, AGAIN * sets, sets, doubtful)


def differences(place: tuple[int, float, float, float], sets: int, first: int = 0) -> list[Result]:
    """Differences of two models by the second rules, whose scores correlate at 0.85: of one area, or of two. Drawn
    again as a `cell` is."""
    patients, prevalence, *areas = place
    true = truth(prevalence, *areas)
    held: dict[str, int] = {}
    shown: dict[str, int] = {}
    rejected: dict[str, int] = {}
    for number in range(first, first + sets):
        rng = np.random.default_rng([patients, round(1000 * prevalence), round(1000 * areas[1]), number, 5])
        labels, scores, owners = drawn(patients, prevalence, *areas, rng=rng)
        rows = [
            [
                StudyPrediction(
                    f"st-{n}", f"pt-{owner}", "test", int(y), 1, p, p, "youden", prevalence, int(p >= prevalence)
                )
                for n, (owner, y, p) in enumerate(zip(owners, labels, each.tolist(), strict=True))
            ]
            for each in scores
        ]  # fmt: skip
        for one in paired(*rows, challenger="a", reference="b", resamples=RESAMPLES, seed=number, rules="second"):
            low, high, gap = one.ci_low, one.ci_high, true[0][one.metric] - true[1][one.metric]
            if low is not None and high is not None:
                shown[one.metric] = shown.get(one.metric, 0) + 1
                held[one.metric] = held.get(one.metric, 0) + (low - 1e-12 <= gap <= high + 1e-12)
                rejected[one.metric] = rejected.get(one.metric, 0) + ((one.p_value or 1.0) <= 0.05)
    where = f"{patients} patients, prevalence {prevalence}, areas {areas[0]} and {areas[1]}, correlation 0.85"
    found = [
        _result(
            f"coverage_difference_{name}",
            held[name],
            shown[name],
            f"{where}: shown in {shown[name]} of {sets}, p <= 0.05 in {rejected[name]}",
        )
        for name in held
        if shown[name] >= FEWEST_SHOWN * sets
    ]
    doubtful = [one.name for one in found if one.ours < LEAST]
    if not doubtful or first > 0:
        return found
    again = differences(place, AGAIN * sets, sets)
    return [one for one in found if one.name not in doubtful] + [one for one in again if one.name in doubtful]


def groups(place: tuple[int, float, float], sets: int) -> list[Result]:
    """Subgroups against all others: how often all limits that are shown hold at once. One group of three in ten has an
    area of its own; two others, of half and of a tenth, differ in nothing from the rest of them."""
    patients, *areas = place
    one, other = truth(0.4, *areas)
    held = shown = 0
    for number in range(sets):
        rng = np.random.default_rng([patients, round(1000 * areas[1]), number, 9])
        labels, scores, owners = drawn(patients, 0.4, *areas, rng=rng)
        inside = {name: (rng.random(patients) < share)[owners] for name, share in (("a", 0.3), ("b", 0.5), ("c", 0.1))}
        score = np.where(inside["a"], scores[1], scores[0])
        found = group_differences(labels, score, score >= 0.4, owners, inside)
        gaps = [other[each.metric] - one[each.metric] if each.group == "a" else 0.0 for each in found]
        inside_limits = [
            each.low <= gap <= each.high
            for each, gap in zip(found, gaps, strict=True)
            if each.low is not None and each.high is not None
        ]
        shown += bool(inside_limits)
        held += bool(inside_limits) and all(inside_limits)
    where = f"{patients} patients, prevalence 0.4, area {areas[0]}, in a group of three in ten {areas[1]}"
    return [_result("coverage_groups_at_once", held, shown, f"{where}: shown in {shown} of {sets}")]


def summary(found: Sequence[Result]) -> list[Result]:
    """Of each metric's, and each difference's, coverage over its cells: the lowest, the mean, and where it is above
    OVER, so that intervals are wider than they need be."""
    cells: dict[str, list[Result]] = {}
    for one in found:
        if one.name.startswith("coverage_"):
            cells.setdefault(one.name.replace("coverage_", "coverage_of_", 1), []).append(one)
    made = []
    for name, group in cells.items():
        shares = [one.ours for one in group]
        worst = group[shares.index(min(shares))]
        under, over = sum(share < LEAST for share in shares), sum(share > OVER for share in shares)
        setup = (
            f"lowest of {len(group)} cells, {worst.setup}; mean {np.mean(shares):.3f}, highest {max(shares):.3f}; "
            f"{under} under {LEAST}, {over} over {OVER}"
        )
        made.append(Result(name, worst.ours, LEAST, worst.ours / LEAST, worst.spread, "share", setup))
    return made


def _result(name: str, held: int, shown: int, setup: str) -> Result:
    share = held / shown
    spread = f"±{np.sqrt(max(share * (1 - share), 1 / shown / 4) / shown):.4f}"
    return Result(name, share, LEAST, share / LEAST, spread, "share", setup)
