"""How often the gate, the intervals and the drift alarms are wrong, by seeded simulation with the project's functions.

`python -m benchmarks decisions` runs all of it (under 90 minutes on two cores), `--quick` a part. Each figure comes
with its Monte Carlo standard error as `spread`. docs/evidence.md holds the tables.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks import coverage, run_lengths, sanity
from benchmarks.result import Result
from wrist_model.evidence import alpha_spending, hold_out_plan, score_gate
from wrist_model.evidence.hold_out_plan import HoldOut
from wrist_model.records import StudyPrediction
from wrist_model.statistics import paired_proportions

Floats = NDArray[np.float64]
SIZES = ((20, 40), (50, 75), (97, 140), (225, 325))
CORRELATIONS = (0.5, 0.85, 0.95)
AUC = 0.92
MARGINS = {"roc_auc": 0.03, "sensitivity": 0.10, "specificity": 0.10}
SMALL = ((3, 0.30), (5, 0.20), (10, 0.10), (20, 0.10))
"""Positives and true loss of sensitivity with which the bootstrap promoted in 26%, 33%, 38% and 11%."""


def decisions(quick: bool = False) -> list[Result]:
    """Limits: false promotions over the planned looks 5%; power within 5 points of the plan's; coverage 0.93."""
    found = small_hold_outs()
    found += false_promotions(400 if quick else 4000, SIZES[1:3] if quick else SIZES)
    found += power(80 if quick else 400, SIZES[2:3] if quick else SIZES[1:])
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        sets = 40 if quick else 1000
        cells = coverage.QUICK if quick else coverage.CELLS
        pairs = coverage.DIFFERENCES[1:2] if quick else coverage.DIFFERENCES
        parts = [pool.submit(coverage.cell, place, sets) for place in cells]
        parts += [pool.submit(coverage.differences, place, sets) for place in pairs]
        found += [one for part in parts for one in part.result()]
    found += sanity.sanity(200 if quick else 2000)
    return found + run_lengths.run_lengths(10 if quick else 300)


def error(share: float, draws: int) -> str:
    """The Monte Carlo standard error of a share, as text."""
    return f"±{np.sqrt(max(share * (1 - share), 1 / draws / 4) / draws):.4f}"


def rate(name: str, ours: float, limit: float, draws: int, setup: str) -> Result:
    return Result(name, ours, limit, limit / max(ours, 1e-9), error(ours, draws), "share", setup)


def small_hold_outs() -> list[Result]:
    """Chance, by enumeration, that the sensitivity's limit passes a margin of 0.05 at one look, and that the gate does.

    Every discordant study is one that the challenger loses: the case in which agreement looks most like equality.
    """
    found = []
    for positives, loss in SMALL:
        lost = np.arange(positives + 1)
        low, _ = paired_proportions.score_interval(0 * lost, lost, positives, alpha_spending.TOTAL)
        chance = float(stats.binom.pmf(lost, positives, loss)[low > -0.05].sum())
        gate = chance if positives >= score_gate.FEWEST_OF_A_CLASS else 0.0
        setup = f"{positives} positives, true loss {loss}, margin 0.05, error 0.05: limit alone {chance:.4f}"
        found.append(Result("gate_small_hold_out", gate, 0.05, 0.05 / max(gate, 1e-9), "exact", "share", setup))
    return found


def false_promotions(draws: int, sizes: Sequence[tuple[int, int]]) -> list[Result]:
    """Any promotion in the planned looks, where each challenger truly loses one metric's margin and nothing else."""
    found = []
    for positives, negatives in sizes:
        for correlation in CORRELATIONS:
            for metric in MARGINS:
                hold_out = HoldOut(positives, negatives, AUC, correlation)
                passed = {looks: np.zeros(draws, dtype=bool) for looks in (1, alpha_spending.LOOKS)}
                alone = np.zeros(draws, dtype=bool)
                for look, scores in enumerate(challengers(hold_out, metric, draws), start=1):
                    low = {
                        name: hold_out_plan.limits(name, scores, hold_out, alpha_spending.budget([]).alpha)[1]
                        for name in MARGINS
                    }
                    ok = np.all([low[name] > -MARGINS[name] for name in MARGINS], axis=0)
                    alone |= low[metric] > -MARGINS[metric]
                    for looks in passed:
                        passed[looks] |= ok & (look <= looks)
                share = float(passed[alpha_spending.LOOKS].mean())
                setup = (
                    f"{metric} truly lower by its margin {MARGINS[metric]}, {positives}+{negatives} patients, score "
                    f"correlation {correlation}, {alpha_spending.LOOKS} looks: its own limit passes in "
                    f"{alone.mean():.3f}; one look {passed[1].mean():.4f}"
                )
                found.append(rate("gate_false_promotions", share, alpha_spending.TOTAL, draws, setup))
    return found


def challengers(hold_out: HoldOut, metric: str, draws: int, seed: int = 1) -> Sequence[tuple[Floats, Floats]]:
    """(positives, negatives), each (2, draws, patients), for each planned look: new challengers, one reference.

    Scores of any two models correlate alike within a class. For roc_auc both classes move together, for sensitivity
    (specificity) all scores fall (rise), which is a threshold moved and leaves the area as it is.
    """
    rng, r = np.random.default_rng(seed), hold_out.correlation
    half = float(np.sqrt(0.5) * stats.norm.ppf(hold_out.auc))
    moved = float(stats.norm.ppf(stats.norm.cdf(half) - MARGINS.get(metric, 0.0))) - half
    shift = {"sensitivity": (moved, moved), "specificity": (-moved, -moved)}.get(metric, (0.0, 0.0))
    if metric == "roc_auc":
        lost = float(np.sqrt(0.5) * stats.norm.ppf(hold_out.auc - MARGINS["roc_auc"])) - half
        shift = (lost, -lost)
    looks: list[list[Floats]] = [[] for _ in range(alpha_spending.LOOKS)]
    for size, sign, moved_by in ((hold_out.positives, 1, shift[0]), (hold_out.negatives, -1, shift[1])):
        shared = np.sqrt(r) * rng.standard_normal((draws, size)) + sign * half
        reference = shared + np.sqrt(1 - r) * rng.standard_normal((draws, size))
        for look in looks:
            own = shared + np.sqrt(1 - r) * rng.standard_normal((draws, size)) + moved_by
            look.append(np.stack([own, reference]))
    return [(pos, neg) for pos, neg in looks]


def power(draws: int, sizes: Sequence[tuple[int, int]]) -> list[Result]:
    """Promotions of equally good challengers by the gate itself, from stored rows, beside what the plan foretold."""
    found = []
    for positives, negatives in sizes:
        for correlation in CORRELATIONS[1:]:
            hold_out = HoldOut(positives, negatives, AUC, correlation)
            budget = alpha_spending.budget([])
            foretold = hold_out_plan.plan(hold_out, MARGINS, budget.alpha).power
            pos, neg = hold_out_plan.drawn(hold_out, draws, np.random.default_rng(7))
            promoted = sum(_gate(pos[:, one], neg[:, one], budget) == "promoted" for one in range(draws)) / draws
            setup = (
                f"equal challenger, area {AUC}, {positives}+{negatives} patients, correlation {correlation}, look 1 of "
                f"{budget.planned}, margins {', '.join(f'{name} {value}' for name, value in MARGINS.items())}; "
                "limit: what the plan foretold"
            )
            ratio = promoted / max(foretold, 1e-9)
            found.append(Result("gate_power", promoted, foretold, ratio, error(promoted, draws), "share", setup))
    return found


def _gate(pos: Floats, neg: Floats, budget: alpha_spending.Budget) -> str:
    scores, labels = np.concatenate([pos, neg], axis=1), [1] * pos.shape[1] + [0] * neg.shape[1]
    rows = [
        [
            StudyPrediction(
                f"st-{n}", f"pt-{n}", "test", y, 1, p, p, "youden", 0.5, int(z >= 0)
            )
            for n, (y, z, p) in enumerate(zip(labels, each, 1 / (1 + np.exp(-each)), strict=True))
        ]
        for each in scores
    ]  # fmt: skip
    compared = score_gate.compare(rows[0], rows[1], challenger="a", reference="b", alpha=budget.alpha)
    return score_gate.decide([compared], MARGINS, budget).decision
