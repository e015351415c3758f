"""The notebook on beat generation on the real database, shortened, and on validation patients alone."""

import pytest

SHORT = {
    "dataset": "mitdb",
    "evaluated_on": "validation",
    "most_beats": 60,
    "training_steps": 300,
    "overfitting_steps": 1200,
    "n_classifiers": 1,
    "classifier_steps": 60,
    "n_replicates": 20,
}


@pytest.mark.real
def test_a_short_run_on_real_patients_makes_beats_that_are_neither_useless_nor_copies(run_on_real_data):
    metrics = run_on_real_data("ecg/beat_generation", SHORT, needs=["mitdb"])
    assert metrics["f1_tstr"].n == 7
    # Synthetic beats teach a classifier more than to call everything N, nearly as much as real ones.
    assert metrics["f1_tstr"].value > metrics["f1_tstr"].baseline + 0.1
    assert metrics["f1_tstr"].value > metrics["f1_trtr"].value - 0.15
    # The test for copies catches copies and an overfitted model, and lets held-out real beats pass.
    assert metrics["memorized_share_copies"].value > 0.7
    assert metrics["memorized_share_overfitted"].value > 0.2
    assert metrics["memorized_share_held_out"].value < 0.15
    assert metrics["memorized_share"].value < 0.15
    # Real beats of the same patients are the floor.
    assert metrics["ks_rr_n_real"].value < metrics["ks_rr_n"].baseline
