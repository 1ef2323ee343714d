"""What a hold-out can decide before anything is looked at: power, expected half-widths, and the studies a margin needs.

Hold-outs like the one at hand are drawn from two normal curves a class whose area is the assumed one (binormal: Metz
1978), with the two models' scores correlated within a class, and the gate's own limits are computed on each. So what
is foretold is what the gate will do, and not what another formula would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from wrist_model.errors import DataError
from wrist_model.recipe import WIDEST_MARGIN
from wrist_model.statistics import paired_proportions, roc_area

Floats = NDArray[np.float64]
METRICS = ("roc_auc", "sensitivity", "specificity")
POWER = 0.80
DRAWS = 2000
"""Simulated hold-outs a question; the power's Monte Carlo standard error is at most 0.011."""
MOST_STUDIES = 50_000


@dataclass(frozen=True)
class HoldOut:
    """positives, negatives: patients with a study of that class (a patient with several studies of one class counts
    once, which is cautious); auc: the assumed area of both models; correlation: of their scores within a class."""

    positives: int
    negatives: int
    auc: float = 0.90
    correlation: float = 0.85


@dataclass(frozen=True)
class Decidable:
    """One metric. power: of promoting an equally good challenger, by this metric alone, at the margin asked for;
    half_width: expected distance from the difference to its lower limit; smallest_margin: decided at 80% power, None
    where it exceeds WIDEST_MARGIN; studies_needed: positives and negatives in all, in this hold-out's proportion, for
    80% power at the margin asked for, None above MOST_STUDIES; monte_carlo_error: of the power."""

    metric: str
    margin: float
    power: float
    half_width: float
    smallest_margin: float | None
    studies_needed: int | None
    monte_carlo_error: float


@dataclass(frozen=True)
class HoldOutPlan:
    """power: of promoting an equally good challenger, all metrics together; margins_together: metric → the smallest
    margins at which that is 80%, empty where one would exceed WIDEST_MARGIN; verdict: one sentence."""

    alpha: float
    metrics: tuple[Decidable, ...]
    power: float
    monte_carlo_error: float
    margins_together: tuple[tuple[str, float], ...]
    verdict: str


def assumed(labels: ArrayLike, challenger: Floats, reference: Floats, patients: Sequence[str]) -> HoldOut:
    """A hold-out as two models that were scored before see it: its size, the reference's area, their correlation.

    labels: 0 or 1, (n,); challenger, reference: scores (n,). Scores become normal scores of their ranks within a
    class. The area is held within [0.55, 0.995] and the correlation within [0, 0.99], where the plan can be drawn.
    Use validation scores: the hold-out itself is not to be looked at. Raises DataError for one class.
    """
    y = np.asarray(labels) == 1
    found = roc_area.areas(labels, np.stack([challenger, reference]), patients)
    parts = []
    for chosen in (y, ~y):
        ranks = [stats.rankdata(np.asarray(side)[chosen]) / (chosen.sum() + 1) for side in (challenger, reference)]
        if chosen.sum() > 2 and min(np.ptp(side) for side in ranks) > 0:
            parts.append(float(np.corrcoef(stats.norm.ppf(ranks))[0, 1]))
    correlation = float(np.clip(np.mean(parts), 0.0, 0.99)) if parts else 0.85
    return HoldOut(found.positives, found.negatives, float(np.clip(found.areas[1], 0.55, 0.995)), correlation)


def plan(hold_out: HoldOut, margins: Mapping[str, float], alpha: float, seed: int = 0) -> HoldOutPlan:
    """What this hold-out can decide at a look of one-sided error alpha.

    margins: metric of METRICS → margin in (0, WIDEST_MARGIN]; alpha in (0, 0.5), as `alpha_spending.budget` gives it.
    Raises DataError for margins outside that range, areas outside (0.5, 1) and classes without patients.
    """
    if wrong := [f"{name} {value:g}" for name, value in margins.items() if not 0 < value <= WIDEST_MARGIN]:
        raise DataError(
            f"The margin of {wrong[0]} is out of range: expected more than 0 and at most {WIDEST_MARGIN}. A wider "
            "margin buys power with patients' harm; where the hold-out can't decide, a person does."
        )
    low, gap = lower_limits(hold_out, alpha, DRAWS, seed)
    found = []
    for name, margin in margins.items():
        power = float((low[name] > -margin).mean())
        smallest = -float(np.quantile(low[name], 1 - POWER))
        found.append(
            Decidable(
                name,
                margin,
                power,
                float((gap[name] - low[name]).mean()),
                smallest if smallest <= WIDEST_MARGIN else None,
                studies_needed(hold_out, name, margin, alpha, seed),
                float(np.sqrt(power * (1 - power) / DRAWS)),
            )
        )
    together = float(np.all([low[name] > -margins[name] for name in margins], axis=0).mean())
    error = float(np.sqrt(together * (1 - together) / DRAWS))
    return HoldOutPlan(alpha, tuple(found), together, error, _together(low), _verdict(found, together))


def _together(low: Mapping[str, Floats]) -> tuple[tuple[str, float], ...]:
    """The margins, at one common power each, at which all metrics together pass in 80% of the draws."""
    for each in np.linspace(POWER, 0.995, 40):
        margins = {name: -float(np.quantile(limits, 1 - each)) for name, limits in low.items()}
        if np.all([low[name] >= -margin for name, margin in margins.items()], axis=0).mean() >= POWER:
            return tuple(margins.items()) if max(margins.values()) <= WIDEST_MARGIN else ()
    return ()


def _verdict(found: list[Decidable], together: float) -> str:
    beyond = [one.metric for one in found if one.smallest_margin is None]
    if beyond:
        return (
            f"this hold-out can't decide {' and '.join(beyond)}: even at the widest margin, {WIDEST_MARGIN}, an "
            f"equally good challenger passes in less than {POWER:.0%}; ask a person, or add test patients"
        )
    if together < POWER:
        weakest = min(found, key=lambda one: one.power)
        return (
            f"an equally good challenger is promoted in {together:.0%}; {weakest.metric} holds it back: a margin of "
            f"{weakest.smallest_margin:.3f} or {weakest.studies_needed or f'more than {MOST_STUDIES}'} studies give "
            f"{POWER:.0%} for it alone"
        )
    return f"an equally good challenger is promoted in {together:.0%}"


def studies_needed(hold_out: HoldOut, metric: str, margin: float, alpha: float, seed: int = 0) -> int | None:
    """The studies, in this hold-out's proportion of classes, that decide a margin at 80% power; None above the most.

    Limits shrink about as 1/√n, so three steps from the size at hand settle it to within about a twentieth.
    """
    size = float(hold_out.positives + hold_out.negatives)
    share = hold_out.positives / size
    for draws in (DRAWS, 500, 500):
        scaled = replace(hold_out, positives=max(2, round(share * size)), negatives=max(2, round((1 - share) * size)))
        low, _ = lower_limits(scaled, alpha, draws, seed, (metric,))
        size *= float(np.quantile(-low[metric], POWER) / margin) ** 2
        if not 4 <= size <= MOST_STUDIES:
            return None if size > MOST_STUDIES else 4
    return round(size)


def lower_limits(
    hold_out: HoldOut, alpha: float, draws: int, seed: int, metrics: tuple[str, ...] = METRICS, loss: float = 0.0
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """(metric → lower limits, metric → differences), float64 (draws,), of simulated challengers.

    loss: how much lower the challenger's area is; both models serve at the reference's best point, where sensitivity
    and specificity are equal. Raises DataError for an area outside (0.5, 1) or fewer than two patients of a class.
    """
    if not 0.5 < hold_out.auc < 1 or not 0.5 <= hold_out.auc - loss < 1 or not -1 < hold_out.correlation < 1:
        raise DataError(
            f"Assumed area {hold_out.auc}, loss {loss}, correlation {hold_out.correlation}: expected areas between 0.5 "
            "and 1 and a correlation between -1 and 1."
        )
    if min(hold_out.positives, hold_out.negatives) < 2:
        raise DataError(
            f"{hold_out.positives} positive and {hold_out.negatives} negative patients: a plan needs two of each. "
            "Ingest more studies or give test a larger share."
        )
    rng = np.random.default_rng(seed)
    low: dict[str, list[Floats]] = {name: [] for name in metrics}
    gap: dict[str, list[Floats]] = {name: [] for name in metrics}
    step = max(1, 1_000_000 // (hold_out.positives + hold_out.negatives))
    for start in range(0, draws, step):
        scores = drawn(hold_out, min(step, draws - start), rng, loss)
        for name in metrics:
            one_gap, one_low, _ = limits(name, scores, hold_out, alpha)
            gap[name].append(one_gap)
            low[name].append(one_low)
    return (
        {name: np.concatenate(low[name]) for name in metrics},
        {name: np.concatenate(gap[name]) for name in metrics},
    )


def drawn(hold_out: HoldOut, draws: int, rng: np.random.Generator, loss: float = 0.0) -> tuple[Floats, Floats]:
    """(positives, negatives): scores float64 (2, draws, patients) of challenger and reference; 0 is the threshold."""
    found = []
    for size, sign in ((hold_out.positives, 1), (hold_out.negatives, -1)):
        shared = rng.standard_normal((draws, size))
        own = rng.standard_normal((2, draws, size))
        r = hold_out.correlation
        noise = np.sqrt(abs(r)) * np.stack([shared, np.sign(r) * shared]) + np.sqrt(1 - abs(r)) * own
        half = np.sqrt(0.5) * stats.norm.ppf([hold_out.auc - loss, hold_out.auc])
        found.append(noise + sign * half[:, None, None])
    return found[0], found[1]


def limits(
    metric: str, scores: tuple[Floats, Floats], hold_out: HoldOut, alpha: float
) -> tuple[Floats, Floats, Floats]:
    """(differences, lower limits, upper limits), each float64 (draws,), of the gate's rule with each patient bringing
    one study.

    scores: as `drawn` gives them; positive from 0 on.
    """
    pos, neg = scores
    if metric == "roc_auc":
        area, covariance = _areas(pos, neg)
        variances = np.stack([covariance[0], covariance[1]])
        n = roc_area.effective_n(area, variances, hold_out.positives, hold_out.negatives)
        product = np.sqrt(variances[0] * variances[1])
        r = np.divide(covariance[2], product, out=np.zeros_like(product), where=product > 1e-15)
        r = np.clip(r, -1, 1 - 1 / min(hold_out.positives, hold_out.negatives))
        t = roc_area.quantile(alpha, hold_out.positives, hold_out.negatives)
        return (area[0] - area[1], *roc_area.score_limits(area, n, r, t))
    right = pos >= 0 if metric == "sensitivity" else neg < 0
    b, c = (right[0] & ~right[1]).sum(axis=1), (right[1] & ~right[0]).sum(axis=1)
    size = right.shape[2]
    table, place = np.unique(np.stack([b, c], axis=1), axis=0, return_inverse=True)
    low, high = paired_proportions.score_interval(table[:, 0], table[:, 1], size, alpha)
    return (b - c) / size, low[place.ravel()], high[place.ravel()]


def _areas(pos: Floats, neg: Floats) -> tuple[Floats, Floats]:
    """(areas (2, draws), covariance (3, draws): variance of first, of second, covariance), each patient one study."""
    m, n = pos.shape[2], neg.shape[2]
    ranks = np.concatenate([pos, neg], axis=2).argsort(axis=2).argsort(axis=2)
    placed_pos = (ranks[..., :m] - pos.argsort(axis=2).argsort(axis=2)) / n
    placed_neg = 1 - (ranks[..., m:] - neg.argsort(axis=2).argsort(axis=2)) / m
    area, covariance = placed_pos.mean(axis=2), np.zeros((3, pos.shape[1]))
    for placed in (placed_pos, placed_neg):
        gaps = placed - placed.mean(axis=2, keepdims=True)
        size = placed.shape[2]
        for row, (i, j) in enumerate(((0, 0), (1, 1), (0, 1))):
            covariance[row] += np.einsum("dn,dn->d", gaps[i], gaps[j]) / (size - 1) / size
    return area, covariance
