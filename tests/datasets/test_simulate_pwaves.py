"""The true P waves of the sample of mitdb: one for each beat that has one, at its peak, before its QRS complex."""

import dataclasses

import numpy as np
import pytest
import wfdb

from medlib import resources
from medlib.datasets import simulate_ecg
from medlib.datasets.ecg_patients import PATIENTS, schedule
from medlib.datasets.simulate_pwaves import VISIBLE, p_waves

SAMPLES = resources.root() / "data" / "samples"
RECORDS = [patient.record for patient in PATIENTS]
FIBRILLATION = {"905", "915"}


def read(record):
    """Samples of the P waves, and samples and symbols of the beats of mitdb-sample."""
    p = wfdb.rdann(str(SAMPLES / "pwavedb-sample" / record), "pwave")
    assert set(p.symbol) <= {"p"}
    beats = wfdb.rdann(str(SAMPLES / "mitdb-sample" / record), "atr")
    is_beat = np.array(beats.symbol) != "+"
    return np.array(p.sample, int), beats.sample[is_beat], np.array(beats.symbol)[is_beat]


def test_records():
    assert (SAMPLES / "pwavedb-sample" / "RECORDS").read_text().split() == RECORDS


@pytest.mark.parametrize("record", RECORDS)
def test_p_waves_lie_before_the_beats_that_have_one(record):
    p, beats, symbols = read(record)
    if record in FIBRILLATION:
        assert p.size == 0
        return
    following = np.searchsorted(beats, p)
    before = (beats[following] - p) / 360
    assert np.all((before >= 0.099) & (before <= 0.181))
    assert np.unique(following).size == p.size
    without = np.setdiff1d(np.arange(beats.size), following)
    assert np.isin(np.flatnonzero(symbols == "V"), without).all()
    # Others without: a first beat whose P wave is before the record, and premature ones with an invisible P wave.
    assert set(symbols[without[without > 0]]) <= {"V", "A"}


@pytest.mark.parametrize("record", [record for record in RECORDS if record not in FIBRILLATION])
def test_p_wave_peaks_there_in_the_noise_free_voltage(record):
    patient = PATIENTS[RECORDS.index(record)]
    rng = np.random.default_rng(int(record))
    beats = schedule(patient, rng)
    clean = simulate_ecg.draw_voltage(patient, beats, rng)[0]
    p, beat, symbols = read(record)
    p = p[np.isin(symbols[np.searchsorted(beat, p)], ["N", "F"])]
    p = p[(p > 100) & (p < 43_100)]
    mean = np.mean([clean[at - 25 : at + 26] for at in p], axis=0)
    # The T wave before adds a slope, which a straight line takes away.
    mean -= np.interp(np.arange(51), [0, 50], mean[[0, 50]])
    assert abs(int(mean.argmax()) - 25) <= 2
    assert mean.max() > 0.04


def test_invisible_atrial_waves_are_left_out():
    with_atrial = without = 0
    for patient in PATIENTS:
        rng = np.random.default_rng(int(patient.record))
        beats = schedule(patient, rng)
        visible = np.abs(simulate_ecg.draw_shapes(patient, rng)["atrial P"].amplitude).max() >= VISIBLE
        p, beat, symbols = read(patient.record)
        annotated = np.sum(symbols[np.searchsorted(beat, p)] == "A")
        expected = np.sum(beats.symbol == "A") if visible else 0
        assert annotated == expected
        with_atrial += annotated > 0
        without += not visible
    assert with_atrial >= 8


def test_no_p_waves_in_fibrillation():
    sinus = PATIENTS[0]
    assert p_waves(sinus).size > 100
    assert p_waves(dataclasses.replace(sinus, rhythm="fibrillation")).size == 0
