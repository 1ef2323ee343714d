"""Drift: false alarms in a year of weekly looks, and how long a shift goes unseen."""

from __future__ import annotations

import numpy as np

from benchmarks.result import Result
from wrist_model.evidence import drift
from wrist_model.recipe import DriftRecipe

LOOKS, A_WEEK, REFERENCE = 52, 20, 1000
WEEKLY = DriftRecipe(looks_a_year=LOOKS, newest_studies=200)
Features = dict[str, list[float | str | None]]
SHIFTS = ((0.0, 0), (0.3, 0), (0.3, 26), (0.6, 0), (0.6, 26))
"""(of the brightness, in standard deviations between studies; after which week)."""


def studies(rng: np.random.Generator, count: int, shift: float = 0.0) -> Features:
    """Six features of studies, as alike as a radiograph's are: shift moves the brightness and all that follows it."""
    exposure = rng.normal(shift, 1, count)
    return {
        "score": list(rng.normal(0, 1.5, count)),
        "mean intensity": list(exposure),
        "intensity, median": list(exposure + rng.normal(0, 0.3, count)),
        "intensity, brightest": list(0.5 * exposure + rng.normal(0, 1, count)),
        "images a study": [str(n) for n in rng.choice([1, 2, 3, 4], count, p=[0.15, 0.3, 0.45, 0.1])],
        "positives": [str(n) for n in rng.choice([0, 1], count, p=[0.6, 0.4])],
    }


def weeks_to_alarm(seed: int, shift: float, onset: int) -> int | None:
    """The look that raises the first alarm in a year of weekly looks at the newest studies; None without one.

    shift: from the week `onset` on (0: from the first).
    """
    rng = np.random.default_rng(seed)
    reference = studies(rng, REFERENCE)
    current: Features = {name: [] for name in reference}
    for week in range(1, LOOKS + 1):
        for name, values in studies(rng, A_WEEK, shift if week > onset else 0.0).items():
            current[name] = [*current[name], *values][-WEEKLY.newest_studies :]
        if len(current["score"]) < WEEKLY.minimum_studies:
            continue
        if any(one.alert for one in drift.check(reference, current, WEEKLY)):
            return week
    return None


def run_lengths(years: int, shift: float, onset: int) -> list[Result]:
    """Limits: an alarm without drift in at most the stated share of years; a shift is seen within a quarter, of which
    a third of the years are drawn."""
    some = years if shift == 0 else max(5, years // 3)
    weeks = [weeks_to_alarm(seed, shift, onset) for seed in range(some)]
    where = f"{some} years of {LOOKS} looks, {A_WEEK} new studies a week, the newest {WEEKLY.newest_studies}"
    if shift == 0:
        share = sum(week is not None for week in weeks) / some
        spread = f"±{np.sqrt(max(share * (1 - share), 1 / some / 4) / some):.4f}"
        limit = WEEKLY.false_alarm_rate
        return [Result("drift_false_alarm_years", share, limit, limit / max(share, 1e-9), spread, "share", where)]
    delays = [(LOOKS if week is None else week) - onset for week in weeks]
    early, never = sum(delay <= 0 for delay in delays), sum(week is None for week in weeks)
    low, median, high = np.quantile(delays, (0.1, 0.5, 0.9))
    setup = (
        f"brightness shifted by {shift} SD from week {onset + 1} on: never seen in {never}, a false alarm before it in "
        f"{early}; {where}"
    )
    spread = f"{low:.0f}–{high:.0f} in 8 of 10 years"
    return [Result("drift_weeks_to_alarm", float(median), 13, 13 / max(median, 1), spread, "weeks", setup)]
