import numpy as np
import pytest

from medlib.ecg.filters import bandpass, resample
from medlib.errors import DataError, UsageError

RATE = 360


def sine(frequency, sampling_rate=RATE, seconds=300):
    return np.sin(2 * np.pi * frequency * np.arange(seconds * sampling_rate) / sampling_rate)[None]


def fit(signal, frequency):
    """Amplitude in phase with ``sine`` and a quarter of a period off, in the middle third of the signal."""
    angle = 2 * np.pi * frequency * np.arange(signal.shape[1]) / RATE
    middle = slice(len(angle) // 3, 2 * len(angle) // 3)
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)[middle]
    return np.linalg.lstsq(basis, signal[0, middle])[0]


def butterworth_gain(frequency, low, high, order):
    """Squared gain of the band-pass by the bilinear transform: a pass in each direction."""
    tangent, low, high = (np.tan(np.pi * each / RATE) for each in (frequency, low, high))
    return 1 / (1 + ((tangent**2 - low * high) / ((high - low) * tangent)) ** (2 * order))


@pytest.mark.parametrize("frequency", [0.1, 0.5, 2, 10, 45, 60, 120])
def test_sine_keeps_its_phase_and_has_the_squared_butterworth_gain(frequency):
    expected = butterworth_gain(frequency, 0.5, 45, 3)
    assert fit(bandpass(sine(frequency), RATE), frequency) == pytest.approx([expected, 0], abs=2e-5)


def test_ten_hertz_pass_and_wander_and_mains_do_not():
    gain = [fit(bandpass(sine(frequency), RATE), frequency)[0] for frequency in (10, 0.1, 60)]
    assert gain[0] == pytest.approx(1, abs=1e-3) and gain[1] < 1e-3 and gain[2] < 0.15


def test_cut_off_frequencies_and_order_are_those_given():
    expected = butterworth_gain(8, 5, 15, 2)
    assert fit(bandpass(sine(8), RATE, low=5, high=15, order=2), 8) == pytest.approx([expected, 0], abs=2e-5)


def test_leads_are_filtered_apart_to_float32():
    both = np.concatenate([sine(10), sine(60)])
    filtered = bandpass(both, RATE)
    assert filtered.dtype == np.float32
    np.testing.assert_array_equal(filtered[1:], bandpass(both[1:], RATE))


@pytest.mark.parametrize("low, high", [(0, 45), (45, 0.5), (10, 10), (0.5, 180), (np.nan, 45)])
def test_band_outside_of_the_sampling_rate_is_refused(low, high):
    with pytest.raises(UsageError, match="360 Hz.*< 180"):
        bandpass(sine(10), RATE, low, high)


@pytest.mark.parametrize("target", [180, 250, 500, 128.5])
def test_resampled_sine_is_the_sine_at_the_new_rate(target):
    resampled = resample(np.concatenate([sine(5), sine(20)]), RATE, target)
    time = np.arange(resampled.shape[1]) / target
    inside = slice(100, -100)
    expected = np.sin(2 * np.pi * np.array([[5], [20]]) * time)
    np.testing.assert_allclose(resampled[:, inside], expected[:, inside], atol=2e-3)
    assert resampled.dtype == np.float32 and resampled.shape[1] == np.ceil(300 * target)


def test_frequencies_above_the_new_band_do_not_alias():
    assert np.abs(resample(sine(170), RATE, 180)[:, 100:-100]).max() < 2e-3


def test_equal_rates_change_nothing():
    signal = sine(10, seconds=2).astype(np.float32)
    np.testing.assert_array_equal(resample(signal, 360, 360.0), signal)


@pytest.mark.parametrize("rate, target", [(360, 179.99), (1000, 999.5), (np.pi, 1)])
def test_rates_without_a_ratio_of_small_numbers_are_refused(rate, target):
    with pytest.raises(UsageError, match=f"{target} Hz.*up to 1000"):
        resample(sine(10), rate, target)


@pytest.mark.parametrize("rate, target", [(0, 180), (360, -1), (360, np.inf), (np.nan, 180)])
def test_rates_that_are_none_are_refused(rate, target):
    with pytest.raises(UsageError, match="above 0 Hz"):
        resample(sine(10), rate, target)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("function", [lambda x: bandpass(x, RATE), lambda x: resample(x, RATE, 180)])
def test_values_that_are_not_finite_are_refused_with_their_place(function, value):
    signal = np.concatenate([sine(10), sine(10)]).astype(np.float32)
    signal[1, 40:43] = value
    with pytest.raises(DataError, match="3 values.*lead 1 at sample 40;"):
        function(signal)
