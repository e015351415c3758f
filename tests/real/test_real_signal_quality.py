"""No lead of the published ECG sets has a fault, so that none is refused wrongly."""

import pytest

from medlib import datasets
from medlib.ecg import quality


@pytest.mark.real
@pytest.mark.parametrize("name", ["mitdb", "ptbxl", "ludb", "cinc2017"])
def test_no_lead_is_refused(real_folder, name):
    headers = sorted(real_folder(name).rglob("*.hea"))
    assert len(headers) >= 48
    for header in headers:
        record = datasets.read_ecg(header.parent, header.stem, None)
        assert not any(quality.faults(record.signal, record.sampling_rate)), header.stem
