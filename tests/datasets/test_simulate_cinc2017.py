"""The simulated sample of the Challenge 2017: laid out like it, six recordings of each class, true to its classes."""

import collections

import numpy as np
import pytest
import scipy.io
import scipy.signal
import wfdb

from medlib import resources
from medlib.datasets import simulate_cinc2017, simulate_twelve_leads
from medlib.datasets.simulate_cinc2017 import CASES

SAMPLE = resources.root() / "data" / "samples" / "cinc2017-sample"
RECORDS = [f"A{number:05d}" for number in range(1, 25)]


def recording(index):
    _, duration, patient, findings = CASES[index]
    rng = np.random.default_rng([2017, index])
    return simulate_twelve_leads.simulate(patient, findings, duration, 300.0, rng, highest=40.0)


def cases(label):
    return [index for index, case in enumerate(CASES) if case[0] == label]


def intervals(index):
    return np.diff(recording(index).beats.time)


def test_layout():
    labels = dict(line.split(",") for line in (SAMPLE / "REFERENCE-v3.csv").read_text().split())
    assert list(labels) == (SAMPLE / "RECORDS").read_text().split() == RECORDS
    assert collections.Counter(labels.values()) == {"N": 6, "A": 6, "O": 6, "~": 6}
    assert list(labels.values()) == [label for label, *_ in CASES]


@pytest.mark.parametrize(("record", "case"), list(zip(RECORDS, CASES, strict=True)))
def test_record(record, case):
    read = wfdb.rdrecord(str(SAMPLE / "training" / record))
    assert (read.fs, read.sig_name, read.units, read.adc_gain) == (300, ["ECG"], ["mV"], [1000.0])
    assert read.sig_len == 300 * case[1]
    assert 10 <= case[1] <= 30
    matlab = scipy.io.loadmat(SAMPLE / "training" / f"{record}.mat")["val"]
    assert matlab.dtype == np.int16
    np.testing.assert_array_equal(matlab[0], np.rint(read.p_signal[:, 0] * 1000))
    # Header lines as in the Challenge: a blank before the carriage return.
    lines = (SAMPLE / "training" / f"{record}.hea").read_bytes().split(b"\r\n")
    assert lines[1] == f"{record}.mat 16+24 1000/mV 16 0 {matlab[0, 0]} 0 0 ECG ".encode()


def test_normal_recordings_are_regular_and_neither_slow_nor_fast():
    for index in cases("N"):
        rr = intervals(index)
        assert rr.std() / rr.mean() < 0.1
        assert 50 <= 60 / rr.mean() <= 100
        assert recording(index).has_p


def test_fibrillation_is_irregular_without_p():
    for index in cases("A"):
        rr = intervals(index)
        assert rr.std() / rr.mean() > 0.12
        assert not recording(index).has_p


def test_other_rhythms_have_a_reason():
    for index in cases("O"):
        rate, symbols = 60 / intervals(index).mean(), recording(index).beats.symbol
        assert recording(index).has_p
        assert np.isin(["A", "V"], symbols).any() or not 50 <= rate <= 100 or "CLBBB" in CASES[index][3]


def test_noise_hides_the_beats_of_noisy_recordings_alone():
    # In the frequencies of a QRS complex.
    band = scipy.signal.butter(2, (5, 25), "bandpass", fs=300, output="sos")
    for index, (label, *_) in enumerate(CASES):
        pair = [recording(index).clean[0], simulate_cinc2017.simulate_case(index) / 1000]
        explained = np.corrcoef(scipy.signal.sosfiltfilt(band, pair))[0, 1] ** 2
        assert (explained < 0.5) == (label == "~"), index
