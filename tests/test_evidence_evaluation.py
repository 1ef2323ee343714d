"""Operating points come from validation alone, decisions from the points, and metrics from the stored rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evidence_data import QUICK, scored, subgroups
from scipy.special import logit
from sklearn import metrics as peer
from sklearn.linear_model import LogisticRegression

from wrist_model.errors import DataError
from wrist_model.evidence import evaluation_metrics
from wrist_model.records import ImageRef
from wrist_model.scoring import calibration, ensemble, operating_points, study_aggregation
from wrist_model.statistics import paired_tests
from wrist_model.statistics.metrics import METRICS

VALIDATION = scored("validation", 90, 3)
TEST = scored("test", 110, 4, patients=70)
POINTS = operating_points.lock(VALIDATION, QUICK)
IMAGES = operating_points.apply(POINTS, TEST)
STUDIES = operating_points.apply(POINTS, study_aggregation.by_study(TEST))


def test_a_study_scores_the_mean_of_its_images() -> None:
    studies = study_aggregation.by_study(TEST)
    assert sum(study.n_images for study in studies) == len(TEST)
    for study in studies:
        own = [row.raw_probability for row in TEST if row.study_uid == study.study_uid]
        assert study.raw_probability == pytest.approx(np.mean(own), abs=1e-15)


def test_a_nan_score_is_refused_by_name() -> None:
    broken = (*TEST[:3], replace(TEST[3], raw_probability=float("nan")))
    with pytest.raises(DataError, match=TEST[3].image_uid):
        study_aggregation.by_study(broken)


def test_images_of_one_study_must_agree_on_its_label() -> None:
    study = [row for row in TEST if row.study_uid == TEST[0].study_uid] + [
        replace(TEST[0], image_uid="im-x", label=None)
    ]
    with pytest.raises(DataError, match="disagree"):
        study_aggregation.by_study(study)


def test_what_is_missing_from_the_manifest_is_named() -> None:
    refs = [ImageRef(row.image_uid, row.study_uid, row.patient_key, "", "", 1, "test") for row in TEST]
    study_aggregation.complete(TEST, refs)
    with pytest.raises(DataError, match=f"1 of {len(refs)} images have no prediction, {TEST[5].image_uid}"):
        study_aggregation.complete([*TEST[:5], *TEST[6:]], refs)
    with pytest.raises(DataError, match="outside the frozen version"):
        study_aggregation.complete(TEST, refs[1:])
    with pytest.raises(DataError, match="predicted twice"):
        study_aggregation.complete([*TEST, TEST[0]], refs)


def test_points_can_be_locked_on_validation_only() -> None:
    with pytest.raises(DataError, match="validation alone"):
        operating_points.lock(TEST, QUICK)


def test_both_levels_have_two_points_and_one_serves() -> None:
    assert [(p.level, p.name, p.serving) for p in POINTS] == [
        ("image", "youden", True),
        ("image", "sensitivity", False),
        ("study", "youden", True),
        ("study", "sensitivity", False),
    ]


def test_the_sensitivity_point_is_the_highest_that_reaches_its_target() -> None:
    point = next(p for p in POINTS if (p.level, p.name) == ("study", "sensitivity"))
    rows = operating_points.apply(POINTS, study_aggregation.by_study(VALIDATION))
    positives = np.array([row.probability for row in rows if row.label == 1])
    assert np.mean(positives >= point.threshold) >= 0.9
    assert np.mean(positives >= np.nextafter(point.threshold, 1)) < 0.9


def test_the_youden_point_is_the_best_of_all_thresholds() -> None:
    point = next(p for p in POINTS if (p.level, p.name) == ("image", "youden"))
    rows = operating_points.apply(POINTS, VALIDATION)
    labels, scores = [row.label for row in rows], [row.probability for row in rows]
    fpr, tpr, _ = peer.roc_curve(labels, scores, drop_intermediate=False)
    called = np.array(scores) >= point.threshold
    ours = peer.recall_score(labels, called) + peer.recall_score(labels, called, pos_label=0) - 1
    assert ours == pytest.approx((tpr - fpr).max(), abs=1e-12)


def test_calibration_is_logistic_regression_without_a_penalty() -> None:
    raw, labels = [row.raw_probability for row in VALIDATION], [row.label for row in VALIDATION]
    ours = calibration.fit(raw, labels)  # type: ignore[arg-type]
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(logit(raw)[:, None], labels)
    assert (ours.slope, ours.intercept) == pytest.approx((theirs.coef_[0, 0], theirs.intercept_[0]), abs=1e-5)
    assert ours.apply(raw).mean() == pytest.approx(np.mean(labels), abs=1e-8)


def test_calibration_is_defined_for_separable_constant_and_backward_scores() -> None:
    separable = calibration.fit([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert 0 < separable.slope < 100
    assert "Platt" in separable.note  # type: ignore[operator]
    assert calibration.fit([0.3] * 4, [0, 0, 0, 1]).apply([0.3])[0] == pytest.approx(0.25)
    backward = calibration.fit([0.9, 0.6, 0.7, 0.2], [0, 0, 1, 1])
    assert backward.slope == calibration.LEAST_SLOPE
    assert calibration.fit([0.0, 0.0, 1.0, 1.0, 0.5], [0, 0, 1, 1, 1]).slope > 0


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_in_validation_is_refused(label: int) -> None:
    rows = [replace(row, label=label) for row in VALIDATION]
    with pytest.raises(DataError, match="need both"):
        operating_points.lock(rows, QUICK)


def test_hard_labels_can_not_be_locked() -> None:
    rows = [replace(row, raw_probability=float(row.label or 0)) for row in VALIDATION]
    with pytest.raises(DataError, match="decisions, not probabilities"):
        operating_points.lock(rows, QUICK)


def test_every_metric_is_measured_at_both_levels_with_its_counts() -> None:
    found = evaluation_metrics.measure(IMAGES, STUDIES, POINTS, QUICK, "test")
    assert {(m.level, m.metric) for m in found} == {(level, m) for level in ("image", "study") for m in METRICS}
    studies = {(m.metric, m.operating_point): m for m in found if (m.level, m.subgroup) == ("study", "all")}
    sensitivity = studies["sensitivity", "youden"]
    labels = [row.label for row in STUDIES]
    assert sensitivity.value == pytest.approx(
        peer.recall_score(labels, [row.predicted_label for row in STUDIES]), abs=1e-12
    )
    assert (sensitivity.tp or 0) + (sensitivity.fn or 0) == sum(label == 1 for label in labels)
    assert sensitivity.threshold == STUDIES[0].threshold
    assert (sensitivity.n_images, sensitivity.n_studies) == (len(TEST), len(STUDIES))
    assert sensitivity.n_patients == len({row.patient_key for row in TEST})
    auc = studies["roc_auc", None]
    assert auc.value == pytest.approx(peer.roc_auc_score(labels, [row.probability for row in STUDIES]), abs=1e-12)
    assert auc.ci_low < auc.value < auc.ci_high  # type: ignore[operator]


def test_subgroups_have_their_own_n_and_small_ones_say_so() -> None:
    found = evaluation_metrics.measure(IMAGES, STUDIES, POINTS, QUICK, "test", subgroups(TEST))
    by_name = {
        m.subgroup: m for m in found if m.level == "study" and m.metric == "accuracy" and m.operating_point == "youden"
    }
    assert by_name["source=mura"].n_studies + by_name["source=dicom"].n_studies == len(STUDIES)
    assert by_name["hardware=1"].n_studies == sum(int(s.study_uid.rsplit("-", 1)[1]) % 4 == 0 for s in STUDIES)
    assert "too small to read" in (by_name["view=odd"].note or "")
    assert by_name["source=mura"].note is None or "too small" not in by_name["source=mura"].note
    assert sum(m.n_studies for name, m in by_name.items() if name.startswith("n_views=")) == len(STUDIES)
    assert sum(m.n_studies for name, m in by_name.items() if name.startswith("age_band=")) == len(STUDIES)


def test_unknown_patients_are_said_on_every_metric() -> None:
    found = evaluation_metrics.measure(IMAGES, STUDIES, POINTS, QUICK, "test", patients_known=False)
    assert all("names no patients" in (metric.note or "") for metric in found)


def test_one_class_in_the_test_split_leaves_auc_empty_with_the_reason() -> None:
    rows = tuple(row for row in IMAGES if row.label == 1)
    studies = tuple(row for row in STUDIES if row.label == 1)
    found = {
        m.metric: m
        for m in evaluation_metrics.measure(rows, studies, POINTS, QUICK, "test")
        if (m.level, m.subgroup) == ("study", "all")
    }
    assert (found["roc_auc"].value, found["roc_auc"].ci_low) == (None, None)
    assert "one class only" in (found["roc_auc"].note or "")
    assert found["sensitivity"].value is not None


def test_rows_of_another_split_or_without_decision_are_not_measured() -> None:
    with pytest.raises(DataError, match="apply the points first"):
        evaluation_metrics.measure(TEST, study_aggregation.by_study(TEST), POINTS, QUICK, "test")
    with pytest.raises(DataError, match="must be of split validation"):
        evaluation_metrics.measure(IMAGES, STUDIES, POINTS, QUICK, "validation")


def test_the_ensemble_is_the_mean_and_needs_the_same_images() -> None:
    other = scored("test", 110, 4, 0.8, patients=70)
    mean = ensemble.ensemble([TEST, other])
    assert mean[7].raw_probability == pytest.approx((TEST[7].raw_probability + other[7].raw_probability) / 2)
    with pytest.raises(DataError, match="not scored on the same images"):
        ensemble.ensemble([TEST, other[1:]])


def naive_delong(labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The 1988 paper's structural components, pair by pair: (difference, its variance)."""
    parts = []
    for scores in (a, b):
        pos, neg = scores[labels == 1], scores[labels == 0]
        psi = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in neg] for x in pos])
        parts.append((psi.mean(), psi.mean(axis=1), psi.mean(axis=0)))
    s10 = np.cov([parts[0][1], parts[1][1]])
    s01 = np.cov([parts[0][2], parts[1][2]])
    s = s10 / (labels == 1).sum() + s01 / (labels == 0).sum()
    return parts[0][0] - parts[1][0], s[0, 0] + s[1, 1] - 2 * s[0, 1]


def test_delong_equals_the_papers_formula_pair_by_pair() -> None:
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 2, 70)
    a, b = np.round(rng.random(70) + 0.5 * labels, 1), np.round(rng.random(70) + 0.3 * labels, 1)
    one, two, s = paired_tests.delong(labels, a, b)
    difference, variance = naive_delong(labels, a, b)
    assert one - two == pytest.approx(difference, abs=1e-12)
    assert s[0, 0] + s[1, 1] - 2 * s[0, 1] == pytest.approx(variance, abs=1e-12)


def compared(patients: int | None) -> dict[tuple[str, str], object]:
    rows = []
    for skill in (1.5, 0.4):
        points = operating_points.lock(scored("validation", 90, 3, skill), QUICK)
        rows.append(
            operating_points.apply(points, study_aggregation.by_study(scored("test", 150, 4, skill, patients=patients)))
        )
    found = paired_tests.paired(*rows, challenger="mv-a", reference="mv-b", resamples=400)
    return {(row.metric, row.method): row for row in found}


def test_delong_is_used_where_each_patient_has_one_study_and_the_bootstrap_elsewhere() -> None:
    alone, shared = compared(None), compared(60)
    assert ("roc_auc", "delong") in alone
    assert ("roc_auc", "patient_bootstrap") not in alone
    assert ("roc_auc", "patient_bootstrap") in shared
    for found in (alone, shared):
        row = next(row for (metric, _), row in found.items() if metric == "roc_auc")
        assert 0 < row.ci_low < row.difference < row.ci_high  # type: ignore[attr-defined]
        assert ("accuracy", "mcnemar") in found
        assert found["accuracy", "mcnemar"].p_value < 0.05  # type: ignore[attr-defined]


def test_a_model_compared_with_itself_shows_no_difference() -> None:
    for row in paired_tests.paired(STUDIES, STUDIES, challenger="a", reference="a", resamples=200):
        assert row.difference == 0
        assert row.p_value == 1 or row.p_value is None


def test_mcnemar_is_the_exact_binomial_on_discordant_pairs() -> None:
    right = np.array([True] * 9 + [False] * 2 + [True] * 5)
    other = np.array([False] * 9 + [True] * 2 + [True] * 5)
    assert paired_tests.mcnemar(right, other, [str(n) for n in range(16)]) == pytest.approx(0.06542968750)


def test_models_scored_on_different_rows_are_not_compared() -> None:
    with pytest.raises(DataError, match="not scored on the same rows"):
        paired_tests.paired(STUDIES, STUDIES[1:], challenger="a", reference="b")
