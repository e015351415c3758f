import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.ecg import quality
from medlib.errors import DataError

RATE = 360
TIME = np.arange(10 * RATE) / RATE


def heart(seconds=10.0, rate=RATE, wander=0.05):
    """R waves of 1 mV at 75 beats/min, with baseline wander: no sample is repeated."""
    time = np.arange(round(seconds * rate)) / rate
    return (np.exp(-(((time % 0.8 - 0.4) / 0.03) ** 2)) + wander * np.sin(2 * np.pi * 0.31 * time))[None]


def only(signal, rate=RATE):
    """The faults of the one lead."""
    (found,) = quality.faults(signal, rate)
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [50, 100, 360, 1000, 2000])
def test_plain_ecg_has_no_fault(rate, dtype):
    signal = heart(rate=rate).astype(dtype)
    assert only(signal, rate) == ()
    quality.require_usable(signal, rate)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sample", [0, 1234, 3599])
def test_one_value_that_is_not_finite_is_missing(value, sample):
    signal = heart()
    signal[0, sample] = value
    assert only(signal) == ("missing",)


def test_missing_value_after_the_last_whole_second_is_seen():
    signal = heart(10.5)
    signal[0, -1] = np.nan
    assert only(signal) == ("missing",)


def test_lead_without_any_value_is_missing_and_nothing_else():
    assert only(np.full((1, 3600), np.nan)) == ("missing",)


@pytest.mark.parametrize("level", [0, 0.3, -5.12, 300])
def test_constant_lead_is_flat_and_nothing_else(level):
    assert only(np.full((1, 3600), level)) == ("flat",)


@pytest.mark.parametrize("start", range(0, 3600 - 2 * RATE, 97))
def test_stretch_of_two_seconds_is_flat_wherever_it_is_and_a_shorter_one_is_not(start):
    signal = heart()
    signal[0, start : start + 2 * RATE] = signal[0, start]
    assert only(signal) == ("flat",)
    signal = heart()
    signal[0, start : start + round(1.8 * RATE)] = signal[0, start]
    assert only(signal) == ()


def test_stretch_padded_with_missing_values_is_flat_as_well():
    signal = heart()
    signal[0, :100], signal[0, 100 : 100 + 2 * RATE] = np.nan, 0
    assert only(signal) == ("missing", "flat")


@pytest.mark.parametrize("sign", [1, -1])
def test_r_waves_cut_off_at_half_of_their_height_are_clipped(sign):
    signal = sign * heart()
    assert only(np.clip(signal, -0.5, 0.5)) == ("clipped",)


def test_coarse_converter_does_not_look_like_a_saturated_one():
    coarse = np.round(heart(wander=0.3) / 0.02) * 0.02
    assert np.mean(coarse == coarse.min()) > 0.01
    assert only(coarse) == ()


@pytest.mark.parametrize("seconds, expected", [(2, ("short",)), (4.99, ("short",)), (5, ()), (0.5, ("short",))])
def test_less_than_five_seconds_are_short(seconds, expected):
    assert only(heart(seconds)) == expected


def test_no_sample_at_all_is_short():
    assert only(np.zeros((1, 0))) == ("short",)


@pytest.mark.parametrize("rate", [49.9, 2000.1, 10_000, 0, -360, np.nan, np.inf])
def test_rate_outside_of_50_to_2000_hz_is_named(rate):
    assert only(heart(), rate) == ("rate",)


@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6])
@pytest.mark.parametrize("height", [0.15, 1, 8])
def test_other_units_than_millivolts_are_implausible(factor, height):
    assert only(height * heart(wander=0.01)) == ()
    assert only(height * heart(wander=0.01) * factor) == ("units",)


def test_offset_of_an_electrode_is_no_matter_of_units():
    assert only(heart() + 300) == ()


def test_one_artefact_is_no_matter_of_units():
    signal = heart(60)
    signal[0, 5000:5100] += 200
    assert only(signal) == ()


def test_each_lead_has_its_own_faults():
    signal = np.concatenate([heart(), np.zeros_like(heart()), 1000 * heart(), np.full_like(heart(), np.nan)])
    assert quality.faults(signal, RATE) == [(), ("flat",), ("units",), ("missing",)]


def test_refusal_names_leads_faults_shape_and_remedy():
    signal = np.concatenate([heart(), np.zeros_like(heart()), np.zeros_like(heart())])[:, : 3 * RATE]
    with pytest.raises(DataError) as caught:
        quality.require_usable(signal, RATE)
    message = str(caught.value)
    assert "each of leads 1, 2 holds one value for 2 s or longer" in message
    assert "each of leads 0, 1, 2 is shorter than 5 s" in message
    assert "3 leads of 1080 samples at 360 Hz" in message


@pytest.mark.parametrize("signal", [np.zeros(3600), np.zeros((0, 3600)), np.zeros((1, 1, 3600))])
def test_signal_of_another_shape_is_refused(signal):
    with pytest.raises(DataError, match=r"give \(n_leads, n_samples\)"):
        quality.faults(signal, RATE)


@given(
    st.lists(st.sampled_from(["nan", "flat", "clip", "unit"]), unique=True),
    st.integers(0, 3599),
    st.floats(-200, 200),
)
def test_signal_is_left_as_it_is_and_polarity_and_offset_do_not_matter(planted, sample, offset):
    signal = heart()
    if "clip" in planted:
        signal = signal.clip(-0.4, 0.4)
    if "flat" in planted:
        signal[0, : 5 * RATE] = signal[0, 0]
    if "unit" in planted:
        signal = signal * 1000
    if "nan" in planted:
        signal[0, sample] = np.nan
    copy = signal.copy()
    found = only(signal)
    np.testing.assert_array_equal(signal, copy)
    assert only(-signal) == found
    # An offset costs digits, so that it is a whole number here.
    assert only(signal + round(offset)) == found
    expected = {"nan": "missing", "flat": "flat", "unit": "units", "clip": "clipped"}
    assert set(found) == {expected[name] for name in planted}
