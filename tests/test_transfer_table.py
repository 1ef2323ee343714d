"""The cross-validation of `python -m benchmarks transfer`: deals leave groups whole, intervals are over groups."""

from __future__ import annotations

import numpy as np

from benchmarks import hands, paired_runs
from benchmarks.paired_runs import Scored
from wrist_model.records import ImageRef
from wrist_model.statistics import roc_area


def scored(seed: int, images: int = 120, groups: int = 30, gain: float = 0.0) -> Scored:
    """Two models' scores of images whose groups are alike; the second model is better by `gain`."""
    rng = np.random.default_rng(seed)
    group = np.arange(images) % groups
    labels = (rng.random(groups)[group] + 0.3 * rng.random(images) > 0.6).astype(int)
    shared = labels + rng.normal(0, 1.2, groups)[group]
    scores = np.stack([shared + rng.normal(0, 1, images), shared + gain * labels + rng.normal(0, 1, images)])
    return Scored(labels, scores, [f"g{one:02d}" for one in group])


def test_one_run_is_delongs_area_over_groups_and_a_repeated_run_adds_nothing() -> None:
    run = scored(1)
    expected = roc_area.areas(run.labels, run.scores, run.groups)
    for runs in ([run], [run, run, run]):
        found = paired_runs.areas(runs)
        np.testing.assert_allclose(found.areas, expected.areas)
        np.testing.assert_allclose(found.covariance, expected.covariance)
        assert (found.positives, found.negatives) == (expected.positives, expected.negatives)


def test_runs_of_other_groups_narrow_the_interval_and_are_never_ranked_against_each_other() -> None:
    first = scored(1)
    second = Scored(first.labels, first.scores + 100, [f"other {group}" for group in first.groups])
    both, alone = paired_runs.areas([first, second]), paired_runs.areas([first])
    np.testing.assert_allclose(both.areas, alone.areas)
    np.testing.assert_allclose(both.covariance, alone.covariance / 2, rtol=0.06)


def test_the_interval_of_a_difference_holds_none_where_there_is_none() -> None:
    held = []
    for trial in range(60):
        found = paired_runs.areas([scored(1000 * trial + fold) for fold in range(3)])
        gap, low, high = roc_area.difference_interval(found, 0.025)
        held.append(low <= 0 <= high)
        assert low <= gap <= high
    assert np.mean(held) >= 0.9
    gap, low, _ = roc_area.difference_interval(paired_runs.areas([scored(n, gain=2.0) for n in range(3)]), 0.025)
    assert gap < 0 and low < 0


def test_deals_leave_groups_whole_and_test_each_image_once() -> None:
    refs = [ImageRef(f"im-{n}", "s", f"group-{n // 7}", "f", "0", n % 2) for n in range(200)]
    tested = []
    for fold in range(1, hands.FOLDS + 1):
        dealt = hands.deal(refs, 3, fold)
        parts = [{ref.patient_key for ref in part} for part in (dealt.train, dealt.validation, dealt.test)]
        assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
        assert len(dealt.train) + len(dealt.validation) + len(dealt.test) == len(refs)
        assert 30 <= len(dealt.test) <= 50 and 20 <= len(dealt.validation) <= 45
        tested += [ref.image_uid for ref in dealt.test]
    assert sorted(tested) == sorted(ref.image_uid for ref in refs)
    assert [r.image_uid for r in hands.deal(refs, 4, 1).test] != [r.image_uid for r in hands.deal(refs, 3, 1).test]
