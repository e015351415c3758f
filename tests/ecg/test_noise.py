import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.ecg.noise import add_noise, noise_level, qrs_amplitude
from medlib.errors import DataError

RATE = 360
BEATS = np.arange(180, 120 * RATE, 300)


def ecg(sizes=(1.0,), seconds=120):
    """Leads with triangular QRS complexes of the given sizes in mV."""
    signal = np.zeros((len(sizes), seconds * RATE), np.float32)
    for offset, height in ((-2, 0.5), (-1, 0.8), (0, 1.0), (1, 0.8), (2, 0.5)):
        signal[:, BEATS + offset] = np.multiply(height, sizes)[:, None]
    return signal


def white(n_leads=1, seconds=120, deviation=1.0):
    return np.random.default_rng(0).normal(0, deviation, (n_leads, seconds * RATE))


def measured_snr(signal, noisy, power):
    """By the definition in the manual of nst, with the power of the noise in the long run."""
    return 10 * np.log10(power / np.var(noisy - signal, axis=1))


@pytest.mark.parametrize("snr_db", [24, 6, 0, -6])
def test_white_noise_has_the_ratio_that_was_asked_for(snr_db):
    signal = ecg((1.0, 2.0))
    noisy = add_noise(signal, white(2), BEATS, RATE, snr_db)
    power = np.array([1.0, 4.0]) / 8
    np.testing.assert_allclose(measured_snr(signal, noisy, power), snr_db, atol=0.05)
    assert noisy.dtype == np.float32 and noisy.shape == signal.shape


def test_sine_at_zero_decibel_is_as_large_as_the_qrs_complexes():
    time = np.arange(120 * RATE) / RATE
    added = add_noise(ecg((1.6,)), 100 * np.sin(2 * np.pi * 10 * time)[None], BEATS, RATE, 0) - ecg((1.6,))
    assert np.ptp(added) == pytest.approx(1.6, rel=1e-4)


def test_each_lead_may_have_its_own_ratio():
    signal = ecg((1.0, 1.0, 1.0))
    noisy = add_noise(signal, white(3), BEATS, RATE, [12, np.inf, -6])
    assert np.array_equal(noisy[1], signal[1])
    noisy_leads = [0, 2]
    np.testing.assert_allclose(measured_snr(signal[noisy_leads], noisy[noisy_leads], 1 / 8), [12, -6], atol=0.05)


@given(ecg_unit=st.floats(1e-2, 1e2), noise_unit=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3))
def test_units_of_ecg_and_noise_and_offset_of_the_noise_do_not_matter(ecg_unit, noise_unit, offset):
    signal, noise = ecg(seconds=120).astype(float), white()
    expected = add_noise(signal, noise, BEATS, RATE, 3)
    scaled = add_noise(ecg_unit * signal, noise_unit * noise + offset, BEATS, RATE, 3)
    np.testing.assert_allclose(scaled / ecg_unit, expected, atol=1e-6)


def test_noises_are_dealt_to_the_leads_in_turn():
    signal, noise = ecg((1.0,) * 3), white(2)
    noisy = add_noise(signal, noise, BEATS, RATE, 0)
    assert np.array_equal(noisy[0], noisy[2]) and not np.array_equal(noisy[0], noisy[1])


def test_short_noise_goes_on_from_where_it_ended():
    ramp = np.linspace(0, 1, 10 * RATE)[None] + 0.3 * white(seconds=10)
    signal = ecg()
    added = (add_noise(signal.astype(float), ramp, BEATS, RATE, 0) - signal)[0]
    first, second = added[: 10 * RATE], added[10 * RATE : 20 * RATE]
    assert added[0] == 0
    np.testing.assert_allclose(second - second[0], first)
    assert second[0] == pytest.approx(first[-1])


def test_beginning_of_long_noise_is_added_at_the_level_of_all_of_it():
    noise = white(seconds=240)
    noise[:, : 120 * RATE] /= 2
    signal = ecg()
    added = add_noise(signal, noise, BEATS, RATE, 0) - signal
    level = noise_level(noise, RATE)
    np.testing.assert_allclose(added, (noise - noise[:, :1])[:, : 120 * RATE] / level / np.sqrt(8), atol=1e-6)


def test_amplitude_leaves_out_a_twentieth_at_each_end_and_beats_after_300():
    positions = np.arange(100, 340 * 100 + 100, 100)
    signal = np.zeros((1, positions[-1] + 100))
    signal[0, positions] = 1.0
    signal[0, positions[:15]], signal[0, positions[20:35]] = 50.0, 0.0
    signal[0, positions[300:]] = 9.0
    assert qrs_amplitude(signal, positions, 360) == pytest.approx(1)
    signal[0, positions[40]] = 28.0  # a sixteenth outlier is one too many
    assert qrs_amplitude(signal, positions, 360) == pytest.approx(1 + (28 - 1) / 270)


def test_amplitude_is_a_range_within_50_ms():
    signal = np.zeros((1, 1000))
    signal[0, [500 - 18, 500 + 18]] = -1, 2
    signal[0, [500 - 19, 500 + 19]] = -10, 10
    assert qrs_amplitude(signal, np.array([500]), RATE) == pytest.approx(3)


def test_level_is_of_whole_seconds_without_their_mean_and_without_outliers():
    time = np.arange(40 * RATE + 100) / RATE
    noise = np.sin(2 * np.pi * 7 * time)[None] + 5 * np.floor(time)
    noise[:, 3 * RATE : 5 * RATE] *= 1000
    assert noise_level(noise, RATE) == pytest.approx(np.sqrt(0.5))
    noise[:, 40 * RATE :] = 1e6  # not a whole second
    assert noise_level(noise, RATE) == pytest.approx(np.sqrt(0.5))


def test_level_is_of_the_first_300_seconds():
    noise = white(seconds=400)
    assert noise_level(noise, RATE) == pytest.approx(noise_level(noise[:, : 300 * RATE], RATE), abs=0)


@pytest.mark.parametrize("which", ["signal", "noise"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(which, value):
    arrays = {"signal": ecg(), "noise": white()}
    arrays[which][0, 700] = value
    with pytest.raises(DataError, match=f"{which}.*not finite"):
        add_noise(arrays["signal"], arrays["noise"], BEATS, RATE, 0)


@pytest.mark.parametrize("which", ["signal", "noise"])
def test_flat_lead_is_named(which):
    arrays = {"signal": ecg((1.0, 1.0)), "noise": white(2)}
    arrays[which][1] = 0.25
    with pytest.raises(DataError, match=f"{which} of lead 1 is flat"):
        add_noise(arrays["signal"], arrays["noise"], BEATS, RATE, 0)


def test_no_beats_and_too_little_noise_are_refused():
    with pytest.raises(DataError, match="no beats"):
        add_noise(ecg(), white(), BEATS[:0], RATE, 0)
    with pytest.raises(DataError, match="300 samples.*360"):
        add_noise(ecg(), white()[:, :300], BEATS, RATE, 0)
    with pytest.raises(DataError, match="sampling rate"):
        add_noise(ecg(), white(), BEATS + 120 * RATE, RATE, 0)
