"""No lead of the published ECG sets has a fault, so that none is refused wrongly."""

import os
from unittest import mock

import pytest

from medlib import datasets
from medlib.ecg import quality
from medlib.errors import DataError


@pytest.mark.real
@pytest.mark.parametrize("name", ["mitdb", "ptbxl", "ludb", "cinc2017"])
def test_no_lead_is_refused(name):
    try:
        with mock.patch.dict(os.environ, MEDLIB_OFFLINE="1"):
            folder = datasets.locate(name)
    except DataError:
        pytest.skip(f"the real {name} is neither in MEDLIB_DATA nor in the cache")
    headers = sorted(folder.rglob("*.hea"))
    assert len(headers) >= 48
    for header in headers:
        record = datasets.read_ecg(header.parent, header.stem, None)
        assert not any(quality.faults(record.signal, record.sampling_rate)), header.stem
