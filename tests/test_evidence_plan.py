"""The gate's second rule, the plan of a hold-out, and what looks cost."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import coverage, decisions, run_lengths
from wrist_model.errors import DataError
from wrist_model.evidence import alpha_spending, hold_out_plan, score_gate
from wrist_model.evidence.hold_out_plan import HoldOut
from wrist_model.records import StudyPrediction

MARGINS = {"roc_auc": 0.03, "sensitivity": 0.10, "specificity": 0.10}
FIRST = alpha_spending.budget([])
FLOORS = {"roc_auc": 0.7, "sensitivity": 0.5, "specificity": 0.5}


def studies(separation: float, seed: int = 0, n: int = 600) -> list[StudyPrediction]:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        p = float(1 / (1 + np.exp(-(rng.normal() + separation * (i % 2 - 0.5)))))
        rows.append(StudyPrediction(f"st-{i:04}", f"pt-{i:04}", "test", i % 2, 1, p, p, "youden", 0.5, int(p >= 0.5)))
    return rows


def decision(a: list[StudyPrediction], b: list[StudyPrediction], budget: alpha_spending.Budget = FIRST) -> tuple:
    compared = score_gate.compare(a, b, challenger="mv-a", reference="mv-b", alpha=budget.alpha or 0.05)
    found = score_gate.decide([compared], MARGINS, budget)
    return found.decision, found.reason


def test_a_challenger_like_the_reference_is_promoted_and_a_much_worse_one_refused() -> None:
    assert decision(studies(3.0), studies(3.0))[0] == "promoted"
    worse, reason = decision(studies(0.2, 1), studies(3.0))
    assert worse == "refused" and "margin 0.030" in reason and "look 1 of 4" in reason


def test_small_hold_outs_decide_nothing_however_alike_the_models() -> None:
    same = studies(3.0, n=30)
    found, reason = decision(same, same)
    assert found == "undecided" and "at least 20 of each class" in reason


def test_past_the_planned_looks_only_a_person_promotes() -> None:
    found, reason = decision(studies(3.0), studies(3.0), alpha_spending.budget([False] * 4))
    assert found == "undecided" and "only a person promotes" in reason


def test_a_comparison_says_how_and_at_which_error_it_was_made() -> None:
    compared = score_gate.compare(studies(2.0), studies(2.1, 3), challenger="a", reference="b", alpha=0.0125)
    assert [one.method for one in compared.comparisons] == [
        "delong_score_one_sided_0.0125",
        "tango_clustered_one_sided_0.0125",
        "tango_clustered_one_sided_0.0125",
    ]


def test_one_class_is_never_a_pass() -> None:
    rows = [row for row in studies(3.0) if row.label == 1]
    assert decision(rows, rows)[0] == "undecided"


def test_the_first_model_must_reach_its_floors() -> None:
    assert score_gate.decide_first(studies(3.0), FLOORS, FIRST).decision == "promoted"
    chance = score_gate.decide_first(studies(0.0), FLOORS, FIRST)
    assert chance.decision == "undecided" and "roc_auc" in chance.reason and "floor 0.700" in chance.reason
    assert "at least 20" in score_gate.decide_first(studies(3.0, n=20), FLOORS, FIRST).reason


def test_the_looks_share_the_error_and_a_promotion_hands_its_share_on() -> None:
    assert FIRST.alpha == pytest.approx(0.0125)
    assert alpha_spending.budget([True]).alpha == pytest.approx(0.025)
    after = alpha_spending.budget([False, True])
    assert (after.alpha, after.spent, after.left) == pytest.approx((0.025, 0.0125, 0.0375))
    gone = alpha_spending.budget([False] * 6)
    assert (gone.alpha, gone.left) == (0.0, 0.0) and gone.look == 7
    with pytest.raises(DataError, match="planned_looks"):
        alpha_spending.budget([], 0)


def test_shares_of_challengers_that_are_truly_worse_never_add_up_to_more_than_the_total() -> None:
    for pattern in range(16):
        worse = [bool(pattern >> look & 1) for look in range(4)]
        history: list[bool] = []
        at_risk = 0.0
        for bad in worse:  # the better ones are all promoted: the most that can be handed on
            at_risk += alpha_spending.budget(history).alpha if bad else 0.0
            history.append(not bad)
        assert at_risk <= 0.05 + 1e-12


def test_no_margin_is_widened_beyond_a_tenth() -> None:
    with pytest.raises(DataError, match=r"at most 0\.1"):
        hold_out_plan.plan(HoldOut(97, 140), {"sensitivity": 0.15}, 0.0125)


def test_a_small_hold_out_is_told_that_it_cannot_decide() -> None:
    plan = hold_out_plan.plan(HoldOut(40, 60, 0.9, 0.7), MARGINS, 0.0125)
    assert plan.power < 0.2 and "can't decide" in plan.verdict and not plan.margins_together
    assert {one.metric: one.smallest_margin for one in plan.metrics}["sensitivity"] is None


def test_a_margins_studies_give_it_eighty_percent() -> None:
    hold_out = HoldOut(97, 140, 0.92, 0.85)
    needed = hold_out_plan.studies_needed(hold_out, "sensitivity", 0.10, 0.0125)
    assert needed is not None
    larger = HoldOut(round(needed * 97 / 237), round(needed * 140 / 237), 0.92, 0.85)
    low, _ = hold_out_plan.lower_limits(larger, 0.0125, 1000, 9, ("sensitivity",))
    assert float((low["sensitivity"] > -0.10).mean()) == pytest.approx(0.80, abs=0.06)


def test_two_scored_models_tell_the_plan_its_area_and_correlation() -> None:
    pos, neg = hold_out_plan.drawn(HoldOut(2000, 2000, 0.92, 0.7), 1, np.random.default_rng(0))
    y = np.r_[np.ones(2000), np.zeros(2000)].astype(int)
    scores = np.concatenate([pos[:, 0], neg[:, 0]], axis=1)
    found = hold_out_plan.assumed(y, scores[0], scores[1], [str(n) for n in range(4000)])
    assert (found.auc, found.correlation) == pytest.approx((0.92, 0.7), abs=0.02)


def test_the_gate_promotes_what_the_plan_foretold_and_rarely_what_is_worse() -> None:
    """A few of the simulations of `python -m benchmarks decisions`."""
    for one in decisions.small_hold_outs():
        assert one.ours <= 0.05, one
    for correlation in decisions.CORRELATIONS:
        for metric in MARGINS:
            (one,) = decisions.gate((97, 140), correlation, metric, 1.0, 200)
            assert one.ours <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200), one
    for correlation in decisions.CORRELATIONS[1:]:
        (one,) = decisions.power((97, 140), correlation, 60)
        assert abs(one.ours - one.peer) <= 0.05 + 2.5 * np.sqrt(0.25 / 60), one


def test_a_first_model_at_the_floor_hardly_ever_serves_and_a_good_one_does() -> None:
    (floor,), (good,) = (decisions.first_models((97, 140), area, 60) for area in (0.7, 0.9))
    assert floor.ours <= 0.0125 + 3 * np.sqrt(0.0125 * 0.9875 / 60) and good.ours > 0.9


def test_the_more_a_challenger_loses_the_less_often_it_is_promoted_and_the_more_often_refused() -> None:
    found = [decisions.gate((225, 325), 0.95, "sensitivity", loss, 200)[0] for loss in (0.0, 0.5, 1.0, 2.0)]
    refused = [float(one.setup.split("refused ")[1].split(";")[0]) for one in found]
    assert [one.ours for one in found] == sorted((one.ours for one in found), reverse=True) and found[0].ours > 0.9
    assert refused == sorted(refused) and refused[0] < 0.05 and refused[-1] > 0.5


def test_a_cell_of_the_coverage_grid_holds() -> None:
    for one in coverage.cell((50, 0.5, 0.999), 60):
        assert one.ours >= coverage.LEAST - 3 * np.sqrt(0.07 * 0.93 / 60), one


def test_differences_of_unequal_models_are_covered() -> None:
    for one in [*coverage.differences((50, 0.4, 0.95, 0.75), 60), *coverage.groups((237, 0.92, 0.85), 60)]:
        assert one.ours >= coverage.LEAST - 3 * np.sqrt(0.07 * 0.93 / 60), one


def test_a_year_of_looks_without_drift_is_quiet_and_a_large_shift_is_seen() -> None:
    assert sum(run_lengths.weeks_to_alarm(seed, 0.0, 0) is not None for seed in range(3)) <= 1
    assert (run_lengths.weeks_to_alarm(1, 0.6, 0) or 99) <= 13
