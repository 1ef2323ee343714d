"""Drift: what nature does by chance raises few alarms, what a changed machine does is found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from wrist_model.evidence import drift
from wrist_model.recipe import DriftRecipe

RECIPE = DriftRecipe()
Features = dict[str, list[float | str | None]]


def studies(rng: np.random.Generator, count: int, brightness: float = 1.0) -> Features:
    """Features of `count` studies: correlated intensities, sizes that repeat, words, and some unknown values.

    As in real radiographs exposure differs by a third between patients, and a window has set the white end.
    """
    exposure = np.clip(rng.normal(1.0, 0.33, count), 0.2, None) * brightness
    middle = np.clip(70 * exposure + rng.normal(0, 8, count), 0, 255)
    white = np.round(np.clip(rng.normal(238, 8, count) * brightness, 0, 255))
    score = 1 / (1 + np.exp(-rng.normal(0, 1.5, count)))
    return {
        "score": list(score),
        "mean intensity": list(middle),
        "intensity, darkest": list(np.round(np.clip(middle * 0.1 + rng.normal(0, 3, count), 0, 255))),
        "intensity, dark tenth": list(np.clip(middle * 0.2 + rng.normal(0, 3, count), 0, 255)),
        "intensity, median": list(np.clip(middle * 0.9 + rng.normal(0, 6, count), 0, 255)),
        "intensity, bright tenth": list(np.clip(middle * 2.2 + rng.normal(0, 12, count), 0, 255)),
        "intensity, brightest": list(white),
        "image height": list(rng.choice([400.0, 512.0, 512.0, 480.0], count)),
        "images a study": [str(n) for n in rng.choice([1, 2, 3, 4], count, p=[0.15, 0.3, 0.45, 0.1])],
        "polarity": [str(n) for n in rng.choice(["upright", "inverted"], count, p=[0.93, 0.07])],
        "scanner": [None if n == "" else str(n) for n in rng.choice(["a", "b", "c", ""], count)],
        "positives": [str(n) for n in rng.choice([0, 1], count, p=[0.6, 0.4])],
    }


def part(features: Features, places: np.ndarray) -> Features:
    return {name: [values[place] for place in places] for name, values in features.items()}


def test_a_thousand_permuted_samples_raise_alarms_at_most_at_the_stated_rate() -> None:
    rng = np.random.default_rng(3)
    everybody = studies(rng, 1000)
    alarms = 0
    for _ in range(1000):
        order = rng.permutation(1000)
        found = drift.check(part(everybody, order[200:]), part(everybody, order[:200]), RECIPE)
        alarms += any(one.alert for one in found)
    print(f"false alarms: {alarms} of 1000")
    assert alarms <= 50


@pytest.mark.parametrize("brightness", [1.1, 0.9])
def test_a_brightness_shift_of_a_tenth_is_found_in_nine_of_ten_samples(brightness: float) -> None:
    rng = np.random.default_rng(4)
    reference = studies(rng, 1000)
    found = 0
    for _ in range(100):
        checks = drift.check(reference, studies(rng, 200, brightness), RECIPE)
        found += any(one.alert and "intensity" in one.feature for one in checks)
    print(f"found: {found} of 100")
    assert found >= 90


def test_a_radiograph_in_five_numbers() -> None:
    pixels = np.arange(101, dtype=np.uint8).reshape(1, 101)
    assert drift.intensities(pixels) == (1.0, 10.0, 50.0, 90.0, 99.0)


def test_adjusted_p_values_are_holms() -> None:
    assert drift.holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])
    # R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm"): Holm 1979 (Scandinavian Journal of Statistics 6:65) rejects two
    assert drift.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert drift.holm([]) == []
    assert drift.holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_statistics_are_scipys() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=300), rng.normal(0.3, size=90)
    one = drift.check({"x": list(a)}, {"x": list(b)}, RECIPE)[0]
    expected = stats.ks_2samp(a, b, method="asymp")
    assert (one.statistic, one.p_value) == pytest.approx((expected.statistic, expected.pvalue))


def test_the_stability_index_of_equal_shares_is_nothing_and_of_a_swap_is_large() -> None:
    assert drift.psi(np.array([50.0, 50.0]), np.array([10.0, 10.0])) == pytest.approx(0.0)
    assert drift.psi(np.array([90.0, 10.0]), np.array([10.0, 90.0])) == pytest.approx(0.8 * np.log(81), rel=1e-6)


def test_what_cannot_be_tested_is_reported_without_a_test() -> None:
    reference: Features = {"constant": [1.0] * 50, "unknown": [None] * 50, "few": [1.0, 2.0], "words": ["a"] * 50}
    found = drift.check(reference, reference, RECIPE)
    assert [one.p_value for one in found] == [None] * 4
    assert not any(one.alert for one in found)


def test_rare_words_are_pooled_and_a_new_one_is_found() -> None:
    reference: Features = {"scanner": ["a"] * 900 + ["b"] * 95 + ["c"] * 5}
    same = drift.check(reference, {"scanner": ["a"] * 180 + ["b"] * 19 + ["d"]}, RECIPE)[0]
    other = drift.check(reference, {"scanner": ["a"] * 120 + ["d"] * 80}, RECIPE)[0]
    assert not same.alert and other.alert
