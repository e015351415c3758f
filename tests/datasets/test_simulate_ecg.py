"""The simulated patients: shipped as they are made, and true to the definitions of their beats."""

import collections
import dataclasses

import numpy as np
import pytest
import wfdb

from medlib import datasets, resources
from medlib.datasets import ecgsyn, simulate_ecg
from medlib.datasets.ecg_patients import PATIENTS, Patient, schedule

SAMPLE = resources.root() / "data" / "samples" / "mitdb-sample"
RECORDS = [patient.record for patient in PATIENTS]
# Slow and regular, so that the waves of neighbouring beats do not overlap and every interval is known.
STEADY = Patient("950", heart_rate=40, variability=0.0, supraventricular=0.2, ventricular=0.2, fusion=0.2)
STEADY_INTERVAL = 1.5
SAMPLING_RATE = 360


@pytest.fixture(scope="module")
def steady():
    """Beats and noise-free voltage of a steady patient."""
    beats = schedule(STEADY, np.random.default_rng(1))
    return beats, simulate_ecg.draw_voltage(STEADY, beats, np.random.default_rng(2))


def median_beat(beats, voltage, symbol, start, stop):
    """Median over the beats of a class from `start` to `stop`, in s from the R peak, of shape (n_leads, n_samples)."""
    inside = (beats.time > 1) & (beats.time < 118) & (beats.symbol == symbol)
    first = np.rint((beats.time[inside] + start) * SAMPLING_RATE).astype(int)
    return np.median([voltage[:, i : i + round((stop - start) * SAMPLING_RATE)] for i in first], axis=0)


def duration_at_half_height(wave):
    return np.sum(np.abs(wave) > np.abs(wave).max() / 2) / SAMPLING_RATE


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    simulate_ecg.write_sample(folder)
    return folder


@pytest.mark.parametrize("record", RECORDS)
def test_shipped_record_is_what_the_simulator_makes(written, record):
    made, shipped = (wfdb.rdrecord(str(folder / record), physical=False) for folder in (written, SAMPLE))
    assert np.abs(made.d_signal - shipped.d_signal).max() <= 1
    assert made.comments == shipped.comments
    made, shipped = (wfdb.rdann(str(folder / record), "atr") for folder in (written, SAMPLE))
    np.testing.assert_array_equal(made.sample, shipped.sample)
    assert made.symbol == shipped.symbol
    assert made.aux_note == shipped.aux_note


@pytest.mark.parametrize("record", RECORDS)
def test_header_is_like_that_of_mitdb(record):
    header = wfdb.rdheader(str(SAMPLE / record))
    assert (header.fs, header.sig_len, header.n_sig) == (360, 43200, 2)
    assert header.fmt == ["212", "212"]
    assert header.adc_gain == [200.0, 200.0]
    assert header.adc_res == [11, 11]
    assert header.adc_zero == [1024, 1024]
    assert header.sig_name == (["V5", "MLII"] if record == "914" else ["MLII", header.sig_name[1]])
    assert "simulated" in header.comments[0]


def test_folder():
    assert (SAMPLE / "RECORDS").read_text().split() == RECORDS
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) <= 2_200_000


@pytest.mark.parametrize(
    ("split", "least"), [("train", {"A": 80, "V": 100, "F": 30}), ("test", {"A": 50, "V": 60, "F": 15})]
)
def test_enough_beats_of_each_class(split, least):
    records = datasets.get("mitdb-sample").splits[split]
    counts = collections.Counter()
    for record in records:
        symbols = datasets.read_ecg(SAMPLE, record).annotations.symbol
        counts.update(symbols[symbols != "+"].tolist())
    assert set(counts) == {"N", "A", "V", "F"}
    assert all(counts[symbol] >= count for symbol, count in least.items())
    assert counts["N"] > 0.75 * counts.total()


def test_same_patient_gives_the_same_record():
    first, second = (simulate_ecg.simulate(PATIENTS[3])[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other, _ = simulate_ecg.simulate(dataclasses.replace(PATIENTS[3], record="999"))
    assert np.any(first != other)


def intervals_around(beats, symbol):
    """Intervals before and after the beats of a class, as fractions of the RR interval of the steady patient."""
    interval = np.diff(beats.time) / STEADY_INTERVAL
    index = np.flatnonzero(beats.symbol[1:-1] == symbol)
    assert index.size >= 5
    return interval[index], interval[index + 1]


def test_supraventricular_beats_are_premature_with_less_than_a_compensatory_pause(steady):
    before, after = intervals_around(steady[0], "A")
    assert np.all((before >= 0.6) & (before <= 0.9))
    assert np.all(after >= 1 - 1e-9)
    assert np.all(before + after < 1.96)


def test_ventricular_beats_are_premature_with_a_compensatory_pause(steady):
    before, after = intervals_around(steady[0], "V")
    assert np.all((before >= 0.5) & (before <= 0.85))
    np.testing.assert_allclose(before + after, 2)


def test_fusion_beats_are_on_time(steady):
    before, _ = intervals_around(steady[0], "F")
    np.testing.assert_allclose(before, 1)


def test_p_waves(steady):
    p_wave = {symbol: median_beat(*steady, symbol, -0.24, -0.1)[0] for symbol in "NAVF"}
    assert p_wave["N"].max() > 0.07
    assert p_wave["F"].max() > 0.07
    assert np.abs(p_wave["V"]).max() < 0.01
    assert p_wave["A"].max() < 0.6 * p_wave["N"].max()


def test_supraventricular_beats_have_the_qrs_of_normal_ones(steady):
    normal, supraventricular = (median_beat(*steady, symbol, -0.04, 0.08) for symbol in "NA")
    np.testing.assert_allclose(supraventricular, normal, rtol=0.1, atol=0.03)


@pytest.mark.parametrize("patient", PATIENTS, ids=RECORDS)
def test_ventricular_beats_are_wide_with_a_t_wave_in_the_other_direction(patient):
    slow = dataclasses.replace(STEADY, record=patient.record, wide=patient.wide, leads=patient.leads)
    beats = schedule(slow, np.random.default_rng(1))
    voltage = simulate_ecg.draw_voltage(slow, beats, np.random.default_rng(int(patient.record)))
    normal, ventricular = (median_beat(beats, voltage, symbol, -0.06, 0.06)[0] for symbol in "NV")
    assert duration_at_half_height(ventricular) > 1.3 * duration_at_half_height(normal)
    t_wave = median_beat(beats, voltage, "V", 0.3, 0.5)
    peak = np.argmax(np.abs(t_wave), axis=1)
    main = median_beat(beats, voltage, "V", -0.005, 0.005)[:, 1]
    assert np.all(np.sign(t_wave[[0, 1], peak]) == -np.sign(main))


def test_fusion_beats_mix_normal_and_ventricular_ones(steady):
    normal, ventricular, fusion = (median_beat(*steady, symbol, -0.08, 0.5).ravel() for symbol in "NVF")
    (of_normal, of_ventricular), *_ = np.linalg.lstsq(np.stack([normal, ventricular], 1), fusion)
    assert 0.3 < of_normal < 0.7
    assert 0.3 < of_ventricular < 0.7
    assert abs(of_normal + of_ventricular - 1) < 0.1


def test_heart_rate_variability_has_two_peaks():
    rr = ecgsyn.rr_process(4000, 0.9, 0.05, np.random.default_rng(0), lf_hf=0.5, respiration=0.27)
    power = np.abs(np.fft.rfft(rr - rr.mean())) ** 2
    frequency = np.fft.rfftfreq(rr.size, 1 / ecgsyn.RR_RATE)
    low, high = (frequency > 0.05) & (frequency < 0.15), (frequency > 0.2) & (frequency < 0.35)
    assert frequency[low][power[low].argmax()] == pytest.approx(0.1, abs=0.003)
    assert frequency[high][power[high].argmax()] == pytest.approx(0.27, abs=0.003)
    assert power[low].sum() / power[high].sum() == pytest.approx(0.5, rel=0.02)
    assert power[low | high].sum() / power.sum() > 0.99


def test_stretched_wave():
    signal = np.zeros((2, 720))
    waves = ecgsyn.Waves(np.array([[1.0], [-2.0]]), np.array([0.2]), np.array([0.03]))
    ecgsyn.add_waves(signal, 360.0, waves, np.array([0.5]), np.array([0.5]), np.array([1.5]))
    assert signal[0].argmax() == signal[1].argmin() == round(360 * (0.5 + 0.2 * 1.5))
    np.testing.assert_allclose([signal[0].max(), signal[1].min()], [0.5, -1.0])
    # The area of a Gaussian is its height times its standard deviation times sqrt(2 pi).
    assert signal[0].sum() / 360 == pytest.approx(0.5 * 0.03 * 1.5 * np.sqrt(2 * np.pi), rel=1e-6)


def test_noise_stays_in_its_band():
    noise = ecgsyn.band_noise(3600, 360.0, 20.0, 40.0, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequency = np.fft.rfftfreq(3600, 1 / 360)
    outside = (frequency < 20) | (frequency > 40)
    assert power[outside].sum() < 1e-9 * power.sum()


def test_rhythms_are_annotated():
    rhythms = {}
    for record in RECORDS:
        annotations = datasets.read_ecg(SAMPLE, record).annotations
        assert annotations.symbol[0] == "+"
        rhythms[record] = [text for text in annotations.auxiliary if text]
    assert rhythms.pop("904") == ["(N", "(B", "(N", "(B"]
    assert rhythms.pop("905") == rhythms.pop("915") == ["(AFIB"]
    assert all(rhythm == ["(N"] for rhythm in rhythms.values())


def test_bigeminy_alternates():
    annotations = datasets.read_ecg(SAMPLE, "904").annotations
    start, stop = np.flatnonzero(annotations.symbol == "+")[1:3]
    symbols = "".join(annotations.symbol[start + 1 : stop])
    assert "VNVNVNVNVNVNVNVN" in symbols
    assert "VV" not in symbols


def test_fibrillation_is_irregular_without_p_waves():
    patient = dataclasses.replace(STEADY, heart_rate=80, variability=0.18, rhythm="fibrillation", ventricular=0.0)
    patient = dataclasses.replace(patient, supraventricular=0.0, fusion=0.0)
    beats = schedule(patient, np.random.default_rng(3))
    assert set(beats.symbol) == {"N"}
    interval = np.diff(beats.time)
    assert interval.std() / interval.mean() > 0.15
    assert abs(np.corrcoef(interval[:-1], interval[1:])[0, 1]) < 0.25
    shapes = simulate_ecg.draw_shapes(patient, np.random.default_rng(4))
    assert shapes["P"].amplitude[0, 0] > 0.07
    voltage = simulate_ecg.draw_voltage(patient, beats, np.random.default_rng(4))
    assert np.abs(median_beat(beats, voltage, "N", -0.2, -0.14)[0]).max() < 0.05
