"""The delineation notebook on the real database, shortened: one small network for each of two folds, three epochs."""

import pytest

SHORT = {
    "dataset": "ludb",
    "scored": "development",
    "epochs": 3,
    "batch_size": 12,
    "neurokit_methods": ["prominence"],
}


@pytest.mark.real
def test_a_short_run_on_real_patients_finds_their_waves(run_on_real_data):
    metrics = run_on_real_data("ecg/delineation", SHORT, needs=["ludb"])
    assert metrics["f1_qrs"].n == 40
    # Asserted on development patients alone: the test patients are not for development.
    assert metrics["f1_qrs"].value > 0.9 and metrics["f1_t"].value > 0.8
    assert metrics["bias_qrs_onset"].value < 15 and metrics["bias_qrs_offset"].value < 15
    # NeuroKit sees the same leads: its figure says that truth and times are read as they should be.
    assert metrics["f1_qrs_neurokit_prominence"].value > 0.9
