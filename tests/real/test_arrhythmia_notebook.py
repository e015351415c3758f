"""The headline notebook on the real database, shortened: one network, one epoch, two folds."""

import pytest

SHORT = {"dataset": "mitdb", "n_networks": 1, "n_folds": 2, "epochs": 1, "batch_size": 256, "n_resampled": 1}


@pytest.mark.real
def test_a_short_run_on_real_patients_beats_the_baseline(run_on_real_data):
    metrics = run_on_real_data("ecg/arrhythmia_1dcnn", SHORT, needs=["mitdb"])
    assert metrics["macro_f1_nsv"].n == 22
    # Asserted on cross-validation over training patients alone: the test set is not for development.
    assert metrics["cv_macro_f1_step_5"].value > metrics["cv_macro_f1_patient_split"].value + 0.05
    assert metrics["stress_f1_s_step_5"].value > metrics["stress_f1_s_step_1"].value + 0.05
    # The leak that the notebook warns of.
    assert metrics["cv_macro_f1_random_split"].value > metrics["cv_macro_f1_patient_split"].value + 0.05
