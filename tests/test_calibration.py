"""Probabilities that are true, and ones that are made so: where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from medlib import calibration
from medlib.errors import UsageError

TRUTH = np.random.default_rng(0).random(500) < 0.3


def test_calibrated_and_overconfident_probabilities():
    rng = np.random.default_rng(3)
    logit = 2 * rng.normal(size=20_000)
    truth = rng.random(20_000) < expit(logit)
    assert calibration.expected_calibration_error(truth, expit(logit)) < 0.012
    assert calibration.expected_calibration_error(truth, expit(3 * logit)) > 0.08
    two = np.stack([np.zeros_like(logit), 3 * logit], axis=1)
    assert calibration.fit_temperature(truth, two) == pytest.approx(3, rel=0.05)
    found, said, count = calibration.reliability(truth, expit(logit), n_bins=7)
    assert count.sum() == 20_000 and len(found) == len(said) == len(count) == 7
    assert np.sum(said * count) == pytest.approx(expit(logit).sum())


def test_constant_guess_has_the_error_of_its_prevalence():
    assert calibration.expected_calibration_error(TRUTH, np.ones(500)) == pytest.approx(1 - TRUTH.mean())
    assert calibration.expected_calibration_error(TRUTH, np.full(500, TRUTH.mean())) == pytest.approx(0)


def test_each_bin_counts_by_its_cases():
    """Nine cases that are off by 0.1, and one that is off by 0.8."""
    truth, probability = np.ones(10), np.array([0.9] * 9 + [0.2])
    assert calibration.expected_calibration_error(truth, probability, n_bins=5) == pytest.approx(0.17)


def test_cases_are_counted_in_the_bin_where_they_are_averaged():
    """Also where a probability is the edge of two bins."""
    probability = np.arange(11) / 10
    _, said, count = calibration.reliability(np.arange(11) % 2, probability, n_bins=10)
    assert said @ count == pytest.approx(probability.sum())


@settings(max_examples=25)
@given(st.floats(0.1, 0.9), st.sampled_from([0.2, 0.5, 0.7]))
def test_prior_of_new_cases_is_found(prevalence, trained):
    """Two normal distributions, probabilities exact for the old shares: the shares of the new cases are recovered."""
    rng = np.random.default_rng(4)
    truth = np.arange(4000) < 4000 * prevalence
    logit = 3 * (rng.normal(size=4000) + 3 * truth - 1.5)
    old = logit + np.log(trained / (1 - trained))
    probability = np.stack([expit(-old), expit(old)], axis=1)
    corrected, shares = calibration.adapt_to_prior(probability, [1 - trained, trained])
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
        (lambda: calibration.reliability([0, 1], [0.5, 1.6]), "0 to 1"),
        (lambda: calibration.fit_temperature([0, 1], np.zeros(2)), "do not go together"),
        (lambda: calibration.fit_temperature([0, 2], np.zeros((2, 2))), "0 to k - 1"),
        (lambda: calibration.adapt_to_prior(np.ones((3, 2)), [1.0, 0.0]), "positive shares"),
    ],
)
def test_input_that_makes_no_sense(call, reason):
    with pytest.raises(UsageError, match=reason):
        call()
