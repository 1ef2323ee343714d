"""How often 95% intervals hold the truth: each displayed metric over prevalence, area and number of patients."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from benchmarks.result import Result
from wrist_model.records import StudyPrediction
from wrist_model.statistics.calibration_headline import HEADLINE, headline
from wrist_model.statistics.interval_rules import intervals
from wrist_model.statistics.metrics import METRICS, Table
from wrist_model.statistics.paired_tests import paired

Floats = NDArray[np.float64]
LEAST = 0.93
RESAMPLES = 400
NAMES = tuple(name for name in METRICS if name != "ece")
CELLS = tuple(
    (patients, prevalence, area)
    for patients in (50, 100, 237, 600)
    for prevalence in (0.1, 0.3, 0.5)
    for area in (0.75, 0.85, 0.92, 0.97, 0.999)
)
QUICK = ((50, 0.5, 0.999), (100, 0.3, 0.92))
DIFFERENCES = ((50, 0.92, 0.92), (50, 0.92, 0.85), (50, 0.95, 0.75), (237, 0.92, 0.92), (237, 0.92, 0.85))
COMPARED_AT = 0.4
"""Prevalence where models are compared, and their threshold."""
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


@cache
def truth(prevalence: float, *areas: float) -> tuple[dict[str, float], ...]:
    """Each model's metrics in 400,000 patients; calibration is perfect by construction."""
    labels, scores, owners = drawn(400_000, prevalence, *areas, rng=np.random.default_rng(0))
    perfect = {"calibration_slope": 1.0, "calibration_in_the_large": 0.0, "observed_expected": 1.0}
    tables = [Table(labels, each, owners, prevalence) for each in scores]
    return tuple({name: float(table.value(name) or 0.0) for name in NAMES} | perfect for table in tables)


def cell(place: tuple[int, float, float], sets: int) -> list[Result]:
    """One cell of the grid: a Result a metric, with the share of sets in which an interval is shown."""
    patients, prevalence, area = place
    (true,), held = truth(prevalence, area), dict.fromkeys((*NAMES, *HEADLINE), 0)
    shown: dict[str, int] = {}
    for number in range(sets):
        rng = np.random.default_rng([patients, round(1000 * prevalence), round(1000 * area), number])
        labels, scores, owners = drawn(patients, prevalence, area, rng=rng)
        table = Table(labels, scores[0], owners, prevalence)
        spans = intervals(table, RESAMPLES, number, NAMES, rules="second")
        more = headline(labels, scores[0], owners)
        for name in held:
            span = spans[name] if name in spans else more[name]
            low, high = span.low, span.high
            if low is not None and high is not None:
                shown[name] = shown.get(name, 0) + 1
                held[name] += low - 1e-12 <= true[name] <= high + 1e-12
    where = f"{patients} patients, prevalence {prevalence}, area {area}"
    return [
        _result(f"coverage_{name}", held[name], shown.get(name, 0), f"{where}: shown in {shown.get(name, 0)} of {sets}")
        for name in held
        if shown.get(name, 0) >= FEWEST_SHOWN * sets
    ]


def differences(place: tuple[int, float, float], sets: int) -> list[Result]:
    """Differences of two models, of two areas or of one, by the second rules: (patients, the one area, the other)."""
    patients, *areas = place
    true = truth(COMPARED_AT, *areas)
    held: dict[str, int] = {}
    rejected: dict[str, int] = {}
    for number in range(sets):
        rng = np.random.default_rng([patients, round(1000 * areas[1]), number, 5])
        labels, scores, owners = drawn(patients, COMPARED_AT, *areas, rng=rng)
        rows = [
            [
                StudyPrediction(
                    f"st-{n}", f"pt-{owner}", "test", int(y), 1, p, p, "youden", COMPARED_AT, int(p >= COMPARED_AT)
                )
                for n, (owner, y, p) in enumerate(zip(owners, labels, each.tolist(), strict=True))
            ]
            for each in scores
        ]  # fmt: skip
        for one in paired(*rows, challenger="a", reference="b", resamples=RESAMPLES, seed=number, rules="second"):
            low, high, gap = one.ci_low, one.ci_high, true[0][one.metric] - true[1][one.metric]
            held[one.metric] = held.get(one.metric, 0) + (low is not None and high is not None and low <= gap <= high)
            rejected[one.metric] = rejected.get(one.metric, 0) + ((one.p_value or 1.0) <= 0.05)
    where = f"{patients} patients, prevalence {COMPARED_AT}, areas {areas[0]} and {areas[1]}, correlation 0.85"
    return [
        _result(f"coverage_difference_{name}", held[name], sets, f"{where}: p <= 0.05 in {rejected[name]}/{sets}")
        for name in held
    ]


def _result(name: str, held: int, shown: int, setup: str) -> Result:
    share = held / shown
    spread = f"±{np.sqrt(max(share * (1 - share), 1 / shown / 4) / shown):.4f}"
    return Result(name, share, LEAST, share / LEAST, spread, "share", setup)
