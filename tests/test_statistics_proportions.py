"""Shares and their differences: against published worked examples, and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from benchmarks import coverage
from wrist_model.errors import DataError
from wrist_model.statistics import clustered_proportion, paired_proportions, patient_permutation, predictive_values
from wrist_model.statistics.confidence_intervals import bias_corrected, wilson


def test_tangos_limits_are_the_published_ones() -> None:
    """Cavo et al. 2012, as R's contingencytables gives it (Fagerland, Lydersen & Laake 2017, chapter 8)."""
    found = [float(limit) for limit in paired_proportions.score_interval(6, 16, 161, 0.025)]
    assert found == pytest.approx([-0.1240, -0.0054], abs=6e-5)


def test_tangos_variance_is_that_of_the_likelihoods_maximum() -> None:
    b, c, n, delta = 3, 9, 40, -0.05

    def loss(q: float) -> float:
        return -(b * np.log(q + delta) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - delta))

    q = float(optimize.minimize_scalar(loss, bounds=(0.05 + 1e-9, 0.52), method="bounded", options={"xatol": 1e-12}).x)
    expected = (b - c - n * delta) / np.sqrt(n * (2 * q + delta - delta**2))
    assert float(paired_proportions.score_statistic(b, c, n, delta)) == pytest.approx(expected, rel=1e-5)


def test_models_that_agree_on_few_studies_rule_out_nothing() -> None:
    for n, widest in ((3, -0.4), (10, -0.2), (20, -0.11)):
        low, high = paired_proportions.score_interval(0, 0, n, 0.05)
        assert float(low) < widest and float(high) > -widest


@pytest.mark.parametrize("margin", [0.05, 0.10])
def test_the_limit_passes_a_loss_of_the_margin_at_most_as_often_as_stated(margin: float) -> None:
    alpha, worst = 0.0125, 0.0
    for n in (20, 50, 97):
        b, c = (side.ravel() for side in np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij"))
        b, c = b[b + c <= n], c[b + c <= n]
        passed = paired_proportions.score_statistic(b, c, n, -margin) > stats.norm.isf(alpha)
        for discordant in (margin, margin + 0.05, 0.3):
            shares = [(discordant - margin) / 2, (discordant + margin) / 2, 1 - discordant]
            worst = max(worst, float(stats.multinomial.pmf(np.c_[b, c, n - b - c], n, shares)[passed].sum()))
    assert worst <= 1.1 * alpha


def test_copies_of_a_patients_study_add_nothing() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random(60) < 0.9, rng.random(60) < 0.8
    once = paired_proportions.paired_difference(first, second, np.arange(60), 0.025)
    thrice = paired_proportions.paired_difference(
        np.repeat(first, 3), np.repeat(second, 3), np.repeat(np.arange(60), 3), 0.025
    )
    assert thrice.n_effective == pytest.approx(59, abs=0.5)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=0.005)
    share = clustered_proportion.proportion(np.repeat(second, 3), np.repeat(np.arange(60), 3), 0.025)
    assert share.n_effective == pytest.approx(59, abs=0.5)


def test_where_models_hardly_disagree_the_studies_of_a_patient_are_taken_to_agree() -> None:
    right = np.ones(40, dtype=bool)
    found = paired_proportions.paired_difference(right, right, np.repeat(np.arange(20), 2), 0.05)
    assert found.n_effective == pytest.approx(20)


def test_unequal_rows_are_refused() -> None:
    with pytest.raises(DataError, match="same studies"):
        paired_proportions.paired_difference([True], [True, False], [1], 0.05)


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, and statsmodels 0.15 proportion_confint(..., method="wilson")
    assert wilson(81 / 263, 263) == pytest.approx((0.2552885198782742, 0.36620957698280004), abs=1e-12)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611251580528194), abs=1e-12)
    share = clustered_proportion.proportion(np.arange(263) < 81, np.arange(263), 0.025)
    assert (share.low, share.high) == pytest.approx((0.2552885198782742, 0.36620957698280004), abs=1e-12)


def test_bca_is_that_of_efron_and_tibshirani() -> None:
    """Spatial test, task A: the plug-in variance 171.5 has the 90% BCa interval (115.8, 259.6); An Introduction to the
    Bootstrap, 1993, tables 14.1 and 14.2."""
    scores = np.array(
        [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41]
    )
    drawn = np.random.default_rng(2).choice(scores, (20_000, 26)).var(axis=1)
    without = np.array([np.delete(scores, place).var() for place in range(26)])
    levels = bias_corrected((0.05, 0.95), float(scores.var()), drawn, without)
    assert np.quantile(drawn, levels) == pytest.approx([115.8, 259.6], rel=0.02)


def test_the_sign_flip_is_mcnemars_exact_test_where_each_patient_has_one_study() -> None:
    gaps = np.r_[np.ones(9), -np.ones(2), np.zeros(15)]
    # statsmodels 0.15: mcnemar([[10, 9], [2, 5]], exact=True)
    assert patient_permutation.sign_flip_p(gaps, np.arange(26)) == pytest.approx(0.0654296875)


def test_one_more_study_of_the_same_patient_moves_no_p_value() -> None:
    gaps, patients = np.ones(5), np.arange(5)
    before = patient_permutation.sign_flip_p(gaps, patients)
    after = patient_permutation.sign_flip_p(np.r_[gaps, 1], np.r_[patients, 0])
    assert before == after == pytest.approx(0.0625)


def test_the_sign_flip_counts_every_pattern() -> None:
    gaps, patients = np.array([1, 1, -1, 1, 1, -1, 1]), np.array([0, 0, 1, 2, 2, 2, 3])
    totals = np.bincount(patients, gaps)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1)
    expected = np.mean(np.abs(totals @ signs) >= abs(gaps.sum()))
    assert patient_permutation.sign_flip_p(gaps, patients) == pytest.approx(expected)


def test_predictive_values_at_a_prevalence_are_bayes_rule() -> None:
    sensitivity = clustered_proportion.proportion(np.arange(100) < 90, np.arange(100), 0.025)
    specificity = clustered_proportion.proportion(np.arange(100) < 80, np.arange(100), 0.025)
    found = predictive_values.at_prevalence(sensitivity, specificity, 0.1)
    assert found["ppv"].value == pytest.approx(0.9 * 0.1 / (0.9 * 0.1 + 0.2 * 0.9))
    assert found["npv"].value == pytest.approx(0.8 * 0.9 / (0.8 * 0.9 + 0.1 * 0.1))
    for one in found.values():
        assert one.low < one.value < one.high  # type: ignore[operator]
    many = [
        clustered_proportion.proportion(np.arange(100_000) < n, np.arange(100_000), 0.025) for n in (90_000, 80_000)
    ]
    ppv = predictive_values.at_prevalence(many[0], many[1], 0.1)["ppv"]
    spread = 1.959964 * np.sqrt(
        0.1 / 0.9 / 1e5 + 0.8 / 0.2 / 1e5
    )  # of log((1 - specificity) / sensitivity), delta method
    ends = [1 / (1 + 9 * 0.2 / 0.9 * np.exp(sign * spread)) for sign in (1, -1)]
    assert (ppv.low, ppv.high) == pytest.approx(ends, abs=5e-5)
    with pytest.raises(DataError, match="between 0 and 1"):
        predictive_values.at_prevalence(sensitivity, specificity, 1.0)


def test_predictive_values_without_a_false_call_keep_a_width_and_hold_the_truth() -> None:
    every = clustered_proportion.proportion(np.ones(40), np.arange(40), 0.025)
    for one in predictive_values.at_prevalence(every, every, 0.1).values():
        assert one.value == 1.0 and one.high == 1.0 and 0.3 < one.low < 0.995  # type: ignore[operator]
    few = clustered_proportion.proportion(np.ones(9), np.arange(9), 0.025)
    one = predictive_values.at_prevalence(few, every, 0.1)["ppv"]
    assert one.value == 1.0 and one.low is None and "fewer than 10 patients" in (one.note or "")
    none = clustered_proportion.proportion(np.zeros(40), np.arange(40), 0.025)
    found = predictive_values.at_prevalence(none, every, 0.1)
    assert found["ppv"].value is None and found["npv"].value == pytest.approx(0.9)
    for shown in coverage.cell((50, 0.3, 0.97), 100, 1, ("ppv_at_prevalence", "npv_at_prevalence")):
        assert shown.ours >= coverage.LEAST - 3 * np.sqrt(0.07 * 0.93 / 100), shown  # 0.80 and 0.72 by logit limits
