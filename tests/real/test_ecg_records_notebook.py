"""The notebook on reading ECG records, on the real data, shortened to two minutes of each long record."""

import pytest

SHORT = {
    "arrhythmia": "mitdb",
    "twelve_lead": "ptbxl",
    "short_strips": "cinc2017",
    "odd_record": "114",
    "heart_rate_seconds": 60.0,
}


@pytest.mark.real
def test_real_records_are_read_and_indices_beat_the_size_of_the_signal(run_on_real_data):
    metrics = run_on_real_data("reading/ecg_records", SHORT, needs=["mitdb", "ptbxl", "cinc2017"])
    assert metrics["records_read"].value == 48 + 500 + 160
    assert metrics["leads_with_faults"].value == 0
    # On the half that the index was chosen on: the scoring half is not for development.
    assert metrics["auc_noisy_choosing_half"].value > metrics["auc_noisy_choosing_half"].baseline + 0.05
    assert metrics["heart_rate_error_median"].value < 1
    assert metrics["rmssd_error"].value < 3
