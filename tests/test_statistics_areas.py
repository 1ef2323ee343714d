"""Areas under ROC curves, their differences, and subgroups: against plain double loops and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from wrist_model.errors import DataError
from wrist_model.statistics import group_differences, patient_permutation, roc_area


def scores(positives: int, negatives: int, apart: float, seed: int, correlation: float = 0.7) -> tuple:
    rng = np.random.default_rng(seed)
    y = np.r_[np.ones(positives, dtype=int), np.zeros(negatives, dtype=int)]
    drawn = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], len(y)).T
    return y, drawn + apart * y


def test_areas_and_covariance_are_delongs_by_the_definition() -> None:
    y, both = scores(25, 40, 1.2, 3)
    found = roc_area.areas(y, both, np.arange(65))
    assert found.areas == pytest.approx([roc_auc_score(y, one) for one in both])
    kernel = [(one[y == 1][:, None] > one[y == 0][None, :]).astype(float) for one in both]
    by_positive, by_negative = np.stack([k.mean(1) for k in kernel]), np.stack([k.mean(0) for k in kernel])
    assert found.covariance == pytest.approx(np.cov(by_positive) / 25 + np.cov(by_negative) / 40)


OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1
3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0
4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1
4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1
2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""
"""DeLong et al. 1988: albumin, total protein, K-G score and whether surgery helped, of 43 patients with all three."""


def test_delongs_own_example_gives_the_published_areas_errors_and_differences() -> None:
    """Figures to four decimals: SAS/STAT User's Guide, PROC LOGISTIC, "Comparing Receiver Operating Characteristic
    Curves"."""
    rows = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4)
    albumin, protein, kg = rows[:, 0], rows[:, 1], 10 - rows[:, 2]
    found = roc_area.areas(rows[:, 3], np.stack([albumin, kg, protein]), np.arange(len(rows)))
    assert found.areas == pytest.approx([0.7366, 0.7258, 0.6478], abs=6e-5)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx([0.0927, 0.1028, 0.1000], abs=6e-5)
    less_kg = np.array([[1.0, -1.0, 0.0], [0.0, -1.0, 1.0]])
    gaps, spread = less_kg @ found.areas, less_kg @ found.covariance @ less_kg.T
    assert gaps == pytest.approx([0.0108, -0.0780], abs=6e-5)
    assert np.sqrt(np.diag(spread)) == pytest.approx([0.0953, 0.1046], abs=6e-5)
    assert gaps @ np.linalg.solve(spread, gaps) == pytest.approx(2.5340, abs=6e-5)  # chi-squared, p = 0.2817


def test_copies_of_a_patients_studies_leave_the_covariance_as_it_is() -> None:
    y, both = scores(25, 40, 1.2, 4)
    once = roc_area.areas(y, both, np.arange(65))
    twice = roc_area.areas(np.repeat(y, 2), np.repeat(both, 2, axis=1), np.repeat(np.arange(65), 2))
    assert twice.covariance == pytest.approx(once.covariance)
    assert (twice.positives, twice.negatives) == (25, 40)


def test_limits_keep_a_width_where_both_models_rank_everything_rightly() -> None:
    y = np.r_[np.ones(20, dtype=int), np.zeros(30, dtype=int)]
    found = roc_area.areas(y, np.stack([y, y + 0.0]), np.arange(50))
    gap, low, high = roc_area.difference_interval(found, 0.05)
    assert gap == 0 and low < -0.05 and high > 0.05
    assert roc_area.area_interval(found, 0, 0.025)[0] < 0.95


def test_limits_hold_a_loss_of_the_margin_about_as_often_as_stated() -> None:
    passed, rng = 0, np.random.default_rng(8)
    for _ in range(400):
        y, both = scores(50, 70, 0.0, int(rng.integers(1 << 30)), 0.8)
        both = both + np.array([[1.645], [1.987]]) * y  # areas 0.878 and 0.92
        low = roc_area.difference_interval(roc_area.areas(y, both, np.arange(120)), 0.05)[1]
        passed += low > -(0.92 - 0.8776)
    assert passed / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_the_exchange_rejects_equal_models_no_more_often_than_stated_with_three_positives() -> None:
    rejected, delong = 0, 0
    for seed in range(200):
        y, both = scores(3, 60, 1.9, seed)
        rejected += patient_permutation.area_exchange_p(y, both, np.arange(63), 199, seed) <= 0.05
        delong += roc_area.delong_p(roc_area.areas(y, both, np.arange(63))) <= 0.05
    assert rejected <= 20  # 5% of 200 and three standard errors
    assert rejected <= delong


def test_the_exchange_finds_a_much_better_model() -> None:
    y, both = scores(15, 15, 0.0, 1)
    both[0] += 3.0 * y
    assert patient_permutation.area_exchange_p(y, both, np.arange(30), 999, 1) < 0.01


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="One class"):
        roc_area.areas([1, 1], [[0.1, 0.2]], [1, 2])
    with pytest.raises(DataError, match="One class"):
        patient_permutation.area_exchange_p([0, 0], [[0.1, 0.2]] * 2, [1, 2], 10, 0)


def test_groups_are_compared_with_the_rest_and_small_ones_only_listed() -> None:
    y, both = scores(120, 150, 1.6, 6)
    group = np.arange(270) % 3 == 0
    found = group_differences.group_differences(
        y, both[0], both[0] > 0.8, np.arange(270), {"sex=F": group, "source=b": np.arange(270) < 4}
    )
    of = {(one.group, one.metric): one for one in found}
    sensitivity = of["sex=F", "sensitivity"]
    called = both[0] > 0.8
    assert sensitivity.difference == pytest.approx(called[group & (y == 1)].mean() - called[~group & (y == 1)].mean())
    assert sensitivity.low < sensitivity.difference < sensitivity.high  # type: ignore[operator]
    assert of["source=b", "roc_auc"].low is None
    assert "too small to read" in (of["source=b", "roc_auc"].note or "")


def test_more_groups_make_each_interval_wider() -> None:
    y, both = scores(150, 150, 1.6, 7)
    halves = {"a": np.arange(300) % 2 == 0}
    more = halves | {f"g{k}": np.arange(300) % 5 == k for k in range(4)}
    alone, among = (
        group_differences.group_differences(y, both[0], both[0] > 0.8, np.arange(300), groups)[0]
        for groups in (halves, more)
    )
    assert among.high - among.low > alone.high - alone.low  # type: ignore[operator]
