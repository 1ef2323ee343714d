"""Intervals resample patients, agree with an independent implementation, and have defined ends on the boundary."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as peer

from wrist_model.statistics import confidence_intervals
from wrist_model.statistics.metrics import Table


def clustered(patients: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(patients), rng.integers(1, 6, patients))
    labels = (rng.random(patients) < 0.5).astype(int)[owners]
    z = 1.2 * (2 * labels - 1) + rng.normal(0, 1, patients)[owners] + rng.normal(0, 0.7, len(owners))
    return labels, 1 / (1 + np.exp(-z)), owners


def test_resamples_agree_with_a_plain_loop_over_resampled_patients() -> None:
    labels, scores, owners = clustered(60, 0)
    table = Table(labels, scores, owners, 0.5)
    ours = table.values(confidence_intervals.draw(60, 4000, 1), ("roc_auc", "sensitivity"))
    rows = [np.flatnonzero(owners == patient) for patient in range(60)]
    chooser, areas, shares = random.Random(2), [], []
    for _ in range(1500):
        drawn = np.concatenate([rows[chooser.randrange(60)] for _ in range(60)])
        areas.append(peer.roc_auc_score(labels[drawn], scores[drawn]))
        shares.append(peer.recall_score(labels[drawn], scores[drawn] >= 0.5))
    for name, values in (("roc_auc", areas), ("sensitivity", shares)):
        expected = np.quantile(values, [0.025, 0.25, 0.5, 0.75, 0.975])
        found = np.quantile(ours[name], [0.025, 0.25, 0.5, 0.75, 0.975])
        assert found == pytest.approx(expected, abs=0.012), name


def test_intervals_agree_with_scipys_bca() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 150)
    scores = 1 / (1 + np.exp(-(1.5 * labels + rng.normal(0, 1, 150))))
    ours = confidence_intervals.intervals(
        Table(labels, scores, threshold=0.6), 9000, 0, ("accuracy", "brier", "roc_auc")
    )
    right = ((scores >= 0.6) == labels).astype(float)
    level = 1 - 2 * confidence_intervals.levels(150)[0]
    options = {"n_resamples": 9000, "method": "BCa", "confidence_level": level, "rng": np.random.default_rng(1)}
    for name, rows in (("accuracy", right), ("brier", (scores - labels) ** 2)):
        theirs = stats.bootstrap((rows,), np.mean, **options).confidence_interval
        assert (ours[name].low, ours[name].high) == pytest.approx((theirs.low, theirs.high), abs=0.007), name

    def area(y: np.ndarray, p: np.ndarray) -> float:
        return peer.roc_auc_score(y, p)

    options["n_resamples"] = 1500
    pair = stats.bootstrap((labels, scores), area, paired=True, vectorized=False, **options).confidence_interval
    assert (ours["roc_auc"].low, ours["roc_auc"].high) == pytest.approx((pair.low, pair.high), abs=0.01)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    labels, scores, owners = clustered(40, 1)
    table = Table(labels, scores, owners, 0.5)
    assert confidence_intervals.intervals(table, 300, 7) == confidence_intervals.intervals(table, 300, 7)
    assert confidence_intervals.intervals(table, 300, 7) != confidence_intervals.intervals(table, 300, 8)


def test_each_resample_draws_as_many_patients_as_there_are() -> None:
    counts = confidence_intervals.draw(37, 500, 3)
    assert (counts.sum(axis=1) == 37).all()
    assert abs(counts.mean(axis=0) - 1).max() < 0.25


def test_patients_with_many_images_widen_the_interval() -> None:
    labels, scores, owners = clustered(80, 5)
    by_patient = confidence_intervals.intervals(Table(labels, scores, owners), 1000, 0, ("roc_auc",))["roc_auc"]
    by_image = confidence_intervals.intervals(Table(labels, scores), 1000, 0, ("roc_auc",))["roc_auc"]
    assert by_patient.high - by_patient.low > 1.2 * (by_image.high - by_image.low)  # type: ignore[operator]


def test_wilson_equals_scipys() -> None:
    for right, n in ((0, 12), (12, 12), (7, 31)):
        expected = stats.binomtest(right, n).proportion_ci(method="wilson")
        assert confidence_intervals.wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_perfect_score_has_wilsons_interval_with_effective_patients() -> None:
    labels, scores = [1] * 8 + [0] * 8, [0.9] * 8 + [0.1] * 8
    owners = [0, 0, 0, 0, 0, 1, 2, 3, *range(4, 12)]
    found = confidence_intervals.intervals(Table(labels, scores, owners, 0.5), 400, 0)
    effective = 8**2 / (25 + 3)
    assert (found["sensitivity"].low, found["sensitivity"].high) == pytest.approx(
        confidence_intervals.wilson(1, effective)
    )
    assert found["sensitivity"].high == 1
    assert "Wilson" in found["sensitivity"].note  # type: ignore[operator]
    assert 0 < found["roc_auc"].low < 1  # type: ignore[operator]
    for name in ("accuracy", "cohen_kappa", "f1_positive", "f1_negative", "pr_auc"):
        assert found[name].low < 1 == found[name].high, name  # type: ignore[operator]


def test_a_share_of_zero_has_an_upper_end_above_zero() -> None:
    table = Table([1, 1, 1, 0, 0, 0], [0.1, 0.2, 0.3, 0.2, 0.3, 0.4], threshold=0.9)
    found = confidence_intervals.intervals(table, 400, 0, ("sensitivity", "f1_positive"))
    assert found["sensitivity"].low == 0 < found["sensitivity"].high  # type: ignore[operator]


def test_resamples_with_one_class_are_counted_and_said() -> None:
    labels, scores = [1, 0, 0, 0, 0, 0], [0.5, 0.1, 0.6, 0.3, 0.2, 0.4]
    found = confidence_intervals.intervals(Table(labels, scores, threshold=0.35), 1000, 0, ("roc_auc", "accuracy"))
    assert found["accuracy"].n_resamples == 1000
    assert 0 < found["roc_auc"].n_resamples < 800
    assert "resamples left out" in found["roc_auc"].note  # type: ignore[operator]


def test_one_patient_has_no_interval() -> None:
    found = confidence_intervals.intervals(Table([0, 1], [0.2, 0.8], ["a", "a"], 0.5), 100, 0)
    assert all(each.low is None and each.note == "one patient: no interval" for each in found.values())


def test_two_or_three_patients_have_wide_intervals_and_no_failure() -> None:
    for n in (2, 3, 4):
        table = Table(np.array([0, 1] * n), np.linspace(0.2, 0.7, 2 * n), [f"pt-{i // 2}" for i in range(2 * n)], 0.45)
        for name, found in confidence_intervals.intervals(table, 200, 1).items():
            assert found.low is None or found.high is None or found.low <= found.high, name


def test_a_kappa_at_or_below_zero_is_not_on_the_boundary() -> None:
    table = Table([0, 1] * 20, [0.1, 0.2] * 10 + [0.8, 0.7] * 10, threshold=0.5)
    assert table.value("cohen_kappa") == 0
    found = confidence_intervals.intervals(table, 500, 0, ("cohen_kappa",))["cohen_kappa"]
    assert -0.6 < found.low < 0 < found.high < 0.6  # type: ignore[operator]
    assert found.note is None or "Wilson" not in found.note
