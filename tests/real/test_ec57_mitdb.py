"""Every cell of the comparison against bxb, on the 48 records of the MIT-BIH Arrhythmia Database."""

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import wfdb

from medlib import datasets
from medlib.ecg.classes import aami_classes, is_beat
from medlib.ecg.ec57 import compare_beats
from medlib.errors import DataError

pytestmark = pytest.mark.real

# Counts that bxb of WFDB 10.7.0 printed (option -S, 7 x 7, row by row) for the annotations of `scenarios`.
BXB_COUNTS = json.loads(Path(__file__).with_name("ec57_mitdb.json").read_text())

# Of DS1 and DS2 after de Chazal et al. (2004).
CLASS_COUNTS = {
    "train": {"N": 45866, "S": 944, "V": 3788, "F": 415, "Q": 8},
    "test": {"N": 44259, "S": 1837, "V": 3221, "F": 388, "Q": 7},
}

# Where `sqrs` finds beats in the first minute of record 100, from the check of bxb in the WFDB Software Package.
SQRS_DETECTIONS = """
69 361 655 939 1224 1508 1801 2036 2395 2699 2991 3276 3552 3855 4162 4458 4756 5053 5340 5625 5911 6206 6519 6816 7098
7381 7662 7946 8237 8532 8830 9134 9423 9703 9991 10274 10583 10886 11184 11472 11772 12059 12341 12637 12941 13257
13555 13834 14124 14416 14702 15003 15303 15600 15892 16174 16456 16747 17051 17351 17647 17940 18219 18505 18786 19073
19380 19685 19981 20265 20547 20830 21123 21416
"""


@pytest.fixture(scope="module")
def annotations():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDLIB_OFFLINE", "1")
        try:
            folder = datasets.locate("mitdb")
        except DataError as error:
            pytest.skip(str(error))
    return {name: wfdb.rdann(str(folder / name), "atr") for name in BXB_COUNTS}


def corrupt(annotations, seed, *, with_periods):
    """Drop, move (by up to 200 ms), relabel and invent beats, and mark periods of fibrillation and noise."""
    random = Random(seed).random
    marks = []
    for time, symbol, subtype in zip(annotations.sample, annotations.symbol, annotations.subtype, strict=True):
        time = int(time)
        if random() < 0.03:
            continue
        if random() < 0.03:
            marks.append((time + 100, "NVAF"[int(random() * 4)], 0))
        if with_periods and random() < 0.01:
            marks += [(time + 10, "~", -1), (time + 900, "~", 0)]
        if with_periods and random() < 0.01:
            marks += [(time + 20, "[", 0), (time + 800, "]", 0)]
        time += int((random() - 0.5) * (144 if random() < 0.2 else 10))
        if is_beat(symbol) and random() < 0.1:
            symbol = "NAVFQ"[int(random() * 5)]
        marks.append((max(time, 0), symbol, int(subtype)))
    sample, symbol, subtype = zip(*sorted(marks, key=lambda mark: mark[0]), strict=True)
    return SimpleNamespace(sample=sample, symbol=symbol, subtype=subtype)


def scenarios(name, reference):
    """What is scored, from which second on, under which convention, by the scenario's name."""
    corrupted = corrupt(reference, int(name), with_periods=False)
    with_periods = corrupt(reference, int(name) + 1, with_periods=True)
    return {
        "itself": (reference, 300, "bxb"),
        "corrupted": (corrupted, 300, "bxb"),
        "corrupted, from the beginning": (corrupted, 0, "bxb"),
        # bxb knows one convention; it was given e and j rewritten as N.
        "corrupted, de Chazal": (corrupted, 300, "de_chazal"),
        "with periods": (with_periods, 300, "bxb"),
    }


@pytest.mark.parametrize("name", BXB_COUNTS)
def test_counts_equal_bxb(name, annotations):
    reference = annotations[name]
    for scenario, (algorithm, start, convention) in scenarios(name, reference).items():
        counts = compare_beats(reference, algorithm, 360, 650_000, start_seconds=start, convention=convention)
        assert counts.ravel().tolist() == BXB_COUNTS[name][scenario], scenario


def test_first_minute_of_100_equals_the_check_package(annotations):
    found = [int(time) for time in SQRS_DETECTIONS.split()]
    algorithm = SimpleNamespace(sample=found, symbol=["N"] * len(found), subtype=None)
    first_minute = annotations["100"].sample < 21_600
    reference = SimpleNamespace(
        sample=annotations["100"].sample[first_minute],
        symbol=np.array(annotations["100"].symbol)[first_minute],
        subtype=None,
    )
    counts = compare_beats(reference, algorithm, 360, 21_600, start_seconds=0)
    assert counts.sum() == 74
    assert (counts[0, 0], counts[1, 0]) == (73, 1)


@pytest.mark.parametrize("split", CLASS_COUNTS)
def test_class_counts_are_those_of_de_chazal(split, annotations):
    counts = dict.fromkeys("NSVFQ", 0)
    for name in datasets.get("mitdb").splits[split]:
        symbols = np.array(annotations[name].symbol)
        for label in aami_classes(symbols[is_beat(symbols)]).tolist():
            counts[label] += 1
    assert counts == CLASS_COUNTS[split]


def test_escape_beats_change_s_in_ds2(annotations):
    symbols = np.concatenate([annotations[name].symbol for name in datasets.get("mitdb").splits["test"]])
    symbols = symbols[is_beat(symbols)]
    assert [np.sum(aami_classes(symbols, convention) == "S") for convention in ("de_chazal", "bxb")] == [1837, 2050]
