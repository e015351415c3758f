"""The real MIT-BIH Arrhythmia Database, when it is on this machine."""

import collections

import numpy as np
import pytest

from medlib import datasets
from medlib.datasets import storage
from medlib.errors import DataError

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def folder():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDLIB_OFFLINE", "1")
        try:
            return datasets.locate("mitdb")
        except DataError as error:
            if storage.find(datasets.get("mitdb"))[0] == "mirror":
                raise
            pytest.skip(str(error))


@pytest.fixture(scope="module")
def records(folder):
    names = (folder / "RECORDS").read_text().split()
    return {name: datasets.read_ecg(folder, name) for name in names}


def test_every_file_is_right(folder):
    assert not any(datasets.verify("mitdb").values())


def test_every_record_is_read(records):
    assert len(records) == 48
    for record in records.values():
        assert record.signal.shape == (2, 650_000)
        assert record.sampling_rate == 360.0
        assert np.all(np.abs(record.signal) <= 5.12)


def test_beats_by_symbol(records):
    # Moody and Mark 2001, and the tables of the database's directory.
    beats = {"N": 75052, "L": 8075, "R": 7259, "V": 7130, "/": 7028, "A": 2546, "f": 982, "F": 803, "j": 229}
    beats |= {"a": 150, "E": 106, "J": 83, "Q": 33, "e": 16, "S": 2}
    counts = collections.Counter()
    for record in records.values():
        counts.update(record.annotations.symbol.tolist())
    assert {symbol: counts[symbol] for symbol in beats} == beats
    assert sum(beats.values()) == 109_494
    assert counts.total() == 112_647


def test_lead_names(records):
    assert records["100"].lead_names == ("MLII", "V5")
    assert records["114"].lead_names == ("V5", "MLII")
    assert records["102"].lead_names == records["104"].lead_names == ("V5", "V2")
    assert {name for name, record in records.items() if "MLII" not in record.lead_names} == {"102", "104"}


def test_first_sample(records):
    # Record 100 starts at 995 and 1011 of 1024 units (its header), 200 units to the mV.
    np.testing.assert_allclose(records["100"].signal[:, 0], [-0.145, -0.065], atol=1e-6)


def test_rhythms(records):
    assert records["100"].annotations.auxiliary[0] == "(N"
    assert "(AFIB" in records["202"].annotations.auxiliary
