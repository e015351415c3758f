"""The notebook on beat detection on real recordings, shortened: four training and two test records, three epochs."""

import pytest

SHORT = {"dataset": "mitdb", "noise_dataset": "nstdb", "n_train": 4, "n_test": 2, "epochs": 3}


@pytest.mark.real
def test_a_short_run_finds_the_beats_of_held_out_patients_in_noise(run_on_real_data):
    metrics = run_on_real_data("ecg/beat_detection", SHORT, needs=["mitdb", "nstdb"])
    assert metrics["f1_150ms"].n == 2 and metrics["cv_f1_150ms_clean"].n == 4
    # Asserted on cross-validation over training patients alone: the test set is not for development.
    assert metrics["cv_f1_150ms_clean"].value > 0.97
    assert metrics["cv_f1_50ms_clean"].value > 0.95
    # Each network has seen two patients; on all of DS1 it is 0.94.
    assert metrics["cv_f1_150ms_snr_0"].value > 0.6
    # The order that noise makes.
    in_noise = [metrics[f"cv_f1_150ms_snr_{snr}"].value for snr in (12, 6, 0)]
    assert in_noise == sorted(in_noise, reverse=True)
