"""The simulated noise of the sample of nstdb: each kind in its frequencies, and of the size that was measured there."""

import numpy as np
import pytest
import scipy.signal
import wfdb

from medlib import resources

SAMPLE = resources.root() / "data" / "samples" / "nstdb-sample"
RECORDS = ("bw", "em", "ma")


def root_mean_square(record, low, high):
    """Of both channels between two frequencies, in mV."""
    signal = wfdb.rdrecord(str(SAMPLE / record)).p_signal
    power = 2 * np.abs(np.fft.rfft(signal, axis=0)) ** 2 / len(signal) ** 2
    frequency = np.fft.rfftfreq(len(signal), 1 / 360)
    return np.sqrt(power[(frequency >= low) & (frequency < high)].sum(axis=0))


@pytest.mark.parametrize("record", RECORDS)
def test_layout(record):
    assert (SAMPLE / "RECORDS").read_text().split() == list(RECORDS)
    lines = (SAMPLE / f"{record}.hea").read_bytes().split(b"\r\n")
    assert lines[0] == f"{record} 2 360 21600".encode()
    assert lines[1].startswith(f"{record}.dat 212 0 12 0 ".encode())
    assert lines[2].endswith(b" noise2")
    header = wfdb.rdheader(str(SAMPLE / record))
    assert header.adc_gain == [200.0, 200.0]  # wfdb's value for a gain of 0
    assert header.sig_name == ["noise1", "noise2"]


def test_baseline_wander_is_slow():
    assert np.all(root_mean_square("bw", 0.05, 0.5) > 20 * root_mean_square("bw", 2, 10))


def test_electrode_motion_has_the_frequencies_of_a_qrs_complex():
    assert root_mean_square("em", 1, 10)[0] > 0.3
    assert root_mean_square("em", 1, 10)[0] > 5 * max(root_mean_square(record, 1, 10)[0] for record in ("bw", "ma"))


def test_muscle_noise_is_fast_and_swells():
    assert np.all(root_mean_square("ma", 15, 150) > 2 * root_mean_square("em", 15, 150))
    signal = wfdb.rdrecord(str(SAMPLE / "ma")).p_signal
    fast = np.diff(signal, axis=0)[: 360 * 59].reshape(59, 360, 2).std(axis=1)
    assert np.all(np.percentile(fast, 90, axis=0) > 3 * np.percentile(fast, 10, axis=0))


@pytest.mark.parametrize(
    # Root mean square in mV of the first and second channel, median over the minutes of the records of nstdb.
    ("record", "measured"),
    [("bw", (0.37, 0.16)), ("em", (0.77, 0.20)), ("ma", (0.19, 0.16))],
)
def test_size_is_that_of_nstdb(record, measured):
    deviation = wfdb.rdrecord(str(SAMPLE / record)).p_signal.std(axis=0)
    assert np.all(np.abs(np.log2(deviation / measured)) < 0.5)


def test_electrode_motion_has_transients_as_high_as_a_qrs_complex():
    signal = wfdb.rdrecord(str(SAMPLE / "em")).p_signal[:, 0]
    fast = scipy.signal.sosfiltfilt(scipy.signal.butter(2, (1, 20), "bandpass", fs=360, output="sos"), signal)
    assert len(scipy.signal.find_peaks(np.abs(fast), height=0.7, distance=90)[0]) >= 15
