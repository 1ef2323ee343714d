"""Paired comparisons of two models on the same rows: challenger minus reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from scipy import stats

from wrist_model.errors import DataError
from wrist_model.records import Comparison, ImagePrediction, StudyPrediction
from wrist_model.statistics import paired_proportions, patient_permutation, pr_auc_difference, roc_area
from wrist_model.statistics.confidence_intervals import draw, effective_n, levels
from wrist_model.statistics.metrics import Floats, Table

PAIRED = ("roc_auc", "pr_auc", "accuracy", "sensitivity", "specificity", "cohen_kappa", "brier")


def paired(
    a_rows: Sequence[StudyPrediction] | Sequence[ImagePrediction],
    b_rows: Sequence[StudyPrediction] | Sequence[ImagePrediction],
    *,
    challenger: str,
    reference: str,
    resamples: int = 2000,
    seed: int = 7,
    rules: Literal["first", "second"] = "first",
) -> tuple[Comparison, ...]:
    """The differences a − b with 95% intervals, on rows that `operating_points.apply` has given decisions.

    rules "first": ROC AUC by DeLong where each patient has one row, by patient bootstrap otherwise; the metrics at the
    serving threshold by patient bootstrap; `mcnemar` is on the decisions: the difference in accuracy and its p value.
    "second": ROC AUC by DeLong's score form, its p value by an exchange of patients where a class has fewer than
    `roc_area.FEWEST_OF_A_CLASS`; shares by Tango's limits, their p value by sign-flips of patients, so that difference
    and p value weigh studies alike; PR AUC as `pr_auc_difference` says; the others by Student's t with the bootstrap's
    standard deviation over patients, whose coverage is nearer to what it says than percentiles' or BCa's
    (docs/evidence.md), kappa's no narrower than accuracy's where the models hardly disagree.
    Raises DataError unless both hold the same rows with the same labels.
    """
    a, b = aligned(a_rows, b_rows)
    if rules == "second":
        return _second(a, b, challenger, reference, resamples, seed)
    labels = np.array([row.label for row in a], dtype=np.int64)
    patients = [row.patient_key for row in a]
    scores = [np.array([row.probability for row in rows], dtype=np.float64) for rows in (a, b)]
    # The decision, not the threshold, is what was stored; each model has its own threshold.
    tables = [Table(labels, score, patients, rows[0].threshold) for score, rows in zip(scores, (a, b), strict=True)]
    n_patients = tables[0].n_patients
    one_each = n_patients == len(a)
    both = 0 < labels.sum() < len(labels)
    found: list[Comparison] = []
    low: float | None
    high: float | None
    p_value: float | None
    if one_each and both:
        auc_a, auc_b, covariance = delong(labels, scores[0], scores[1])
        spread = float(np.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])))
        low, high = _normal(auc_a - auc_b, spread)
        p = float(2 * stats.norm.sf(abs(auc_a - auc_b) / spread)) if spread > 0 else 1.0
        found.append(Comparison(challenger, reference, "roc_auc", auc_a - auc_b, low, high, "delong", n_patients, p))
    names = [name for name in PAIRED if name != "roc_auc" or not found]
    found += _bootstrapped(tables, names, challenger, reference, resamples, seed)
    right = [np.array([row.predicted_label for row in rows], dtype=np.int64) == labels for rows in (a, b)]
    p_value = mcnemar(right[0], right[1], patients)
    gap = float(right[0].mean() - right[1].mean())
    found.append(Comparison(challenger, reference, "accuracy", gap, None, None, "mcnemar", n_patients, p_value))
    return tuple(found)


def _second(
    a: Sequence[StudyPrediction | ImagePrediction],
    b: Sequence[StudyPrediction | ImagePrediction],
    challenger: str,
    reference: str,
    resamples: int,
    seed: int,
) -> tuple[Comparison, ...]:
    y = np.array([row.label for row in a], dtype=np.int64)
    _, patients = np.unique([row.patient_key for row in a], return_inverse=True)
    scores = np.array([[row.probability for row in rows] for rows in (a, b)], dtype=np.float64)
    right = np.array([[row.predicted_label == row.label for row in rows] for rows in (a, b)])
    n, found, both = int(patients.max()) + 1, [], 0 < y.sum() < len(y)
    if both:
        pair = roc_area.areas(y, scores, patients)
        few = min(pair.positives, pair.negatives) < roc_area.FEWEST_OF_A_CLASS
        exchanged = patient_permutation.area_exchange_p(y, scores, patients, resamples, seed) if few else None
        p = roc_area.delong_p(pair) if exchanged is None else exchanged
        method = "delong_score" if exchanged is None else "delong_score, p by patient exchange"
        found.append(
            Comparison(challenger, reference, "roc_auc", *roc_area.difference_interval(pair, 0.025), method, n, p)
        )
    for name, chosen in (("accuracy", y >= 0), ("sensitivity", y == 1), ("specificity", y == 0)):
        if not chosen.any():
            continue
        share = paired_proportions.paired_difference(right[0, chosen], right[1, chosen], patients[chosen], 0.025)
        p = patient_permutation.sign_flip_p(right[0, chosen].astype(float) - right[1, chosen], patients[chosen])
        limits = share.difference, share.low, share.high
        found.append(Comparison(challenger, reference, name, *limits, "tango_clustered", n, p))
    tables = [Table(y, score, patients, rows[0].threshold) for score, rows in zip(scores, (a, b), strict=True)]
    names = ("pr_auc", "cohen_kappa", "brier") if both else ("brier",)
    more = _resampled(tables, names, challenger, reference, resamples, seed)
    if len(np.unique(patients[right[0] != right[1]])) < paired_proportions.FEWEST_DISCORDANT_PATIENTS:
        accuracy = next(one for one in found if one.metric == "accuracy")
        more = tuple(_as_wide(one, accuracy, tables) if one.metric == "cohen_kappa" else one for one in more)
    return (*found, *more)


def _as_wide(kappa: Comparison, accuracy: Comparison, tables: Sequence[Table]) -> Comparison:
    """The difference of kappas with limits that are no nearer than those of accuracy give them, and no smaller p value.

    Where the models hardly disagree the resamples show too little of what may be, and nothing where they agree wholly.
    Kappa is (accuracy − chance) / (1 − chance), and such models agree in what chance alone would give, so that kappas
    differ by the difference of accuracy over 1 − chance.
    """
    ends = (kappa.ci_low, kappa.ci_high, kappa.p_value, accuracy.ci_low, accuracy.ci_high, accuracy.p_value)
    low, high, p, low_share, high_share, p_share = ends
    if low is None or high is None or p is None or low_share is None or high_share is None or p_share is None:
        return kappa
    share = []
    for table in tables:
        c = table.confusion()
        n = c.tp + c.fp + c.tn + c.fn
        share.append(((c.tp + c.fp) * (c.tp + c.fn) + (c.tn + c.fn) * (c.tn + c.fp)) / n**2)
    apart = 1 - float(np.mean(share))
    low, high = min(low, low_share / apart), max(high, high_share / apart)
    said = "tango_clustered, over 1 - chance"
    return replace(kappa, ci_low=low, ci_high=high, p_value=max(p, p_share), method=said)


def _resampled(
    tables: Sequence[Table], names: Sequence[str], challenger: str, reference: str, resamples: int, seed: int
) -> tuple[Comparison, ...]:
    """Differences with limits and p values from resamples of patients: PR AUC's as `pr_auc_difference` says, the others
    by Student's t."""
    n, found = tables[0].n_patients, []
    points = [table.values(np.ones((1, n)), names) for table in tables]
    drawn = [table.values(draw(n, resamples, seed), names) for table in tables] if n > 1 else []
    for name in names:
        values = np.array([each[name][0] for each in points])
        gap = float(values[0] - values[1])
        low, high, p_value = None, None, None
        method = "mover_logit" if name == "pr_auc" else "patient_bootstrap_t"
        both = np.stack([each[name] for each in drawn]) if drawn else np.empty((2, 0))
        both = both[:, ~np.isnan(both).any(axis=0)]
        if not np.isnan(gap) and both.shape[1] >= max(2, resamples / 2):
            if name == "pr_auc":
                pair = pr_auc_difference.Pair(values, both, *_positives(tables[0]))
                low, high = pr_auc_difference.limits(pair, 0.025)
                p_value = pr_auc_difference.p_value(pair)
            else:
                spread = float((both[0] - both[1]).std(ddof=1))
                half = float(stats.t.isf(0.025, n - 1)) * spread
                low, high = gap - half, gap + half
                p_value = float(2 * stats.t.sf(abs(gap) / spread, n - 1)) if spread > 0 else 1.0
        value = None if np.isnan(gap) else gap
        found.append(Comparison(challenger, reference, name, value, low, high, method, n, p_value))
    return tuple(found)


def _positives(table: Table) -> tuple[float, int]:
    """The effective number of positive patients, and how many patients the smaller class has."""
    of_class = [np.unique(table.codes[table.labels == label]) for label in (0, 1)]
    return effective_n(np.bincount(table.codes[table.labels == 1])), min(len(one) for one in of_class)


def _bootstrapped(
    tables: Sequence[Table], names: Sequence[str], challenger: str, reference: str, resamples: int, seed: int
) -> tuple[Comparison, ...]:
    """Percentiles of the differences over the same resamples of patients, and twice the smaller tail at 0."""
    n_patients, found = tables[0].n_patients, []
    points = [table.values(np.ones((1, n_patients)), names) for table in tables]
    drawn = [table.values(draw(n_patients, resamples, seed), names) for table in tables] if n_patients > 1 else None
    for name in names:
        difference = float(points[0][name][0] - points[1][name][0])
        low, high, p_value = None, None, None
        if drawn is not None and not np.isnan(difference):
            gaps = drawn[0][name] - drawn[1][name]
            gaps = gaps[~np.isnan(gaps)]
            if len(gaps) >= resamples / 2:
                low, high = (float(value) for value in np.quantile(gaps, levels(n_patients)))
                tail = min(int((gaps <= 0).sum()), int((gaps >= 0).sum()))
                p_value = min(1.0, 2 * (tail + 1) / (len(gaps) + 1))
        value = None if np.isnan(difference) else difference
        found.append(
            Comparison(challenger, reference, name, value, low, high, "patient_bootstrap", n_patients, p_value)
        )
    return tuple(found)


def aligned(
    a_rows: Sequence[StudyPrediction] | Sequence[ImagePrediction],
    b_rows: Sequence[StudyPrediction] | Sequence[ImagePrediction],
) -> tuple[list[StudyPrediction | ImagePrediction], list[StudyPrediction | ImagePrediction]]:
    """Both in the order of their uid. Raises DataError unless they are the same labelled rows with decisions."""

    def key(row: StudyPrediction | ImagePrediction) -> str:
        return row.image_uid if isinstance(row, ImagePrediction) else row.study_uid

    a: list[StudyPrediction | ImagePrediction] = sorted(a_rows, key=key)
    b: list[StudyPrediction | ImagePrediction] = sorted(b_rows, key=key)
    if not a:
        raise DataError("Nothing to compare: no rows.")
    if [(key(row), row.label) for row in a] != [(key(row), row.label) for row in b]:
        raise DataError("The two models were not scored on the same rows and labels: evaluate both on one version.")
    for row in (*a, *b):
        if row.label is None or row.probability is None or row.predicted_label is None:
            raise DataError(f"{key(row)} lacks a label or a decision: apply the operating points before comparing.")
    return a, b


def delong(labels: Sequence[int] | np.ndarray, a: Floats, b: Floats) -> tuple[float, float, Floats]:
    """(AUC of a, AUC of b, their 2×2 covariance) for scores (n,) of the same independent cases.

    DeLong, DeLong & Clarke-Pearson 1988 (Biometrics 44:837), by midranks (Sun & Xu 2014, IEEE SPL 21:1389).
    Raises DataError for one class only.
    """
    y = np.asarray(labels)
    n_pos, n_neg = int((y == 1).sum()), int((y == 0).sum())
    if not n_pos or not n_neg:
        raise DataError("One class only: DeLong's comparison needs positive and negative cases.")
    placed_pos, placed_neg, areas = [], [], []
    for scores in (np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)):
        pos, neg = scores[y == 1], scores[y == 0]
        ranks = stats.rankdata(np.r_[pos, neg])
        placed_pos.append((ranks[:n_pos] - stats.rankdata(pos)) / n_neg)
        placed_neg.append(1 - (ranks[n_pos:] - stats.rankdata(neg)) / n_pos)
        areas.append(float(placed_pos[-1].mean()))
    covariance = np.zeros((2, 2))
    for placed, n in ((placed_pos, n_pos), (placed_neg, n_neg)):
        if n > 1:
            covariance += np.cov(np.stack(placed)) / n
    return areas[0], areas[1], covariance


def _normal(centre: float, spread: float) -> tuple[float, float]:
    half = float(stats.norm.ppf(0.975)) * spread
    return centre - half, centre + half


def mcnemar(a_right: np.ndarray, b_right: np.ndarray, patients: Sequence[str]) -> float:
    """p value of equal accuracy, from bool (n,) right or wrong decisions of the same rows.

    Exact binomial on the discordant pairs where each patient has one row (McNemar 1947); otherwise the test for
    clustered pairs of Durkalski et al. 2003 (Statistics in Medicine 22:2417), Σ d_k/n_k squared over Σ (d_k/n_k)².
    """
    gap = a_right.astype(int) - b_right.astype(int)
    sizes = Counter(patients)
    if max(sizes.values(), default=1) == 1:
        better, discordant = int((gap == 1).sum()), int((gap != 0).sum())
        return 1.0 if not discordant else float(stats.binomtest(better, discordant).pvalue)
    total: Counter[str] = Counter()
    for patient, difference in zip(patients, gap.tolist(), strict=True):
        total[patient] += difference
    shares = np.array([total[patient] / sizes[patient] for patient in sizes])
    below = float(np.sum(shares**2))
    return 1.0 if below == 0 else float(stats.chi2.sf(float(np.sum(shares)) ** 2 / below, 1))
