"""How often the gate, the intervals and the drift alarms are wrong, by seeded simulation with the project's functions.

`python -m benchmarks decisions` runs all of it (under 90 minutes on two cores), `--quick` a part. Each figure comes
with its Monte Carlo standard error as `spread`. docs/evidence.md holds the tables.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

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
FLOORS = {"roc_auc": 0.70, "sensitivity": 0.50, "specificity": 0.50}
FIRST = (((97, 140), 0.5), ((97, 140), 0.7), ((97, 140), 0.85), ((45, 50), 0.85), ((45, 50), 0.9))
"""(patients, area) of first models; 45+50 are about the demo's."""
MARGINS = {"roc_auc": 0.03, "sensitivity": 0.10, "specificity": 0.10}
LOSSES = (("roc_auc", 0.0), *((metric, loss) for metric in MARGINS for loss in (0.5, 1.0, 2.0)))
"""What a challenger truly loses, in margins of a metric; nothing at all once."""
SMALL = ((3, 0.30), (5, 0.20), (10, 0.10), (20, 0.10))
"""Positives and true loss of sensitivity with which the bootstrap promoted in 26%, 33%, 38% and 11%."""


def decisions(quick: bool = False) -> list[Result]:
    """Limits: false promotions over the planned looks 5%; power within 5 points of the plan's; coverage 0.93."""
    work, found = parts(quick), []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        begun = [pool.submit(part, *arguments) for part, arguments in work]
        for number, (one, (part, arguments)) in enumerate(zip(begun, work, strict=True), start=1):
            found += one.result()
            print(f"  {number} of {len(work)}: {part.__name__}{arguments}", file=sys.stderr, flush=True)
    return found + coverage.summary(found)


def parts(quick: bool) -> list[tuple[Callable[..., list[Result]], tuple[Any, ...]]]:
    """(function, its arguments), each seeded by itself."""
    singles, pairs, sizes = (40, 40, SIZES[2:3]) if quick else (600, 300, SIZES)
    work: list[tuple[Callable[..., list[Result]], tuple[Any, ...]]] = [(small_hold_outs, ())]
    for size in sizes:
        for correlation in CORRELATIONS:
            work += [(gate, (size, correlation, *loss, 400 if quick else 4000)) for loss in LOSSES]
    for size in sizes if quick else sizes[1:]:
        work += [(power, (size, correlation, 80 if quick else 400)) for correlation in CORRELATIONS[1:]]
    work += [(first_models, (*one, 80 if quick else 400)) for one in FIRST]
    work += [(coverage.cell, (place, singles)) for place in (coverage.QUICK if quick else coverage.CELLS)]
    compared = coverage.UNEQUAL[:1] if quick else coverage.DIFFERENCES
    work += [(coverage.differences, (place, pairs)) for place in compared]
    work += [(coverage.groups, (place, singles)) for place in coverage.GROUPS]
    work += [(sanity.sanity, (200 if quick else 2000,))]
    return work + [(run_lengths.run_lengths, (10 if quick else 300, *shift)) for shift in run_lengths.SHIFTS]


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


def gate(size: tuple[int, int], correlation: float, metric: str, loss: float, draws: int) -> list[Result]:
    """Promotions in the planned looks, where each challenger truly loses one metric's margin `loss` times over and
    nothing else, and refusals at the first look. From a loss of the margin on, the promotions are false."""
    hold_out = HoldOut(*size, AUC, correlation)
    alpha = alpha_spending.budget([]).alpha
    promoted = np.zeros((alpha_spending.LOOKS, draws), dtype=bool)
    alone, refused = promoted.copy(), promoted.copy()
    for look, scores in enumerate(challengers(hold_out, metric, loss, draws)):
        limits = {name: hold_out_plan.limits(name, scores, hold_out, alpha)[1:] for name in MARGINS}
        promoted[look] = np.all([low > -MARGINS[name] for name, (low, _) in limits.items()], axis=0)
        refused[look] = np.any([high < -MARGINS[name] for name, (_, high) in limits.items()], axis=0)
        alone[look] = limits[metric][0] > -MARGINS[metric]
    share = float(promoted.any(axis=0).mean())
    setup = (
        f"{metric} truly lower by {loss * MARGINS[metric]:g}, {loss:g} times its margin, {size[0]}+{size[1]} patients, "
        f"score correlation {correlation}, {len(promoted)} looks; at one look promoted {promoted[0].mean():.4f}, "
        f"refused {refused[0].mean():.4f}; its own limit passes at one of the looks in {alone.any(axis=0).mean():.3f}"
    )
    if loss >= 1:
        return [rate("gate_false_promotions", share, alpha_spending.TOTAL, draws, setup)]
    return [Result("gate_promotions", share, 1.0, share, error(share, draws), "share", setup)]


def challengers(
    hold_out: HoldOut, metric: str, loss: float, draws: int, seed: int = 1
) -> Sequence[tuple[Floats, Floats]]:
    """(positives, negatives), each (2, draws, patients), for each planned look: new challengers, one reference.

    Scores of any two models correlate alike within a class. For roc_auc both classes move together, for sensitivity
    (specificity) all scores fall (rise), which is a threshold moved and leaves the area as it is.
    """
    rng, r, lost = np.random.default_rng(seed), hold_out.correlation, loss * MARGINS[metric]
    half = float(np.sqrt(0.5) * stats.norm.ppf(hold_out.auc))
    moved = float(stats.norm.ppf(stats.norm.cdf(half) - lost)) - half
    shift = {"sensitivity": (moved, moved), "specificity": (-moved, -moved)}.get(metric, (0.0, 0.0))
    if metric == "roc_auc":
        nearer = float(np.sqrt(0.5) * stats.norm.ppf(hold_out.auc - lost)) - half
        shift = (nearer, -nearer)
    looks: list[list[Floats]] = [[] for _ in range(alpha_spending.LOOKS)]
    for size, sign, moved_by in ((hold_out.positives, 1, shift[0]), (hold_out.negatives, -1, shift[1])):
        shared = np.sqrt(r) * rng.standard_normal((draws, size)) + sign * half
        reference = shared + np.sqrt(1 - r) * rng.standard_normal((draws, size))
        for look in looks:
            own = shared + np.sqrt(1 - r) * rng.standard_normal((draws, size)) + moved_by
            look.append(np.stack([own, reference]))
    return [(pos, neg) for pos, neg in looks]


def power(size: tuple[int, int], correlation: float, draws: int) -> list[Result]:
    """Promotions of equally good challengers by the gate itself, from stored rows, beside what the plan foretold."""
    hold_out, budget = HoldOut(*size, AUC, correlation), alpha_spending.budget([])
    foretold = hold_out_plan.plan(hold_out, MARGINS, budget.alpha).power
    pos, neg = hold_out_plan.drawn(hold_out, draws, np.random.default_rng(7))
    promoted = sum(_gate(pos[:, one], neg[:, one], budget) == "promoted" for one in range(draws)) / draws
    setup = (
        f"equal challenger, area {AUC}, {size[0]}+{size[1]} patients, correlation {correlation}, look 1 of "
        f"{budget.planned}, margins {', '.join(f'{name} {value}' for name, value in MARGINS.items())}; "
        "limit: what the plan foretold"
    )
    ratio = promoted / max(foretold, 1e-9)
    return [Result("gate_power", promoted, foretold, ratio, error(promoted, draws), "share", setup)]


def first_models(size: tuple[int, int], area: float, draws: int) -> list[Result]:
    """How often a first model of this area serves: from an area at its floor or below, as good as never."""
    hold_out, budget = HoldOut(*size, area), alpha_spending.budget([])
    pos, neg = hold_out_plan.drawn(hold_out, draws, np.random.default_rng(8))
    found = [score_gate.decide_first(_rows(pos[:, one], neg[:, one])[0], FLOORS, budget) for one in range(draws)]
    share = sum(one.decision == "promoted" for one in found) / draws
    setup = f"area {area}, {size[0]}+{size[1]} patients, look 1 of {budget.planned}, floors {FLOORS}"
    if area <= FLOORS["roc_auc"]:
        return [rate("gate_first_model_at_or_below_the_floor", share, budget.alpha, draws, setup)]
    return [Result("gate_first_model", share, 1.0, share, error(share, draws), "share", setup)]


def _gate(pos: Floats, neg: Floats, budget: alpha_spending.Budget) -> str:
    rows = _rows(pos, neg)
    compared = score_gate.compare(rows[0], rows[1], challenger="a", reference="b", alpha=budget.alpha)
    return score_gate.decide([compared], MARGINS, budget).decision


def _rows(pos: Floats, neg: Floats) -> list[list[StudyPrediction]]:
    """Each model's studies, from scores (2, patients) of each class."""
    scores, labels = np.concatenate([pos, neg], axis=1), [1] * pos.shape[1] + [0] * neg.shape[1]
    return [
        [
            StudyPrediction(
                f"st-{n}", f"pt-{n}", "test", y, 1, p, p, "youden", 0.5, int(z >= 0)
            )
            for n, (y, z, p) in enumerate(zip(labels, each, 1 / (1 + np.exp(-each)), strict=True))
        ]
        for each in scores
    ]  # fmt: skip
