"""The simulated sample of LUDB: laid out like LUDB, and true to the ten patients."""

import csv

import numpy as np
import pytest
import wfdb

from medlib import resources
from medlib.datasets.simulate_ludb import PATIENTS
from medlib.datasets.simulate_twelve_leads import LEADS

SAMPLE = resources.root() / "data" / "samples" / "ludb-sample"
RECORDS = [f"data/{number}" for number in range(1, 11)]


def read_waves(record, annotator):
    """Symbols of the waves and their onsets, peaks and offsets, shape (n_waves, 3)."""
    annotation = wfdb.rdann(str(SAMPLE / record), annotator)
    symbols = np.array(annotation.symbol).reshape(-1, 3)
    assert set(symbols[:, 0]) == {"("}
    assert set(symbols[:, 2]) == {")"}
    return symbols[:, 1], annotation.sample.reshape(-1, 3)


@pytest.mark.parametrize("record", RECORDS)
def test_layout(record):
    header = wfdb.rdheader(str(SAMPLE / record))
    assert (header.fs, header.sig_len, header.units) == (500, 5000, ["mV"] * 12)
    assert header.sig_name == ["i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6"]
    assert header.fmt == ["16"] * 12
    assert header.comments[0].startswith("<age>: ")


def test_tables():
    assert (SAMPLE / "RECORDS").read_text().split() == RECORDS
    with (SAMPLE / "ludb.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["ID"] for row in rows] == [str(number) for number in range(1, 11)]
    assert {row["Rhythms"] for row in rows} == {
        "Sinus rhythm",
        "Sinus bradycardia",
        "Sinus tachycardia",
        "Atrial fibrillation",
    }
    assert all(row["Sex"] in ("F\n", "M\n") and row["Age"].endswith("\n") for row in rows)


@pytest.mark.parametrize("record", RECORDS)
def test_waves_follow_each_other(record):
    for lead in LEADS:
        symbols, samples = read_waves(record, lead.lower())
        assert set(symbols) <= {"p", "N", "t"}
        assert np.all(np.diff(samples.ravel()) > 0)
        assert samples.min() >= 0
        assert samples.max() < 5000


@pytest.mark.parametrize(("patient", "record"), list(zip([case[0] for case in PATIENTS], RECORDS, strict=True)))
def test_heart_rate_is_the_patients(patient, record):
    symbols, samples = read_waves(record, "v2")
    rate = 60 * 500 / np.diff(samples[symbols == "N", 1]).mean()
    assert rate == pytest.approx(patient.heart_rate, rel=0.15)


@pytest.mark.parametrize("record", RECORDS)
def test_boundaries_agree_between_leads(record):
    boundaries = {}
    for lead in LEADS:
        symbols, samples = read_waves(record, lead.lower())
        boundaries[lead] = {(onset, offset) for onset, _, offset in samples[symbols == "N"].tolist()}
    # A QRS complex may be invisible in a lead, but one that is not has the boundaries of all.
    longest = max(boundaries.values(), key=len)
    assert all(found <= longest for found in boundaries.values())
    assert sum(found == longest for found in boundaries.values()) >= 11


def test_p_waves_lie_before_their_qrs_and_are_absent_in_fibrillation():
    for record in RECORDS:
        symbols, samples = read_waves(record, "ii")
        p = np.flatnonzero(symbols == "p")
        assert (p.size == 0) == (record == "data/3")
        assert set(symbols[p + 1]) <= {"N"}
        pr = (samples[p + 1, 0] - samples[p, 0]) / 500
        assert np.all((pr > 0.2) == (record == "data/10"))
        assert np.all(pr > 0.1)


def test_blocks_and_ectopic_beats():
    def duration(number):
        symbols, samples = read_waves(f"data/{number}", "v1")
        return np.ptp(samples[symbols == "N"], axis=1) / 500

    assert np.all(duration(1) < 0.11)
    assert np.all(duration(4) > 0.12)
    assert np.all(duration(7) > 0.12)
    assert 3 <= np.sum(duration(5) > 0.13) <= 7
    symbols, samples = read_waves("data/8", "v2")
    interval = np.diff(samples[symbols == "N", 1])
    assert np.sum(interval < 0.92 * np.median(interval)) >= 1
