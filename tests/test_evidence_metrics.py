"""Each metric equals scikit-learn's to 1e-12, is undefined where it has no meaning, and refuses what it can't rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer

from wrist_model.errors import DataError
from wrist_model.statistics import metrics
from wrist_model.statistics.metrics import METRICS, Table

PEERS = {
    "accuracy": lambda y, p, d: peer.accuracy_score(y, d),
    "sensitivity": lambda y, p, d: peer.recall_score(y, d),
    "specificity": lambda y, p, d: peer.recall_score(y, d, pos_label=0),
    "ppv": lambda y, p, d: peer.precision_score(y, d),
    "npv": lambda y, p, d: peer.precision_score(y, d, pos_label=0),
    "f1_positive": lambda y, p, d: peer.f1_score(y, d),
    "f1_negative": lambda y, p, d: peer.f1_score(y, d, pos_label=0),
    "cohen_kappa": lambda y, p, d: peer.cohen_kappa_score(y, d),
    "roc_auc": lambda y, p, d: peer.roc_auc_score(y, p),
    "pr_auc": lambda y, p, d: peer.average_precision_score(y, p),
    "brier": lambda y, p, d: peer.brier_score_loss(y, p),
    "log_loss": lambda y, p, d: peer.log_loss(y, p, labels=[0, 1]),
}


@pytest.mark.parametrize("ties", [False, True], ids=["distinct scores", "tied scores"])
@pytest.mark.parametrize("seed", range(5))
def test_every_metric_equals_scikit_learns(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, 300)]
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.25), 0, 1)
    scores = np.round(scores, 1) if ties else scores
    table = Table(labels, scores, threshold=0.45)
    for name, compute in PEERS.items():
        assert table.value(name) == pytest.approx(compute(labels, scores, scores >= 0.45), abs=1e-12), name


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=40).filter(
        lambda rows: len({label for label, _ in rows}) == 2
    )
)
def test_small_and_odd_sets_agree_with_scikit_learn_too(rows: list[tuple[int, int]]) -> None:
    labels, scores = np.array([row[0] for row in rows]), np.array([row[1] / 20 for row in rows])
    table = Table(labels, scores, threshold=0.5)
    for name in ("roc_auc", "pr_auc", "brier", "accuracy", "sensitivity", "specificity"):
        assert table.value(name) == pytest.approx(PEERS[name](labels, scores, scores >= 0.5), abs=1e-12), name


def test_a_weight_equals_a_copy_of_the_row() -> None:
    rng = np.random.default_rng(3)
    labels, patients = rng.integers(0, 2, 60), rng.integers(0, 12, 60)
    scores = np.round(rng.random(60), 2)
    counts = rng.integers(0, 4, 12).astype(float)
    weighted = Table(labels, scores, patients, 0.5).values(counts[None, :])
    copies = np.repeat(np.arange(60), counts[patients].astype(int))
    copied = Table(labels[copies], scores[copies], threshold=0.5)
    for name in METRICS:
        assert weighted[name][0] == pytest.approx(copied.value(name), abs=1e-12), name


def test_ece_is_the_plain_formula_on_equal_mass_bins() -> None:
    rng = np.random.default_rng(4)
    scores = rng.random(450)
    labels = (rng.random(450) < scores**2).astype(int)
    order = np.argsort(scores)
    blocks = np.split(order, 15)
    plain = sum(abs(labels[b].mean() - scores[b].mean()) * len(b) for b in blocks) / 450
    assert Table(labels, scores).value("ece") == pytest.approx(plain, abs=1e-12)


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0]], ids=["positives only", "negatives only"])
def test_one_class_leaves_rankings_undefined_and_the_rest_defined(labels: list[int]) -> None:
    table = Table(labels, [0.2, 0.6, 0.9], threshold=0.5)
    assert table.value("roc_auc") is None
    assert table.value("accuracy") is not None
    assert table.value("brier") is not None
    assert table.value("sensitivity" if labels[0] == 0 else "specificity") is None


def test_no_positive_call_leaves_ppv_undefined_never_zero() -> None:
    table = Table([0, 1, 1], [0.1, 0.2, 0.3], threshold=0.9)
    assert table.value("ppv") is None
    assert table.value("sensitivity") == 0
    assert table.value("f1_positive") == 0
    assert table.value("npv") == pytest.approx(1 / 3)


def test_constant_scores_rank_like_a_coin() -> None:
    table = Table([0, 1, 1, 0], [0.4] * 4, threshold=0.5)
    assert table.value("roc_auc") == 0.5
    assert table.value("pr_auc") == 0.5
    assert table.value("cohen_kappa") == 0


def test_auc_refuses_hard_labels() -> None:
    with pytest.raises(DataError, match="decisions, not probabilities"):
        metrics.roc_auc([0, 1, 1, 0], [0, 1, 0, 0])


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.1, float("nan")], "1 of 2 scores are NaN"),
        ([0, 1], [0.1, 1.5], r"must lie in \[0, 1\]"),
        ([0, 2], [0.1, 0.5], "must be 0 or 1"),
        ([0, None], [0.1, 0.5], "has no label"),
        ([], [], "No rows"),
        ([0, 1, 1], [0.1, 0.5], "one to a row"),
    ],
)
def test_bad_rows_are_refused_in_one_sentence(labels: list[int], scores: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Table(labels, scores)


def test_curves_equal_scikit_learns() -> None:
    rng = np.random.default_rng(9)
    labels, scores = rng.integers(0, 2, 80), np.round(rng.random(80), 1)
    x, y = metrics.roc_curve(labels, scores)
    fpr, tpr, _ = peer.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(x, fpr, atol=1e-12)
    np.testing.assert_allclose(y, tpr, atol=1e-12)
    recall, precision = metrics.pr_curve(labels, scores)
    peer_precision, peer_recall, _ = peer.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(recall[1:], peer_recall[::-1][1:], atol=1e-12)
    np.testing.assert_allclose(precision[1:], peer_precision[::-1][1:], atol=1e-12)
