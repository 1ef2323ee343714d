"""The cross-validation of `python -m benchmarks transfer`: deals leave groups whole, intervals are over groups."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks import hands, paired_runs, transfer
from benchmarks.paired_runs import Scored
from wrist_model.evidence_records import Localised
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


def test_the_table_pairs_rows_on_the_runs_that_both_have_and_keeps_what_was_tried_apart() -> None:
    refs = [ImageRef(f"im-{n}", "s", f"group-{n // 4}", "f", "0", (n // 4) % 2) for n in range(160)]
    rng = np.random.default_rng(0)
    lines: list[dict[str, Any]] = []
    for row, gain, runs in (("stored", 2.0, 5), ("squeezed", 0.2, 3)):
        for fold in range(1, runs + 1):
            test = hands.deal(refs, 1, fold).test
            scores = {ref.image_uid: gain * (ref.label or 0) + float(rng.normal()) for ref in test}
            line = {
                "row": row,
                "seed": 1,
                "fold": fold,
                "tried": {},
                "seconds": 9.0,
                "validation_auc": 0.7,
                "test": scores,
            }
            if row == "stored":
                maps = [Localised(r.image_uid, r.patient_key, "fracture", 1.0, 0.0, 0.1, 0.4, False) for r in test]
                line["localised"] = [asdict(one) for one in maps]
            lines.append(line)
    lines.append({**lines[0], "tried": {"training.learning_rate": "1e-3"}, "validation_auc": 0.65, "best_epoch": 4})
    del lines[-1]["test"]
    text = transfer.table(lines, refs)
    (squeezed,) = [line for line in text.splitlines() if line.startswith("| squeezed")]
    assert "| 3 |" in squeezed and "3 runs | stored" in squeezed and "-0." in squeezed
    assert "| stored training.learning_rate=1e-3 | 1 | 0.650 | 4 | 9 |" in text
    assert "| fracture pointing_minus_random | 0.900 |" in text and "160 radiographs, 80 positive, 40 groups" in text
