"""The gate decides by non-inferiority, and says with which figures."""

from __future__ import annotations

import numpy as np
import pytest

from wrist_model.errors import DataError
from wrist_model.evidence import promotion_gate
from wrist_model.recipe import GateRecipe
from wrist_model.records import Comparison, StudyPrediction

RECIPE = GateRecipe(margin_roc_auc=0.05, margin_sensitivity=0.10, margin_specificity=0.10)


def studies(separation: float, seed: int = 0, n: int = 300) -> list[StudyPrediction]:
    """n studies of n patients, half of them positive; the classes lie `separation` standard deviations apart."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        label = i % 2
        probability = float(1 / (1 + np.exp(-(rng.normal() + separation * (label - 0.5)))))
        rows.append(
            StudyPrediction(
                f"st-{i:04}", f"pt-{i:04}", "test", label, 1, probability, probability, "youden", 0.5,
                int(probability >= 0.5),
            )
        )  # fmt: skip
    return rows


def decision(a: list[StudyPrediction], b: list[StudyPrediction]) -> promotion_gate.Decision:
    found = promotion_gate.differences(a, b, challenger="mv-a", reference="mv-b", resamples=500, seed=1)
    return promotion_gate.decide(found, RECIPE)


def test_an_equal_model_is_promoted() -> None:
    same = studies(2.5)
    assert decision(same, same).decision == "promoted"


def test_a_much_worse_model_is_refused_with_its_figures() -> None:
    verdict = decision(studies(0.0, seed=1), studies(3.0, seed=2))
    assert verdict.decision == "refused"
    assert "roc_auc -0." in verdict.reason and "margin 0.050" in verdict.reason and "mv-b" in verdict.reason


def test_too_little_data_is_undecided_not_promoted() -> None:
    assert decision(studies(2.0, seed=3, n=40), studies(2.0, seed=4, n=40)).decision == "undecided"
    assert "only 6 hold-out patients" in decision(studies(2.0, n=6), studies(2.0, n=6)).reason


def test_an_undefined_difference_is_never_a_pass() -> None:
    none = Comparison("mv-a", "mv-b", "roc_auc", None, None, None, promotion_gate.METHOD, 50)
    assert promotion_gate.decide([none], RECIPE).decision == "undecided"


def test_one_reference_that_refuses_is_enough() -> None:
    fine = Comparison("mv-a", "mv-b", "roc_auc", 0.0, -0.01, 0.01, promotion_gate.METHOD, 50)
    worse = Comparison("mv-a", "mv-c", "roc_auc", -0.2, -0.3, -0.1, promotion_gate.METHOD, 50)
    assert promotion_gate.decide([fine, worse], RECIPE).decision == "refused"


def test_bounds_are_one_sided_95_percent() -> None:
    a, b = studies(2.0, seed=5), studies(2.2, seed=6)
    found = {
        one.metric: one
        for one in promotion_gate.differences(a, b, challenger="a", reference="b", resamples=4000, seed=2)
    }
    rng = np.random.default_rng(0)
    positive = [i for i, row in enumerate(a) if row.label == 1]
    gaps = []
    for _ in range(4000):
        drawn = rng.choice(positive, len(positive))
        gaps.append(np.mean([(a[i].predicted_label or 0) - (b[i].predicted_label or 0) for i in drawn]))
    low, high = np.quantile(gaps, [0.05, 0.95])
    assert found["sensitivity"].ci_low == pytest.approx(low, abs=0.02)
    assert found["sensitivity"].ci_high == pytest.approx(high, abs=0.02)


def test_models_of_different_studies_are_not_compared() -> None:
    with pytest.raises(DataError, match="not scored on the same rows"):
        decision(studies(2.0, n=20), studies(2.0, n=22))
