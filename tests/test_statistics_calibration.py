"""Calibration on test, thresholds for new patients, and intervals at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from wrist_model.errors import DataError
from wrist_model.records import ImagePrediction, OperatingPoint
from wrist_model.scoring import ensemble, study_aggregation, tolerance_point
from wrist_model.statistics import calibration_headline, interval_rules, score_intervals
from wrist_model.statistics.metrics import Table

X = np.array(
    [-2.2, -1.7, -1.4, -1.1, -0.8, -0.5, -0.3, -0.1, 0.2, 0.4, 0.6, 0.9, 1.1, 1.4, 1.8, 2.3, -0.6, 0.7, -1.2, 1.0]
    + [0.1, -0.2, 1.5, -1.9]
)
Y = np.array([0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0])


def test_slope_and_intercept_are_those_of_statsmodels() -> None:
    """statsmodels 0.15: GLM(Y, [1, X], Binomial()) and GLM(Y, 1, Binomial(), offset=X); errors of the model."""
    found = calibration_headline.headline(Y, special.expit(X), np.arange(24))
    t = stats.t.isf(0.025, 11)  # twelve patients of the smaller class
    for name, value, error in (
        ("calibration_slope", 1.12290808, 0.49442671),
        ("calibration_in_the_large", -0.00490719, 0.4679726),
    ):
        one = found[name]
        assert one.value == pytest.approx(value, abs=1e-6)
        assert one.high - one.value >= t * error - 1e-5  # type: ignore[operator]
        assert one.value - one.low == pytest.approx(one.high - one.value)  # type: ignore[operator]
    assert found["observed_expected"].value == pytest.approx(Y.sum() / special.expit(X).sum())


def test_errors_over_patients_are_those_of_statsmodels_where_they_are_larger() -> None:
    twice = np.repeat(np.arange(24), 2)
    found = calibration_headline.headline(Y[twice], special.expit(X)[twice], twice)["calibration_slope"]
    once = calibration_headline.headline(Y, special.expit(X), np.arange(24))["calibration_slope"]
    assert found.value == pytest.approx(once.value)
    assert found.high - found.low > 0.75 * (once.high - once.low)  # type: ignore[operator]


def test_calibration_without_both_classes_or_with_few_patients_says_so() -> None:
    assert calibration_headline.headline([1, 1], [0.5, 0.6], [1, 2])["calibration_slope"].value is None
    few = calibration_headline.headline([0, 1, 0, 1], [0.2, 0.4, 0.5, 0.7], np.arange(4))
    assert few["observed_expected"].low is None and "fewer than 10" in (few["observed_expected"].note or "")
    apart = calibration_headline.headline([0] * 12 + [1] * 12, np.linspace(0.1, 0.9, 24), np.arange(24))
    assert "separate" in (apart["calibration_slope"].note or "")


def test_a_calibrated_model_of_237_studies_shows_an_ece_of_about_seven_hundredths() -> None:
    p = special.expit(2 * np.random.default_rng(0).standard_normal(237))
    mean, most = calibration_headline.ece_if_calibrated(p, 400)
    assert 0.05 < mean < 0.09 and mean < most
    drawn = [Table((np.random.default_rng(k).random(237) < p).astype(int), p).value("ece") for k in range(60)]
    assert mean == pytest.approx(np.mean(drawn), abs=0.006)  # type: ignore[arg-type]


def test_tolerance_ranks_are_wilks() -> None:
    """Wilks 1941: 59 observations for 95% of a population with 95% confidence, 93 for the second, 29 for 90%."""
    assert [tolerance_point.tolerance_rank(n, 0.95) for n in (58, 59, 92, 93)] == [0, 1, 1, 2]
    assert [tolerance_point.tolerance_rank(n, 0.90) for n in (28, 29)] == [0, 1]


def test_an_assured_sensitivity_is_reached_on_new_patients_and_a_plain_one_half_the_time() -> None:
    rng = np.random.default_rng(4)
    positive = 1.4  # mean of the positives' normal curve
    assured = plain = 0
    for _ in range(400):
        y = np.r_[np.ones(100, dtype=int), np.zeros(100, dtype=int)]
        z = special.expit(rng.standard_normal(200) + positive * y)
        reached = [
            stats.norm.sf(special.logit(threshold) - positive)
            for threshold in (tolerance_point.tolerated(z, y, np.arange(200), 0.9), tolerance_point.reaching(z, y, 0.9))
        ]
        assured, plain = assured + (reached[0] >= 0.9), plain + (reached[1] >= 0.9)
    assert assured / 400 >= 0.95 - 0.03
    assert 0.3 < plain / 400 < 0.7


def test_thresholds_lie_midway_between_two_scores() -> None:
    z, y = np.array([0.1, 0.2, 0.4, 0.7, 0.9]), np.array([0, 1, 0, 1, 1])
    assert tolerance_point.reaching(z, y, 0.6) == pytest.approx(0.55)
    assert tolerance_point.reaching(z, y, 1.0) == pytest.approx(0.15)
    assert tolerance_point.midway(z, 0.1) == pytest.approx(0.05)


def test_too_few_positive_patients_for_an_assured_sensitivity_say_how_many_are_needed() -> None:
    with pytest.raises(DataError, match="at least 29"):
        tolerance_point.tolerated(np.linspace(0.1, 0.9, 20), np.ones(20), np.arange(20), 0.9)


def test_the_interval_of_a_high_pr_auc_has_a_width() -> None:
    assert score_intervals.pr_auc_interval(1.0, 50) == pytest.approx((0.9287, 1.0), abs=1e-4)
    low, high = score_intervals.pr_auc_interval(0.999, 50)
    assert low < 0.97 and 0.999 < high < 1


def test_brier_and_log_loss_foresee_errors_that_a_sample_does_not_show() -> None:
    """Near-perfect probabilities whose rare errors are not in the sample: the interval reaches the expected loss."""
    p = np.r_[np.full(60, 0.01), np.full(40, 0.99)]
    y = (p > 0.5).astype(int)
    low, high = score_intervals.loss_interval("brier", y, p, np.arange(100))
    assert low < 0.01**2 < 0.01 * 0.99 < high


def test_whether_an_interval_is_shown_depends_on_counts_alone() -> None:
    rng = np.random.default_rng(0)
    y = np.r_[np.ones(9, dtype=int), np.zeros(40, dtype=int)]
    for apart in (0.5, 30.0):
        table = Table(y, special.expit(rng.standard_normal(49) + apart * (y - 0.5)), np.arange(49), 0.5)
        found = interval_rules.intervals(table, 100, 1, ("roc_auc", "pr_auc", "brier", "sensitivity"), rules="second")
        assert [found[name].low is None for name in found] == [True, True, True, False]


def image(uid: str, raw: float, logit: float | None = None) -> ImagePrediction:
    return ImagePrediction(uid, f"st-{uid}", f"pt-{uid}", "validation", 1, raw, logit=logit)


def test_an_ensemble_averages_calibrated_logits() -> None:
    sharp, blunt = [image("a", 0.999), image("b", 0.9)], [image("b", 0.45), image("a", 0.55)]
    points = [[OperatingPoint("image", "youden", 0.5, None, slope, 0.1, True)] for slope in (0.2, 1.0)]
    found = {row.image_uid: row for row in ensemble.ensemble([sharp, blunt], points)}
    expected = np.mean([0.2 * special.logit(0.999) + 0.1, special.logit(0.55) + 0.1])
    assert found["a"].logit == pytest.approx(expected)
    assert found["a"].raw_probability == pytest.approx(special.expit(expected))
    plain = ensemble.ensemble([sharp, blunt])
    assert plain[0].raw_probability == pytest.approx((0.999 + 0.55) / 2) and plain[0].logit is None


def test_logits_tell_saturated_scores_apart() -> None:
    rows = [image("a", 1.0, 40.0), image("b", 1.0, 50.0)]
    both = study_aggregation.by_study(rows)
    assert [row.logit for row in both] == pytest.approx([40.0, 50.0])
    assert study_aggregation.mean_logit([0.3, -1.2]) == pytest.approx(
        special.logit(np.mean(special.expit([0.3, -1.2])))
    )
