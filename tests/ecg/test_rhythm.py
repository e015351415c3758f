import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medlib.ecg.rhythm import RHYTHM_FEATURES, preceding_rr, rhythm_features, simulate_rhythm
from medlib.errors import DataError

PREMATURE = 100


def features_of(preceding):
    """Columns by name."""
    return dict(zip(RHYTHM_FEATURES, rhythm_features(preceding).T, strict=True))


def family(prefix):
    names = [name for name in RHYTHM_FEATURES if name.startswith(prefix)]
    assert names
    return names


def with_premature_beat(preceding):
    """The same rhythm with an interval of half the median, and a compensatory pause after it."""
    changed, median = preceding.copy(), np.median(preceding)
    changed[PREMATURE : PREMATURE + 2] = 0.5 * median, 1.5 * median
    return changed


def fibrillation(n_beats, spread=0.2, seed=0):
    return 0.8 * np.exp(spread * np.random.default_rng(seed).standard_normal(n_beats))


# --- intervals


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=50), st.integers(0, 10**6), st.sampled_from([128, 360.0]))
def test_intervals_are_found_again(intervals, first, rate):
    preceding = preceding_rr(np.cumsum([first, *intervals]), rate)
    np.testing.assert_allclose(preceding[1:] * rate, intervals)
    assert preceding[0] == pytest.approx(np.median(intervals) / rate)


@pytest.mark.parametrize("n_beats", [0, 1, 2])
def test_fewer_than_three_beats_are_refused(n_beats):
    with pytest.raises(DataError, match=f"^{n_beats} beats have no rhythm; give at least 3"):
        preceding_rr(np.arange(n_beats) * 300, 360)


@pytest.mark.parametrize("positions", [[0, 300, 200, 600], [0, 300, 300, 600]])
def test_beats_out_of_order_are_refused(positions):
    with pytest.raises(DataError, match="^Beat 2 is not later than the beat before it; sort the beats"):
        preceding_rr(np.array(positions), 360)


# --- features


def test_there_are_50_names_all_different():
    assert len(set(RHYTHM_FEATURES)) == len(RHYTHM_FEATURES) == 50


@given(hnp.arrays(float, st.integers(1, 400), elements=st.floats(0, 1e300, exclude_min=True)))
def test_features_of_any_intervals_are_finite(preceding):
    features = rhythm_features(preceding)
    assert features.shape == (len(preceding), len(RHYTHM_FEATURES))
    assert features.dtype == np.float32 and np.isfinite(features).all()


def test_constant_rhythm_deviates_from_nothing():
    features = features_of(np.full(300, 0.8))
    for name in (*family("log_before"), *family("log_after"), *family("deviations_"), "log_spread"):
        np.testing.assert_array_equal(features[name], 0)
    for name in family("irregularity_"):
        np.testing.assert_allclose(features[name], np.log(0.01), rtol=1e-6)
    np.testing.assert_allclose(features["log_interval"], np.log(0.8), rtol=1e-6)


@pytest.mark.parametrize(("interval", "shift"), [("before", 0), ("after", -1), ("before_previous", 1)])
def test_premature_beat_in_a_steady_rhythm_has_known_values(interval, shift):
    features = features_of(with_premature_beat(np.full(300, 0.8)))
    for name in family(f"log_{interval}_to_"):
        expected = np.zeros(300)
        expected[PREMATURE + shift : PREMATURE + shift + 2] = np.arcsinh(8 * np.log([0.5, 1.5]))
        np.testing.assert_allclose(features[name], expected, atol=1e-6)
    for name in family(f"deviations_{interval}_to_"):
        # The usual change in a steady rhythm is the 0.03 that is allowed to any.
        expected[PREMATURE + shift : PREMATURE + shift + 2] = np.arcsinh(np.log([0.5, 1.5]) / 0.03)
        np.testing.assert_allclose(features[name], expected, atol=1e-5)


def test_deviations_are_in_units_of_the_usual_change():
    preceding = np.resize([0.6, 0.9], 300)
    change = np.log(0.9 / 0.6)
    expected = np.arcsinh(np.resize([-change / 2, change / 2], 300) / (1.5 * change + 0.03))
    np.testing.assert_allclose(features_of(preceding)["deviations_before_to_record"], expected, atol=1e-6)


@pytest.mark.parametrize(("n_changes", "is_usual"), [(10, False), (12, True)])
def test_usual_is_what_more_than_half_of_the_21_beats_around_do(n_changes, is_usual):
    preceding = np.full(300, 0.8)
    preceding[100 : 100 + n_changes] = np.resize([0.6, 0.8], n_changes)
    change = np.log(0.8 / 0.6)
    expected = np.arcsinh(-change / (1.5 * change * is_usual + 0.03))
    assert features_of(preceding)["deviations_before_to_record"][104] == pytest.approx(expected, abs=1e-5)


@given(st.floats(0.5, 2), st.integers(0, 100))
def test_heart_rate_shifts_the_interval_alone(scale, seed):
    preceding = fibrillation(300, 0.15, seed)
    features, scaled = features_of(preceding), features_of(scale * preceding)
    np.testing.assert_allclose(scaled.pop("log_interval"), features.pop("log_interval") + np.log(scale), atol=1e-6)
    for name, column in scaled.items():
        np.testing.assert_allclose(column, features[name], atol=1e-5)


def test_premature_beat_stands_out_less_in_fibrillation():
    steady = features_of(with_premature_beat(np.full(300, 0.8)))
    irregular = features_of(with_premature_beat(fibrillation(300)))
    same = "log_before_to_record"
    assert irregular[same][PREMATURE] == pytest.approx(steady[same][PREMATURE], abs=0.02)
    for name in family("deviations_before_to_"):
        assert steady[name][PREMATURE] < -3.5 < -2 < irregular[name][PREMATURE] < 0
    for name in family("irregularity_"):
        assert np.median(irregular[name]) > np.median(steady[name]) + 1


@pytest.mark.parametrize(("reference", "ectopic"), [("upper_161", 2), ("top_161", 5)])
def test_upper_percentiles_stay_at_the_sinus_rhythm_among_many_ectopic_beats(reference, ectopic):
    preceding = np.resize([0.9] + [0.5] * ectopic, 600)
    features = features_of(preceding)
    np.testing.assert_allclose(
        features[f"log_before_to_{reference}"], np.arcsinh(8 * np.log(preceding / 0.9)), atol=1e-6
    )
    np.testing.assert_allclose(features["log_before_to_record"], np.arcsinh(8 * np.log(preceding / 0.5)), atol=1e-6)


# --- simulated rhythms


@pytest.fixture(scope="module")
def patients():
    rng = np.random.default_rng(0)
    return [simulate_rhythm(rng) for _ in range(1000)]


def has_fibrillation(preceding, classes):
    """Whether normal intervals that follow each other differ by 7 % or more, which the simulated sinus never does."""
    normal = classes == "N"
    successive = normal[2:] & normal[1:-1] & normal[:-2]
    return np.median(np.abs(np.diff(np.log(preceding)))[1:][successive]) > 0.07


def sums_of_two(preceding, classes, kind):
    """Interval before plus after each beat of a class with normal beats around it, over the sinus interval."""
    lone = "NN" + kind + "NN"
    first = np.array([match.start() for match in re.finditer(f"(?={lone})", "".join(classes))], dtype=int)
    return (preceding[first + 2] + preceding[first + 3]) / ((preceding[first + 1] + preceding[first + 4]) / 2)


@given(st.integers(0, 2**32 - 1), st.integers(3, 200))
def test_simulated_rhythm_is_bounded_labelled_and_repeatable(seed, n_beats):
    preceding, classes = simulate_rhythm(np.random.default_rng(seed), n_beats)
    assert preceding.shape == classes.shape == (n_beats,)
    assert preceding.min() >= 0.25 and preceding.max() <= 3
    assert set(classes) <= {"N", "S", "V"}
    again, classes_again = simulate_rhythm(np.random.default_rng(seed), n_beats)
    np.testing.assert_array_equal(again, preceding)
    np.testing.assert_array_equal(classes_again, classes)


def test_each_patient_is_another(patients):
    assert len({preceding.tobytes() for preceding, _ in patients}) == len(patients)


def test_third_of_the_patients_has_fibrillation(patients):
    share = np.mean([has_fibrillation(*patient) for patient in patients])
    assert share == pytest.approx(0.35, abs=0.05)


def test_fibrillation_has_no_supraventricular_beats(patients):
    classes = {fibrillates: set() for fibrillates in (False, True)}
    for patient in patients:
        classes[bool(has_fibrillation(*patient))] |= set(patient[1])
    assert classes == {False: {"N", "S", "V"}, True: {"N", "V"}}


def test_ventricular_beats_have_a_compensatory_pause_and_supraventricular_beats_reset_the_sinus(patients):
    sinus = [patient for patient in patients if not has_fibrillation(*patient)]
    ventricular, supraventricular = (
        np.concatenate([sums_of_two(*patient, kind) for patient in sinus]) for kind in ("V", "S")
    )
    assert np.median(ventricular) == pytest.approx(1.935, abs=0.03)
    assert 1.7 < np.percentile(ventricular, 5) < np.percentile(ventricular, 95) < 2.15
    assert np.median(supraventricular) < 1.88


def test_supraventricular_beats_are_premature_and_come_in_runs(patients):
    longest, premature = 0, []
    for preceding, classes in patients:
        is_s = np.r_[False, classes == "S", False]
        starts, ends = np.flatnonzero(is_s[1:] & ~is_s[:-1]), np.flatnonzero(~is_s[1:] & is_s[:-1])
        longest = max(longest, *(ends - starts), 0)
        premature.extend(preceding[starts] < preceding[starts - 1])
    assert longest >= 10
    assert np.mean(premature) > 0.95
