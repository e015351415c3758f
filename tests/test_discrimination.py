"""Ranking and deciding: against scikit-learn, and where the answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from medlib import discrimination
from medlib.errors import UsageError

RNG = np.random.default_rng(0)
TRUTH = RNG.random(500) < 0.3
SCORE = np.round(RNG.normal(size=500) + TRUTH, 1)  # with ties


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30))
def test_auroc_is_that_of_scikit_learn(cases):
    truth, score = (np.array(column) for column in zip(*cases, strict=True))
    found = discrimination.auroc(truth, score)
    if truth.all() or not truth.any():
        assert np.isnan(found)
    else:
        assert found == pytest.approx(metrics.roc_auc_score(truth, score))


def test_weights_are_resamples():
    rows = RNG.integers(0, 500, size=(20, 500))
    weight = np.stack([np.bincount(row, minlength=500) for row in rows])
    for statistic, expected in (
        (discrimination.auroc, metrics.roc_auc_score),
        (lambda t, s, w: discrimination.accuracy(t, s, 0.4, w), lambda t, s: metrics.accuracy_score(t, s >= 0.4)),
    ):
        one_by_one = [expected(TRUTH[row], SCORE[row]) for row in rows]
        assert statistic(TRUTH, SCORE, weight) == pytest.approx(one_by_one)


def test_interval_covers_what_is_known():
    """The mean of coin tosses, with the standard error that one knows; doubled cases of a patient do not narrow it."""
    tosses = np.random.default_rng(1).random(400) < 0.5
    low, high = discrimination.bootstrap(lambda weight: weight @ tosses / weight.sum(axis=1), range(400))
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)
    doubled, patients = np.repeat(tosses, 4), np.repeat(np.arange(400), 4)
    by_patient = discrimination.bootstrap(lambda weight: weight @ doubled / weight.sum(axis=1), patients)
    assert np.ptp(by_patient) == pytest.approx(high - low, rel=0.02)
    by_image = discrimination.bootstrap(lambda weight: weight @ doubled / weight.sum(axis=1), range(1600))
    assert np.ptp(by_image) == pytest.approx((high - low) / 2, rel=0.1)


@pytest.mark.parametrize("prevalence", [None, 0.1, 0.5, 0.9])
def test_threshold_is_the_best_there_is(prevalence):
    share = prevalence or 0.5

    def weighted(threshold):
        called = threshold <= SCORE
        return share * called[TRUTH].mean() + (1 - share) * (~called[~TRUTH]).mean()

    threshold = discrimination.best_threshold(TRUTH, SCORE, prevalence)
    assert weighted(threshold) == pytest.approx(max(weighted(value) for value in [*np.unique(SCORE), np.inf]))


def test_threshold_at_a_prevalence_of_two_normal_distributions():
    """Equal variances: where p f1 = (1 - p) f0, at 0.5 + log((1 - p) / p) for means 0 and 1."""
    rng = np.random.default_rng(2)
    truth = np.arange(4000) % 2
    score = rng.normal(size=4000) + truth
    for prevalence in (0.5, 0.7):
        expected = 0.5 + np.log((1 - prevalence) / prevalence)
        assert discrimination.best_threshold(truth, score, prevalence) == pytest.approx(expected, abs=0.35)


def test_threshold_lies_in_the_middle_of_the_gap():
    assert discrimination.best_threshold([0, 0, 1, 1], [0.0, 0.2, 0.8, 1.0]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: discrimination.auroc([0, 1], [0.5]), "do not go together"),
        (lambda: discrimination.auroc([], []), "do not go together"),
        (lambda: discrimination.auroc([0, 2], [0.5, 0.6]), "0 or 1"),
        (lambda: discrimination.accuracy([0, 1], [0.5, np.nan]), "not finite"),
        (lambda: discrimination.best_threshold([1, 1], [0.5, 0.6]), "both classes"),
        (lambda: discrimination.best_threshold([0, 1], [0.5, 0.6], 1.0), "prevalence"),
        (lambda: discrimination.bootstrap(lambda w: w[:, 0], []), "at least one"),
        (lambda: discrimination.bootstrap(lambda w: w[:, 0] * np.nan, [1, 2]), "every resample"),
    ],
)
def test_input_that_makes_no_sense(call, reason):
    with pytest.raises(UsageError, match=reason):
        call()
