"""The simulated sample of PTB-XL: laid out like PTB-XL, balanced over its folds, and learnable but not trivial."""

import ast
import collections
import csv

import numpy as np
import wfdb

from medlib import resources
from medlib.datasets import simulate_ptbxl

SAMPLE = resources.root() / "data" / "samples" / "ptbxl-sample"


def read(name):
    with (SAMPLE / name).open(newline="") as file:
        return list(csv.DictReader(file))


ROWS = read("ptbxl_database.csv")
STATEMENTS = {row[""]: row for row in read("scp_statements.csv")}


def superclasses(row):
    codes = ast.literal_eval(row["scp_codes"])
    return {STATEMENTS[code]["diagnostic_class"] for code in codes} - {""}


def test_layout():
    assert [int(row["ecg_id"]) for row in ROWS] == list(range(1, 61))
    assert len({row["patient_id"] for row in ROWS}) == 60
    for row in ROWS:
        header = wfdb.rdheader(str(SAMPLE / row["filename_lr"]))
        assert (header.fs, header.sig_len, header.adc_gain) == (100, 1000, [1000.0] * 12)
        assert header.sig_name == ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
        assert 18 <= float(row["age"]) <= 89
        assert row["sex"] in ("0", "1")


def test_folds():
    folds = collections.Counter(int(row["strat_fold"]) for row in ROWS)
    assert (folds[10], folds[9]) == (15, 10)
    assert all(4 <= folds[fold] <= 5 for fold in range(1, 9))


def test_superclasses_are_spread_over_the_folds():
    for superclass in ("NORM", "MI", "STTC", "CD", "HYP"):
        count = collections.Counter(int(row["strat_fold"]) for row in ROWS if superclass in superclasses(row))
        assert count[10] >= 3
        assert count[9] >= 2
        assert sum(count[fold] for fold in range(1, 9)) >= 7
    both = [row for row in ROWS if len(superclasses(row)) == 2]
    assert len(both) >= 10
    assert all("NORM" not in superclasses(row) for row in both)


def test_every_code_is_a_statement():
    used = {code for row in ROWS for code in ast.literal_eval(row["scp_codes"])}
    assert used == set(STATEMENTS)


def test_same_case_gives_the_same_ecg():
    case = simulate_ptbxl.Case(7, ("IMI",), 1)
    first, second = (simulate_ptbxl.simulate_case(case)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.any(first != simulate_ptbxl.simulate_case(simulate_ptbxl.Case(8, ("IMI",), 1))[0])


def test_recordings_keep_the_laws_of_the_limb_leads():
    for row in ROWS[:10]:
        i, ii, iii, avr, avl, avf = wfdb.rdrecord(str(SAMPLE / row["filename_lr"]), physical=False).d_signal.T[:6]
        assert np.abs(i + iii - ii).max() <= 2
        assert np.abs(avr + avl + avf).max() <= 2


def test_largest_voltages_tell_hypertrophy_from_normal_but_not_always():
    def index(row):
        leads = wfdb.rdrecord(str(SAMPLE / row["filename_lr"])).p_signal.T
        return np.percentile(leads[10], 99) - np.percentile(leads[6], 1)

    normal = np.array([index(row) for row in ROWS if superclasses(row) == {"NORM"}])
    hypertrophy = np.array([index(row) for row in ROWS if "HYP" in superclasses(row)])
    larger = np.mean(hypertrophy[:, None] > normal)
    assert 0.75 < larger < 1.0
