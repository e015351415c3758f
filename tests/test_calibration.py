"""Ranking, deciding and saying probabilities: against scikit-learn, and where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics

from medlib import calibration
from medlib.errors import UsageError

RNG = np.random.default_rng(0)
TRUTH = RNG.random(500) < 0.3
SCORE = np.round(RNG.normal(size=500) + TRUTH, 1)  # with ties


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30))
def test_auroc_is_that_of_scikit_learn(cases):
    truth, score = (np.array(column) for column in zip(*cases, strict=True))
    found = calibration.auroc(truth, score)
    if truth.all() or not truth.any():
        assert np.isnan(found)
    else:
        assert found == pytest.approx(metrics.roc_auc_score(truth, score))


def test_weights_are_resamples():
    rows = RNG.integers(0, 500, size=(20, 500))
    weight = np.stack([np.bincount(row, minlength=500) for row in rows])
    for statistic, expected in (
        (calibration.auroc, metrics.roc_auc_score),
        (lambda t, s, w: calibration.accuracy(t, s, 0.4, w), lambda t, s: metrics.accuracy_score(t, s >= 0.4)),
    ):
        one_by_one = [expected(TRUTH[row], SCORE[row]) for row in rows]
        assert statistic(TRUTH, SCORE, weight) == pytest.approx(one_by_one)


def test_interval_covers_what_is_known():
    """The mean of coin tosses, with the standard error that one knows; doubled cases of a patient do not narrow it."""
    tosses = np.random.default_rng(1).random(400) < 0.5
    low, high = calibration.bootstrap(lambda weight: weight @ tosses / weight.sum(axis=1), range(400))
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)
    doubled, patients = np.repeat(tosses, 4), np.repeat(np.arange(400), 4)
    by_patient = calibration.bootstrap(lambda weight: weight @ doubled / weight.sum(axis=1), patients)
    assert np.ptp(by_patient) == pytest.approx(high - low, rel=0.02)
    by_image = calibration.bootstrap(lambda weight: weight @ doubled / weight.sum(axis=1), range(1600))
    assert np.ptp(by_image) == pytest.approx((high - low) / 2, rel=0.1)


@pytest.mark.parametrize("prevalence", [None, 0.1, 0.5, 0.9])
def test_threshold_is_the_best_there_is(prevalence):
    share = prevalence or 0.5

    def weighted(threshold):
        called = threshold <= SCORE
        return share * called[TRUTH].mean() + (1 - share) * (~called[~TRUTH]).mean()

    threshold = calibration.best_threshold(TRUTH, SCORE, prevalence)
    assert weighted(threshold) == pytest.approx(max(weighted(value) for value in [*np.unique(SCORE), np.inf]))


def test_threshold_at_a_prevalence_of_two_normal_distributions():
    """Equal variances: where p f1 = (1 - p) f0, at 0.5 + log((1 - p) / p) for means 0 and 1."""
    rng = np.random.default_rng(2)
    truth = np.arange(4000) % 2
    score = rng.normal(size=4000) + truth
    for prevalence in (0.5, 0.7):
        expected = 0.5 + np.log((1 - prevalence) / prevalence)
        assert calibration.best_threshold(truth, score, prevalence) == pytest.approx(expected, abs=0.35)


def test_threshold_lies_in_the_middle_of_the_gap():
    assert calibration.best_threshold([0, 0, 1, 1], [0.0, 0.2, 0.8, 1.0]) == pytest.approx(0.5)


def test_calibrated_and_overconfident_probabilities():
    rng = np.random.default_rng(3)
    logit = 2 * rng.normal(size=20_000)
    truth = rng.random(20_000) < expit(logit)
    assert calibration.expected_calibration_error(truth, expit(logit)) < 0.012
    assert calibration.expected_calibration_error(truth, expit(3 * logit)) > 0.08
    two = np.stack([np.zeros_like(logit), 3 * logit], axis=1)
    assert calibration.fit_temperature(truth.astype(int), two) == pytest.approx(3, rel=0.05)
    found, said, count = calibration.reliability(truth, expit(logit), n_bins=7)
    assert count.sum() == 20_000 and len(found) == len(said) == len(count) == 7
    assert np.sum(said * count) == pytest.approx(expit(logit).sum())


def test_constant_guess_has_the_error_of_its_prevalence():
    assert calibration.expected_calibration_error(TRUTH, np.ones(500)) == pytest.approx(1 - TRUTH.mean())
    assert calibration.expected_calibration_error(TRUTH, np.full(500, TRUTH.mean())) == pytest.approx(0)


@settings(max_examples=25)
@given(st.floats(0.1, 0.9))
def test_prior_of_new_cases_is_found(prevalence):
    """Two normal distributions, probabilities exact for equal shares: the shares of the new cases are recovered."""
    rng = np.random.default_rng(4)
    truth = np.arange(4000) < 4000 * prevalence
    logit = 3 * (rng.normal(size=4000) + 3 * truth - 1.5)
    probability = np.stack([expit(-logit), expit(logit)], axis=1)
    corrected, shares = calibration.adapt_to_prior(probability, [0.5, 0.5])
    assert shares[1] == pytest.approx(prevalence, abs=0.025)
    exact = expit(logit + np.log(shares[1] / shares[0]))
    assert corrected[:, 1] == pytest.approx(exact, abs=0.01)
    assert corrected.sum(axis=1) == pytest.approx(1)


def test_prior_that_is_right_stays():
    probability = np.array([[0.9, 0.1], [0.1, 0.9]])
    corrected, shares = calibration.adapt_to_prior(probability, [0.5, 0.5])
    assert corrected == pytest.approx(probability) and shares == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: calibration.auroc([0, 1], [0.5]), "do not go together"),
        (lambda: calibration.auroc([], []), "do not go together"),
        (lambda: calibration.auroc([0, 2], [0.5, 0.6]), "0 or 1"),
        (lambda: calibration.accuracy([0, 1], [0.5, np.nan]), "not finite"),
        (lambda: calibration.best_threshold([1, 1], [0.5, 0.6]), "both classes"),
        (lambda: calibration.best_threshold([0, 1], [0.5, 0.6], 1.0), "prevalence"),
        (lambda: calibration.reliability([0, 1], [0.5, 1.6]), "0 to 1"),
        (lambda: calibration.bootstrap(lambda w: w[:, 0], []), "at least one"),
        (lambda: calibration.bootstrap(lambda w: w[:, 0] * np.nan, [1, 2]), "every resample"),
        (lambda: calibration.fit_temperature([0, 1], np.zeros(2)), "do not go together"),
        (lambda: calibration.adapt_to_prior(np.ones((3, 2)), [1.0, 0.0]), "positive shares"),
    ],
)
def test_input_that_makes_no_sense(call, reason):
    with pytest.raises(UsageError, match=reason):
        call()
